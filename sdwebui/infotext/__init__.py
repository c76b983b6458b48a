"""Generation parameters as servers write them into images and responses."""
