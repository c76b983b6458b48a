"""Each case of each test asserts something, and none starts a process without saying so."""

import ast
import subprocess
from collections.abc import Iterable, Iterator, Sequence, Set
from enum import Enum, auto
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("test_*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# What is in here is run for each of however many.
UNCERTAIN = (*FUNCTIONS, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp)


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def within(node: ast.AST, beyond: tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """Yield what is in a node, without going into nodes of the given types."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, beyond):
            yield from within(child, beyond)


def called(node: ast.AST) -> set[str]:
    """Return the last names of all that is certainly called in there."""
    calls = [one.func for one in within(node, UNCERTAIN) if isinstance(one, ast.Call)]
    return {one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in calls}


def runs(loop: ast.expr) -> bool:
    """Return whether a loop over this runs at least once: it is written out, or a constant."""
    match loop:
        case ast.Tuple() | ast.List():
            return bool(loop.elts)
        case ast.Name():
            return loop.id.isupper()
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int()), *_]):
            return True
    return False


class Outcome(Enum):
    """What is certain of whoever goes through some statements."""

    ASSERTED = auto()
    OPEN = auto()
    ESCAPED = auto()


def asserts(body: Sequence[ast.stmt], asserting: Set[str]) -> bool:
    """Return whether whoever goes through these statements comes by an assertion.

    Args:
        body: The statements.
        asserting: Names of the functions that assert.
    """
    return outcome(body, asserting) is Outcome.ASSERTED


def outcome(body: Sequence[ast.stmt], asserting: Set[str]) -> Outcome:
    for one in body:
        found = outcome_of(one, asserting)
        if found is not Outcome.OPEN:
            return found
    return Outcome.OPEN


def outcome_of(one: ast.stmt, asserting: Set[str]) -> Outcome:
    match one:
        case ast.Assert():
            return Outcome.ASSERTED
        case ast.Return(value=None):
            return Outcome.ESCAPED
        case ast.With(items=items):
            if any(called(item.context_expr) & asserting for item in items):
                return Outcome.ASSERTED
            return outcome(one.body, asserting)
        case ast.If():
            return of_all([one.body, one.orelse], asserting)
        case ast.Try():
            ways = [one.body + one.orelse, *(handler.body for handler in one.handlers)]
            return of_all(ways, asserting)
        case ast.Match():
            return of_all([case.body for case in one.cases], asserting)
        case ast.For() | ast.While():
            found = outcome(one.body, asserting)
            certain = isinstance(one, ast.For) and runs(one.iter)
            return found if certain or found is Outcome.ESCAPED else Outcome.OPEN
        case ast.FunctionDef():
            return Outcome.OPEN
    if called(one) & asserting:
        return Outcome.ASSERTED
    return Outcome.ESCAPED if isinstance(one, ast.Return) else Outcome.OPEN


def of_all(ways: Iterable[Sequence[ast.stmt]], asserting: Set[str]) -> Outcome:
    """Return what is certain whichever of these ways is taken."""
    found = {outcome(way, asserting) for way in ways}
    if Outcome.ESCAPED in found:
        return Outcome.ESCAPED
    return Outcome.OPEN if Outcome.OPEN in found else Outcome.ASSERTED


def asserting_functions(files: Iterable[Path], known: Set[str]) -> Set[str]:
    """Return the names that are known to assert, with those of these files that call them."""
    functions = [
        one for file in files for one in ast.walk(parsed(file)) if isinstance(one, ast.FunctionDef)
    ]
    while more := {one.name for one in functions if asserts(one.body, known)} - known:
        known = known | more
    return known


SHARED = asserting_functions(set(TESTS.rglob("*.py")) - set(FILES), {"raises", "warns", "fail"})


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TESTS)))
def test_each_case_asserts(file: Path) -> None:
    tests = [
        one
        for one in ast.walk(parsed(file))
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
    ]
    assert tests
    asserting = asserting_functions([file], SHARED)
    assert [one.name for one in tests if not asserts(one.body, asserting)] == []


@pytest.mark.parametrize(
    "body",
    [
        "x = 1",
        "for one in found: assert one",
        "if found: assert found",
        "if not found: return\nassert found",
        "[check(one) for one in found]",
        "try: read()\nexcept ValueError as error: assert error",
        "def inner(): assert 1",
        "while found: assert found.pop()",
    ],
)
def test_what_may_assert_nothing_is_found(body: str) -> None:
    assert not asserts(ast.parse(body).body, {"check"})


@pytest.mark.parametrize(
    "body",
    [
        "assert found",
        "x = check(found)",
        "with raises(ValueError): read()",
        "with opened() as file: assert file",
        "for one in (1, 2): assert one",
        "for one in NAMES: assert one",
        "for _ in range(3): assert found",
        "if x: assert found\nelse: assert not found",
        "try: read()\nexcept ValueError as error: assert error\nelse: assert found",
    ],
)
def test_what_asserts_passes(body: str) -> None:
    assert asserts(ast.parse(body).body, {"check", "raises"})


def test_a_process_is_started_by_marked_tests_only() -> None:
    with pytest.raises(AssertionError, match=r"mark it with pytest\.mark\.process"):
        subprocess.run(["make", "demo"], check=True)
