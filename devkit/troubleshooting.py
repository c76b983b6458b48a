"""Writes ``docs/troubleshooting.md``: every message a user can meet, read out of the code.

The text of each error is complete: what happened, then what to do. So the page is made from the
sources, and a test holds it up to date; no message can be missing from it.
"""

import argparse
import ast
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdwebui import errors

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
SOURCES = ("sdwebui", "bridge")
ANY = "…"
_MOST_VARIANTS = 24

_HEAD = """# Troubleshooting

Every message of the plugin says what happened and what to do next. Here they all are, grouped by
kind, with the parts that differ from case to case as …. The page is made from the code by
`make troubleshooting`, so what a message says of one case only (the kind of a file, what a
proxy failed at) stands as … too.
"""


_SAYS_IT = "Change that value, as the message says."

# What the server said stands between cause and cure; a check of a whole form has no parameter.
_QUOTED = re.compile(rf'^({ANY} |It said: " ?{ANY}" |It gave no reason\. )')


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its kind, what happened, and what to do."""

    kind: str
    cause: str
    cure: str


class _Module:
    """The messages in one source file, followed through its own functions and variables."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.functions = {
            node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)
        }
        self.globals = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def messages(self) -> Iterator[tuple[str, str]]:
        """Kind and text of each error that is built here."""
        for function in ast.walk(self.tree):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in _own_nodes(function):
                kind = _kind_of(call)
                if kind and isinstance(call, ast.Call) and call.args:
                    for text in self.texts(call.args[0], function, 0):
                        yield kind, text

    def texts(self, node: ast.expr, function: ast.FunctionDef, depth: int) -> list[str]:
        """What an expression can be, with … for what is only known at run time."""
        if depth > 6:
            return [ANY]
        deeper = depth + 1
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return self._joined([self.texts(part, function, deeper) for part in parts])
            case ast.FormattedValue(value=value):
                known = isinstance(value, ast.Name | ast.IfExp)
                return self.texts(value, function, deeper) if known else [ANY]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                sides = [self.texts(side, function, deeper) for side in (left, right)]
                return self._joined(sides)
            case ast.IfExp(body=body, orelse=orelse):
                return [
                    text for one in (body, orelse) for text in self.texts(one, function, deeper)
                ]
            case ast.Name(id=name):
                return self._named(name, function, deeper) or [ANY]
            case ast.Call():
                return self._called(node, deeper) or [ANY]
        return [ANY]

    def _joined(self, parts: list[list[str]]) -> list[str]:
        variants = itertools.islice(itertools.product(*parts), _MOST_VARIANTS)
        return ["".join(variant) for variant in variants]

    def _named(self, name: str, function: ast.FunctionDef, depth: int) -> list[str]:
        values = [
            node.value
            for node in _own_nodes(function)
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        ]
        if name in self.globals:
            values.append(self.globals[name])
        found = [text for value in values for text in self.texts(value, function, depth)]
        return found if any(text.strip(ANY) for text in found) else []

    def _called(self, call: ast.Call, depth: int) -> list[str]:
        names = [node.id for node in ast.walk(call) if isinstance(node, ast.Name)]
        return [
            text
            for name in names
            if name in self.functions
            for node in _own_nodes(self.functions[name])
            if isinstance(node, ast.Return) and node.value is not None
            for text in self.texts(node.value, self.functions[name], depth)
        ]


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it."""
    pending: list[ast.AST] = list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.FunctionDef):
            continue
        yield node
        pending += ast.iter_child_nodes(node)


def _kind_of(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else name
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.WebUIError):
        return name
    # What a validator says reaches the user behind the parameter's name.
    return "InvalidInput" if name == "ValueError" else None


def messages() -> list[Message]:
    """All messages, in the order of the kinds in ``sdwebui/errors.py``."""
    found: dict[Message, None] = {}
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for kind, text in _Module(path).messages():
                plain = re.sub(rf"(\s*{ANY}\s*)+", f" {ANY} ", text).strip()
                plain = re.sub(rf" {ANY} (?=[.,:;)'\"/])", f" {ANY}", plain)
                if len(plain.strip(f"{ANY} .'")) < 8 or plain.startswith("parameters"):
                    continue
                cause, _, cure = plain.partition(". ")
                cause = cause if cause.endswith(".") else f"{cause}."
                found[Message(kind, cause, _QUOTED.sub("", cure))] = None
    order = {name: place for place, name in enumerate(vars(errors))}
    return sorted(found, key=lambda one: (order[one.kind], one.cause))


def page() -> str:
    """The whole page."""
    lines = [_HEAD]
    for kind, group in itertools.groupby(messages(), key=lambda one: one.kind):
        about = " ".join((getattr(errors, kind).__doc__ or "").split())
        lines += [f"## {kind}\n", f"{about}\n", "| what happened | what to do |", "| --- | --- |"]
        causes: dict[str, list[str]] = {}
        for one in group:
            causes.setdefault(one.cause, [])
            if one.cure and one.cure not in causes[one.cause]:
                causes[one.cause].append(one.cure)
        lines += [
            f"| {_cell(cause)} | {_cell(' Or: '.join(cures)) or _SAYS_IT} |"
            for cause, cures in causes.items()
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Write the page, or with ``--check`` see whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
