"""The ``uv.lock`` that a release carries: made when it is packed, never kept in git.

Dify's daemon installs with ``uv sync --no-dev --frozen`` when a package holds one. Only names and
hashes of the registry's files go in, so it names the registry that the packing machine uses.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK_FILE = "uv.lock"
UV = (sys.executable, "-m", "uv")
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


class PackagingError(Exception):
    """The package cannot be built; the text has the reason and what to do."""


def pinned_versions(requirements: str) -> dict[str, str]:
    """Return name → version of a requirements file whose lines read ``name==version``."""
    return {name.lower().replace("_", "-"): version for name, version in _PIN.findall(requirements)}


def make_lock(pyproject: str, requirements: str) -> bytes:
    """Return a fresh lock for a pyproject.toml, with the versions of a requirements file.

    Raises:
        PackagingError: uv cannot resolve them; the text holds uv's own words.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        (copy / "pyproject.toml").write_text(pyproject, encoding="utf-8")
        command = [*UV, "lock", "--quiet", "--python", sys.executable]
        for package, version in sorted(pinned_versions(requirements).items()):
            command += ["--upgrade-package", f"{package}=={version}"]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PackagingError(f"uv lock failed:\n{done.stderr.strip()}")
        return (copy / LOCK_FILE).read_bytes()
