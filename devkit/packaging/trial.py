"""Installs a package as Dify's daemon does, starts it both ways and makes an image with it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from devkit.host import PluginHost, ServerlessPlugin
from devkit.packaging.contents import Package
from devkit.packaging.lock import UV
from devkit.packaging.rules import Check
from devkit.simulator import Simulator

INSTALL_SECONDS = 600


def python_of(root: Path) -> Path:
    """Return the interpreter that ``uv sync`` put into the package's folder."""
    windows = root / ".venv" / "Scripts" / "python.exe"
    return windows if sys.platform == "win32" else root / ".venv" / "bin" / "python"


def install(package: Package) -> Iterator[str]:
    """It installs with Python 3.12, as in the daemon: ``uv sync --no-dev --frozen``."""
    python = sys.executable if sys.version_info[:2] == (3, 12) else shutil.which("python3.12")
    if not python:
        print(f"No Python 3.12 here: trying it with {sys.version.split()[0]}.")
    done = subprocess.run(
        [*UV, "sync", "--quiet", "--no-dev", "--frozen", "--python", python or sys.executable],
        cwd=package.root,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        yield f"uv sync failed: {done.stderr.strip()[-1000:]}"


def make_image(package: Package) -> Iterator[str]:
    """It introduces itself, takes credentials and makes an image, as under the daemon."""
    provider = package.provider["identity"]["name"]
    python = str(python_of(package.root))
    with Simulator() as server, PluginHost(package.root, python=python) as host:
        if host.manifest.get("version") != package.manifest["version"]:
            yield f"its first line names version {host.manifest.get('version')}"
        credentials = {"base_url": server.url}
        host.validate_credentials(provider, credentials)
        requested = {"prompt": "a lighthouse on a cliff", "seed": 7}
        result = host.invoke(provider, "sd_txt2img", credentials, requested, timeout=60)
        if [file.mime_type for file in result.files] != ["image/png"]:
            yield f"one image was requested, but it sent {result.files}"
        for violation in host.violations:
            yield f"not the daemon's protocol: {violation[:200]}"


def serve(package: Package) -> Iterator[str]:
    """It serves within 20 s with INSTALL_METHOD=serverless, as in the marketplace's test."""
    with ServerlessPlugin(package.root, python=str(python_of(package.root))):
        yield from ()


STEPS: tuple[Check, ...] = (install, make_image, serve)
