"""What a check says, and the register of checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from devkit.packaging.contents import Package


class Status(StrEnum):
    """How a check ended; the values are what is printed."""

    OK = "ok"
    TO_FILL_IN = "to fill in"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule has to say about a package."""

    status: Status
    message: str


def failed(message: str) -> Finding:
    """Whatever the platform refuses, or breaks at run time."""
    return Finding(Status.FAILED, message)


def warning(message: str) -> Finding:
    """Whatever a reviewer will ask about."""
    return Finding(Status.WARNING, message)


def to_fill_in(message: str) -> Finding:
    """Whatever the publisher has to fill in; a failure for the marketplace alone."""
    return Finding(Status.TO_FILL_IN, message)


Check = Callable[[Package], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named check and where the rule comes from."""

    name: str
    source: str
    check: Check


RULES: dict[str, Rule] = {}


def rule(name: str, *, source: str) -> Callable[[Check], Check]:
    """Register a check under its name.

    Args:
        name: what is printed and what the tests ask for.
        source: who makes the rule: "marketplace", "daemon", "SDK" or "project", and where.
    """

    def register(check: Check) -> Check:
        if name in RULES:
            raise ValueError(f"two rules named {name}")
        RULES[name] = Rule(name, source, check)
        return check

    return register


def run_rules(package: Package) -> Iterator[tuple[Rule, list[Finding]]]:
    """Run every rule; a rule that breaks on the package has failed, and the others still run."""
    for each in RULES.values():
        try:
            findings = list(each.check(package))
        except Exception as error:  # noqa: BLE001  a broken package may break a rule in any way
            findings = [failed(f"could not be checked: {type(error).__name__}: {error}")]
        yield each, findings
