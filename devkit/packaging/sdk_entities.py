"""``python -m devkit.packaging.sdk_entities FOLDER`` loads a plugin's YAML as the SDK does.

Prints a JSON list of complaints. A program of its own, because importing the SDK patches the
standard library with gevent.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from dify_plugin.core.entities.plugin.setup import PluginConfiguration
from dify_plugin.core.utils.yaml_loader import load_yaml_file
from dify_plugin.entities.tool import ToolProviderConfiguration


def complaints(folder: Path) -> list[str]:
    """What the SDK has against the manifest and the tool providers in ``folder``."""
    os.chdir(folder)  # the SDK reads the tools' files relative to the working directory
    found = []
    try:
        manifest = PluginConfiguration(**load_yaml_file("manifest.yaml"))
    except Exception as error:  # noqa: BLE001  whatever the SDK raises is its complaint
        return [f"manifest.yaml: {error}"]
    for path in manifest.plugins.tools:
        try:
            ToolProviderConfiguration(**load_yaml_file(path))
        except Exception as error:  # noqa: BLE001
            found.append(f"{path}: {error}")
    return found


if __name__ == "__main__":
    print(json.dumps(complaints(Path(sys.argv[1]))))
