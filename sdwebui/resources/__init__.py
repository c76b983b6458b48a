"""The lists of a server: parsed, cached, and searched by name."""
