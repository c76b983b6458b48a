"""Builds the installable ``.difypkg``, checks it, and tries it out.

``python -m devkit.packaging build`` writes ``dist/<name>-<version>.difypkg``. ``check`` examines
such a file, installs it as Dify's plugin daemon does and makes an image with it; what the
marketplace checks itself is left to its toolkit, which runs in ``.github/workflows/package.yml``.
``test`` runs the end-to-end tests on the installed package. ``set`` writes version and publisher
wherever they stand.
"""
