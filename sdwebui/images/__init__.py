"""Image files: their formats, sizes, metadata and pixels."""
