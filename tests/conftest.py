"""Set-up for all tests."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import coverage
import pytest
from gevent import monkey
from hypothesis import is_hypothesis_test, settings

from devkit.host import PluginHost
from tests.raw_server import RawServer, Script

# Importing the SDK makes the whole process cooperative, for the sake of the plugin. The tests use
# its entities only; their own threads and pipes, which talk with the plugin's process, need the
# standard library as it is.
monkey.patch_all = lambda *_, **__: None

# How long an example takes says how busy the machine is, no more.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

TESTS = Path(__file__).parent
ROOT = TESTS.parent

# `make test-package` puts the installed copy of a package in the checkout's place.
PLUGIN = Path(os.environ.get("PLUGIN_FOLDER", ROOT))
PYTHON = os.environ.get("PLUGIN_PYTHON", sys.executable)

STARTING_PLACES = {
    "e2e", "host", "packaging", "simulator", "test_bench.py", "test_demo.py", "test_library.py",
    "test_scale_out.py", "test_servers_page.py", "test_set_up.py", "test_soak.py",
}  # fmt: skip
"""Folders and files of tests that start processes, most of them."""

STARTING_FIXTURES = {"plugin", "simulators"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts processes, and where coverage of the tests' own process is not measured."""
    for item in items:
        place = item.path.relative_to(TESTS).parts[0]
        fixtures = getattr(item, "fixturenames", ())
        if place in STARTING_PLACES or STARTING_FIXTURES.intersection(fixtures):
            # Beside the plugin's process, which is measured, there is nothing to measure.
            item.add_marker("process")
            item.add_marker("unmeasured")
        if is_hypothesis_test(getattr(item, "function", None)):
            # What chance covers today it may not cover tomorrow; and it takes long.
            item.add_marker("unmeasured")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let no test start a process without the mark, and measure none that has that other mark."""
    with ExitStack() as stack:
        if not item.get_closest_marker("process"):
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(subprocess, "Popen", _refuse)
        if item.get_closest_marker("unmeasured"):
            stack.enter_context(_untraced())
        return (yield)


def _refuse(*command: Any, **_: Any) -> NoReturn:
    raise AssertionError(f"starts a process, so mark it with pytest.mark.process: {command}")


@contextmanager
def _untraced() -> Iterator[None]:
    # As pytest-cov's own mark no_cover does, which fails in the workers of pytest-xdist.
    of_this, of_new = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        yield
    finally:
        sys.settrace(of_this)
        threading.settrace(of_new)


def measured() -> dict[str, str]:
    """Return the environment of a plugin whose coverage counts, where this run measures it."""
    if coverage.Coverage.current() is None:
        return {}
    return {"COVERAGE_PROCESS_START": str(TESTS / "plugin.coveragerc")}


@pytest.fixture(scope="session")
def plugin() -> Iterator[PluginHost]:
    """The plugin, one process for all tests, as Dify has it."""
    with PluginHost(PLUGIN, python=PYTHON, env=measured()) as host:
        yield host
        assert host.violations == []


@pytest.fixture
def serve() -> Iterator[Callable[[Script], RawServer]]:
    """Start servers of sockets: ``serve(script).url``."""
    servers: list[RawServer] = []

    def start(script: Script) -> RawServer:
        servers.append(RawServer(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
