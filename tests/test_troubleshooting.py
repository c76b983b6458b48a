"""The page on troubleshooting quotes messages that the plugin has."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
QUOTED = re.findall(r'^### "(.+)"$', PAGE, re.MULTILINE)


def texts(node: ast.AST) -> Iterator[str]:
    """Yield every text in the code, with … for what is filled in at run time."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        yield re.sub("…( …)+", "…", "".join(map(str, parts)))
    for inner in ast.iter_child_nodes(node):
        yield from texts(inner)


@cache
def reported() -> str:
    sources = [path for folder in ("sdwebui", "bridge") for path in (ROOT / folder).rglob("*.py")]
    return "\n".join(text for path in sources for text in texts(ast.parse(path.read_text("utf-8"))))


def test_the_commonest_messages_are_explained() -> None:
    assert len(QUOTED) == len(set(QUOTED)) >= 15


@pytest.mark.parametrize("quoted", QUOTED)
def test_what_is_quoted_is_said(quoted: str) -> None:
    assert re.search(r"[a-z]{3,} [a-z]{2,}", quoted)
    assert quoted.strip("… ") in reported()
