"""The fixture plugin at work, for all tests of what its callers see."""

from collections.abc import Iterator

import pytest

from devkit.host import PluginHost
from tests.host.fixture import FOLDER


@pytest.fixture(scope="module")
def host() -> Iterator[PluginHost]:
    with PluginHost(FOLDER) as host:
        yield host
        assert host.violations == []
