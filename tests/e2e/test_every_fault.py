"""The matrix of ``make faults``."""

import pytest

from devkit.faults import FAMILIES, IMAGES, Outcome, run_matrix
from devkit.host import PluginHost
from devkit.simulator.fault_injector import FAULTS


@pytest.fixture(scope="module")
def matrix(plugin: PluginHost) -> dict[str, list[Outcome]]:
    return run_matrix(plugin)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fault_has_its_error(matrix: dict[str, list[Outcome]], family: str) -> None:
    outcomes = matrix[family]
    assert {one.fault for one in outcomes} == set(FAULTS)
    assert [one for one in outcomes if one.problems] == []
    # A message says what to do, so it is more than a few words, and is read without scrolling.
    assert all(60 < len(one.message) <= 400 for one in outcomes if one.kind != IMAGES)
