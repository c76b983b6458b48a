"""Builds the installable ``.difypkg`` and holds it against the platform's rules.

``python -m devkit.packaging build`` writes ``dist/<name>-<version>.difypkg``; ``check`` examines
such a file, installs it as Dify's plugin daemon does and makes an image with it; ``set`` writes
version and publisher wherever they stand.
"""
