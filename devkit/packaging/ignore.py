"""Which files of the folder go into the package: `.difyignore` as Dify's packager reads it.

The packager (plugin daemon, ``plugin_packager/decoder/fs.go``) takes `.difyignore` in the place of
`.gitignore`, skips blank lines and comments, and drops whatever *any* pattern excludes. So, unlike
with git, a later ``!pattern`` brings nothing back, and `.git` ships unless a line names it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class IgnorePattern:
    """One line of `.difyignore`, split at its slashes."""

    parts: tuple[str, ...]
    folders_only: bool

    def matches(self, path: PurePosixPath, *, is_folder: bool) -> bool:
        """Return whether this pattern names the path itself; what lies in it goes with it."""
        return (is_folder or not self.folders_only) and _matches(path.parts, self.parts)


def parse_ignore(text: str) -> list[IgnorePattern]:
    """Return the patterns of a `.difyignore`; ``!`` lines have no effect and are left out."""
    patterns = []
    for line in map(str.strip, text.splitlines()):
        if not line or line[0] in "#!":
            continue
        parts = [part for part in line.split("/") if part]
        # A pattern without a slash means that name in any folder; with one it starts at the root.
        if "/" not in line.rstrip("/"):
            parts = ["**", *parts]
        patterns.append(IgnorePattern(tuple(parts), folders_only=line.endswith("/")))
    return patterns


def packaged_files(root: Path) -> list[PurePosixPath]:
    """Return every file under ``root`` that `.difyignore` does not name, sorted.

    Raises:
        FileNotFoundError: There is no `.difyignore`; without one the packager would ship `.git`.
    """
    patterns = parse_ignore((root / ".difyignore").read_text(encoding="utf-8"))
    return sorted(_kept(root, PurePosixPath(), patterns))


def _kept(
    root: Path, folder: PurePosixPath, patterns: list[IgnorePattern]
) -> Iterator[PurePosixPath]:
    for entry in (root / folder).iterdir():
        path = folder / entry.name
        is_folder = entry.is_dir() and not entry.is_symlink()
        if any(pattern.matches(path, is_folder=is_folder) for pattern in patterns):
            continue
        if is_folder:
            yield from _kept(root, path, patterns)
        else:
            yield path


def _matches(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Return whether the names of a path fit a pattern; ``**`` stands for any number of names."""
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(names[skipped:], parts[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _matches(names[1:], parts[1:])
