"""Writes and unpacks the ``.difypkg``: a zip whose bytes depend on the files' content alone."""

import re
import zipfile
from pathlib import Path, PurePosixPath

import yaml

from devkit.packaging.ignore import packaged_files
from devkit.packaging.lock import LOCK_FILE, PackagingError, make_lock

# A zip cannot hold an earlier time. Modes and times of the checkout would differ between machines.
_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3


def build(root: Path, destination: Path) -> Path:
    """Pack the plugin in ``root`` and return the new file, ``<name>-<version>.difypkg``.

    Raises:
        PackagingError: uv cannot lock the dependencies.
    """
    manifest = yaml.safe_load((root / "manifest.yaml").read_text(encoding="utf-8"))
    contents = {path: (root / path).read_bytes() for path in packaged_files(root)}
    project = runtime_project((root / "pyproject.toml").read_text(encoding="utf-8"))
    requirements = (root / "requirements.txt").read_text(encoding="utf-8")
    contents[PurePosixPath("pyproject.toml")] = project.encode()
    contents[PurePosixPath(LOCK_FILE)] = make_lock(project, requirements)
    destination.mkdir(parents=True, exist_ok=True)
    package = destination / f"{manifest['name']}-{manifest['version']}.difypkg"
    write_archive(package, contents)
    return package


def runtime_project(pyproject: str) -> str:
    """Return the tables of a pyproject.toml that an installation reads.

    What developers need would otherwise stand in the release's lock, and in every scan of it.
    """
    tables = re.split(r"^(?=\[)", pyproject, flags=re.MULTILINE)
    kept = [table.strip() for table in tables if table.startswith(("[project]", "[tool.uv]"))]
    return "\n\n".join(kept) + "\n"


def write_archive(package: Path, contents: dict[PurePosixPath, bytes]) -> None:
    """Write the files in the order of their names, with fixed times and modes."""
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(contents):
            entry = zipfile.ZipInfo(path.as_posix(), _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = _PLAIN_FILE
            archive.writestr(entry, contents[path])


def unpack(package: Path, folder: Path) -> None:
    """Unpack a package into an empty folder.

    Raises:
        PackagingError: It is no zip.
    """
    try:
        with zipfile.ZipFile(package) as archive:
            # Whatever an entry is called, it lands inside the folder.
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise PackagingError(f"{package.name} is not a package (no zip): {error}") from error
