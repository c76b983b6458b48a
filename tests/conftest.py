"""Set-up for all tests."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gevent import monkey

from devkit.host import PluginHost
from tests.raw_server import RawServer, Script

# Importing the SDK makes the whole process cooperative, for the sake of the plugin. The tests use
# its entities only; their own threads and pipes, which talk with the plugin's process, need the
# standard library as it is.
monkey.patch_all = lambda *_, **__: None

ROOT = Path(__file__).parents[1]

# `make test-package` puts the installed copy of a package in the checkout's place.
PLUGIN = Path(os.environ.get("PLUGIN_FOLDER", ROOT))
PYTHON = os.environ.get("PLUGIN_PYTHON", sys.executable)


@pytest.fixture(scope="session")
def plugin() -> Iterator[PluginHost]:
    """The plugin, one process for all tests, as Dify has it."""
    with PluginHost(PLUGIN, python=PYTHON) as host:
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
