"""Which files of the folder go into the package: `.difyignore` as Dify's packager reads it.

The packager (plugin daemon, ``plugin_packager/decoder/fs.go``) takes `.difyignore` in the place of
`.gitignore`, skips blank lines and comments, and drops whatever *any* pattern excludes. So, unlike
with git, a later ``!pattern`` brings nothing back, and `.git` ships unless a line names it.
"""

from pathlib import Path, PurePosixPath

from devkit.packaging.lock import PackagingError


def packaged_files(root: Path) -> list[PurePosixPath]:
    """Return every file under ``root`` that `.difyignore` does not name, sorted.

    Raises:
        FileNotFoundError: There is no `.difyignore`; without one the packager would ship `.git`.
        PackagingError: A pattern holds ``**``, which is not read here.
    """
    patterns = _read_patterns((root / ".difyignore").read_text(encoding="utf-8"))
    kept: list[PurePosixPath] = []
    for path, folders, files in root.walk():
        folder = PurePosixPath(path.relative_to(root).as_posix())
        # What lies in an ignored folder is ignored with it.
        folders[:] = [name for name in folders if not _is_named(folder / name, patterns)]
        plain = [pattern for pattern in patterns if not pattern.endswith("/")]
        kept += [folder / name for name in files if not _is_named(folder / name, plain)]
    return sorted(kept)


def _read_patterns(text: str) -> list[str]:
    lines = map(str.strip, text.splitlines())
    patterns = [line for line in lines if line and line[0] not in "#!"]
    for pattern in patterns:
        if "**" in pattern:
            raise PackagingError(f".difyignore: {pattern} holds **; name the folders one by one.")
    return patterns


def _is_named(path: PurePosixPath, patterns: list[str]) -> bool:
    """Return whether a pattern names the path itself."""
    for pattern in patterns:
        body = pattern.strip("/")
        # A pattern without a slash means that name in any folder; with one it starts at the root.
        anchored = "/" in pattern.rstrip("/")
        if ("/" / path).match(f"/{body}" if anchored else body):
            return True
    return False
