"""One simulated A1111 for the tests of a module, as if it had just started for each."""

from collections.abc import Iterator

import pytest

from devkit.simulator import Simulator


@pytest.fixture(scope="module")
def shared() -> Iterator[Simulator]:
    with Simulator("a1111") as simulator:
        yield simulator


@pytest.fixture
def sim(shared: Simulator) -> Simulator:
    shared.reset()
    return shared
