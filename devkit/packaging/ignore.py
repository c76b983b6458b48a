"""Which files of the folder go into the package: `.difyignore` as Dify's packager reads it.

The packager (plugin daemon, ``plugin_packager/decoder/fs.go``) takes `.difyignore` in the place of
`.gitignore`, skips blank lines and comments, and drops whatever *any* pattern excludes. So, unlike
with git, a later ``!pattern`` brings nothing back, and `.git` ships unless a line names it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

IGNORE_FILE = ".difyignore"


@dataclass(frozen=True, slots=True)
class IgnorePattern:
    """One line of `.difyignore`."""

    line: str
    regex: re.Pattern[str]
    folders_only: bool

    def matches(self, path: PurePosixPath, *, is_folder: bool) -> bool:
        """Whether this pattern names the path itself; what lies in it goes with it."""
        if self.folders_only and not is_folder:
            return False
        return self.regex.fullmatch(path.as_posix()) is not None


def parse_ignore(text: str) -> list[IgnorePattern]:
    """The patterns of a `.difyignore`, in order; ``!`` lines have no effect and are left out."""
    lines = (line.strip() for line in text.splitlines())
    return [_parse_line(line) for line in lines if line and line[0] not in "#!"]


def _parse_line(line: str) -> IgnorePattern:
    body = line.rstrip("/")
    # A pattern without a slash means that name in any folder; with one it is anchored at the root.
    anchored = "/" in body
    parts = [part for part in body.split("/") if part]
    expression = "" if anchored else "(?:.*/)?"
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if part == "**":
            expression += ".*" if last else "(?:.*/)?"
        else:
            expression += _name_expression(part) + ("" if last else "/")
    return IgnorePattern(line, re.compile(expression), folders_only=line.endswith("/"))


def _name_expression(name: str) -> str:
    """A shell pattern for one path component as a regular expression: ``*``, ``?`` and ``[…]``."""
    pieces: list[str] = []
    position = 0
    while position < len(name):
        character = name[position]
        closing = name.find("]", position + 2) if character == "[" else -1
        if character == "*":
            pieces.append("[^/]*")
        elif character == "?":
            pieces.append("[^/]")
        elif closing > 0:
            pieces.append(name[position : closing + 1])
            position = closing
        else:
            pieces.append(re.escape(character))
        position += 1
    return "".join(pieces)


def packaged_files(root: Path) -> list[PurePosixPath]:
    """Every file under ``root`` that `.difyignore` does not name, sorted.

    Raises:
        FileNotFoundError: there is no `.difyignore`; without one the packager would ship `.git`.
    """
    patterns = parse_ignore((root / IGNORE_FILE).read_text(encoding="utf-8"))
    return sorted(_walk(root, PurePosixPath(), patterns))


def _walk(
    root: Path, folder: PurePosixPath, patterns: list[IgnorePattern]
) -> Iterator[PurePosixPath]:
    with os.scandir(root / folder) as entries:
        for entry in entries:
            path = folder / entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if any(pattern.matches(path, is_folder=is_folder) for pattern in patterns):
                continue
            if is_folder:
                yield from _walk(root, path, patterns)
            else:
                yield path
