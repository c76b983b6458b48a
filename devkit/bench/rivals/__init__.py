"""Tools to compare with; each becomes a plugin of its own, see ``devkit.bench.plugins``."""
