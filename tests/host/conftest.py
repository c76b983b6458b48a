"""The fixture plugin at work: one process for all tests of the host."""

from collections.abc import Iterator

import pytest

from devkit.host import PluginHost
from tests.host.fixture import FOLDER


@pytest.fixture(scope="session")
def fixture_plugin() -> Iterator[PluginHost]:
    with PluginHost(FOLDER, env={"HEARTBEAT_INTERVAL": "0.1"}) as host:
        yield host


@pytest.fixture
def host(fixture_plugin: PluginHost) -> Iterator[PluginHost]:
    """The plugin of all tests, for one that does not let it violate the protocol."""
    yield fixture_plugin
    assert fixture_plugin.violations == []


@pytest.fixture
def sloppy(fixture_plugin: PluginHost) -> Iterator[PluginHost]:
    """The same, for a test that does."""
    yield fixture_plugin
    fixture_plugin.violations.clear()
