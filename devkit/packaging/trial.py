"""Installs a package as Dify's daemon does, starts it both ways and makes an image with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from devkit.host import PluginHost, ServerlessPlugin
from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, Rule, Status, failed, warning
from devkit.packaging.lock import uv
from devkit.simulator import Simulator

INSTALL_SECONDS = 600


def run(package: Package) -> Iterator[tuple[Rule, list[Finding]]]:
    """Install, start and use the package in its folder; stop at the first step that fails."""
    for name, source, step in STEPS:
        rule = Rule(name, source, step)
        try:
            findings = list(step(package))
        except Exception as error:  # noqa: BLE001  whatever breaks here is the step's failure
            findings = [failed(f"{type(error).__name__}: {error}")]
        yield rule, findings
        if any(found.status == Status.FAILED for found in findings):
            return


def python_of(root: Path) -> Path:
    """The interpreter that ``uv sync`` put into the package's folder."""
    windows = root / ".venv" / "Scripts" / "python.exe"
    return windows if sys.platform == "win32" else root / ".venv" / "bin" / "python"


def install(package: Package) -> Iterator[Finding]:
    """``uv sync --no-dev --frozen`` in the folder, with Python 3.12 as in the daemon's image."""
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    python = sys.executable if sys.version_info[:2] == (3, 12) else shutil.which("python3.12")
    if not python:
        python = sys.executable
        yield warning(f"no Python 3.12 here; installed with {sys.version.split()[0]}")
    done = subprocess.run(
        [uv(), "sync", "--quiet", "--no-dev", "--frozen", "--python", python],
        cwd=package.root,
        env=env,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        yield failed(f"uv sync failed: {done.stderr.strip()[-1000:]}")


def serve(package: Package) -> Iterator[Finding]:
    """With INSTALL_METHOD=serverless it says within 20 s that it serves."""
    with ServerlessPlugin(package.root, python=str(python_of(package.root))):
        yield from ()


def draw(package: Package) -> Iterator[Finding]:
    """As under the daemon: it introduces itself, takes the credentials, and makes an image."""
    ((_, provider),) = package.providers.items()
    name = provider["identity"]["name"]
    with (
        Simulator() as server,
        PluginHost(package.root, python=str(python_of(package.root))) as host,
    ):
        if host.manifest.get("version") != package.field("version"):
            yield failed(f"its first line names version {host.manifest.get('version')}")
        credentials = {"base_url": server.url}
        host.validate_credentials(name, credentials)
        requested = {"prompt": "a lighthouse on a cliff", "seed": 7}
        result = host.invoke(name, "sd_txt2img", credentials, requested, timeout=60)
        if [file.mime_type for file in result.files] != ["image/png"]:
            yield failed(f"asked for one image, got {result.files}")
        for violation in host.violations:
            yield failed(f"not the daemon's protocol: {violation[:200]}")


Step = tuple[str, str, Callable[[Package], Iterator[Finding]]]
STEPS: list[Step] = [
    ("trial-install", "daemon: uv sync --no-dev --frozen", install),
    ("trial-picture", "daemon: python -m main, JSON lines on stdin and stdout", draw),
    ("trial-serverless", "marketplace: plugin install test", serve),
]
