"""Rules about the Python and text in a package, read without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, failed, rule, warning

REQUESTS_CALLS = frozenset(
    [
        "get", "post", "put", "patch", "delete", "head", "options", "request",
    ]
)  # fmt: skip
# Dify's daemon ends a tool at 600 s; serverless, the SDK's own limit must not come first.
LONGEST_TOOL = 600

SECRET_WORDS = r"api[_-]?key|access[_-]?key|private[_-]?key|password|secret|token"
ASSIGNMENT = re.compile(
    rf"""(?ix) (?P<key>[\w.-]*(?:{SECRET_WORDS})[\w.-]*) \s*[:=]\s*
         (?P<value>"[^"]*"|'[^']*'|[^"',\s\#}}]+)"""
)
SHORTEST_SECRET = 12
PLACEHOLDER = re.compile(r"(?i)<.*>|\$\{.*|.*your.*|[x*_-]*|https?://.*|\.{0,2}/.*|[\d.-]+")
VENDOR_SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an API key": re.compile(r"\bsk-[\w-]{20,}"),
    "a GitHub token": re.compile(r"\bgh[pousr]_\w{20,}"),
    "a Slack token": re.compile(r"\bxox[baprs]-[\w-]{10,}"),
    "an AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a JWT": re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"),
}


def _calls(source: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))


@rule("python-syntax", source="daemon: compiles the package after installing it")
def syntax(package: Package) -> Iterator[Finding]:
    """Every module parses."""
    for path, source in package.python().items():
        try:
            ast.parse(source)
        except SyntaxError as error:
            yield failed(f"{path}:{error.lineno}: {error.msg}")


@rule("no-print", source="daemon: stdout carries the protocol")
def no_print(package: Package) -> Iterator[Finding]:
    """No module prints: it would break the JSON lines that Dify reads."""
    for path, source in package.python().items():
        for call in _calls(source):
            if isinstance(call.func, ast.Name) and call.func.id == "print":
                yield failed(f"{path}:{call.lineno}: print() corrupts the daemon's stream")


@rule("request-timeouts", source="marketplace: python safety check")
def request_timeouts(package: Package) -> Iterator[Finding]:
    """Each call of ``requests`` names its timeout."""
    for path, source in package.python().items():
        modules, functions = _requests_names(source)
        for call in _calls(source):
            name = call.func
            direct = isinstance(name, ast.Name) and name.id in functions
            dotted = (
                isinstance(name, ast.Attribute)
                and isinstance(name.value, ast.Name)
                and name.value.id in modules
                and name.attr in REQUESTS_CALLS
            )
            if (direct or dotted) and all(each.arg != "timeout" for each in call.keywords):
                yield warning(f"{path}:{call.lineno}: a request without timeout")


def _requests_names(source: str) -> tuple[set[str], set[str]]:
    """The names under which a module knows ``requests`` and its functions."""
    modules, functions = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {each.asname or each.name for each in node.names if each.name == "requests"}
        elif isinstance(node, ast.ImportFrom) and node.module == "requests":
            functions |= {
                each.asname or each.name for each in node.names if each.name in REQUESTS_CALLS
            }
    return modules, functions


@rule("secrets", source="marketplace: package secrets check")
def secrets(package: Package) -> Iterator[Finding]:
    """Nothing looks like a leaked secret, expressions included: the strictest scan in use."""
    for path, text in package.texts().items():
        for number, line in enumerate(text.splitlines(), start=1):
            for what, pattern in VENDOR_SECRETS.items():
                if pattern.search(line):
                    yield failed(f"{path}:{number} holds {what}")
            for found in ASSIGNMENT.finditer(line):
                value = found["value"].strip("\"'")
                if len(value) >= SHORTEST_SECRET and not PLACEHOLDER.fullmatch(value):
                    yield failed(f"{path}:{number}: {found['key']} reads as a leaked secret")


@rule("serverless-timeout", source="SDK: MAX_REQUEST_TIMEOUT cuts a silent serverless call")
def serverless_timeout(package: Package) -> Iterator[Finding]:
    """``MAX_REQUEST_TIMEOUT`` in main.py lies at or above the 600 s that Dify gives a tool."""
    source = package.text("main.py")
    values = {
        ast.unparse(node.targets[0]): node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
    }
    for call in _calls(source):
        for keyword in call.keywords:
            if keyword.arg == "MAX_REQUEST_TIMEOUT":
                value = values.get(ast.unparse(keyword.value), keyword.value)
                seconds = value.value if isinstance(value, ast.Constant) else 0
                if isinstance(seconds, int) and seconds >= LONGEST_TOOL:
                    return
    yield failed(f"main.py must set MAX_REQUEST_TIMEOUT to a number of {LONGEST_TOOL} or more")
