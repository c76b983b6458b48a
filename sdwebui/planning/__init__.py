"""From a tool's parameters to a plan that the server can carry out."""
