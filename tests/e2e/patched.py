"""A plugin with a module changed in its process: for what no input brings about."""

import os
from pathlib import Path

from devkit.host import PluginHost
from tests.conftest import PLUGIN, PYTHON, measured

SITE = """
import importlib.util
import sys


class Changes:
    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_change(module):
            load(module)
            exec(CHANGE, vars(module))

        spec.loader.exec_module = load_and_change
        return spec


sys.meta_path.insert(0, Changes())
"""


def patched(folder: Path, module: str, change: str) -> PluginHost:
    """Start the plugin; ``change`` runs in the module right after it was loaded.

    Args:
        folder: An empty one.
        module: Such as "sdwebui.http.server".
        change: Python code.
    """
    site = f"MODULE = {module!r}\nCHANGE = {change!r}\n{SITE}"
    (folder / "sitecustomize.py").write_text(site, encoding="utf-8")
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    env = {**measured(), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return PluginHost(PLUGIN, python=PYTHON, env=env)
