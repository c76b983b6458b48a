"""The matrix of ``make faults``, a family at a time."""

import pytest

from devkit.faults import EXPECTED, FAMILIES, MOST_OVERRUN, PICTURES, run_matrix
from devkit.host import PluginHost


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fault_has_its_error(plugin: PluginHost, family: str) -> None:
    outcomes = list(run_matrix(plugin, (family,), list(EXPECTED)))
    assert [f"{one.fault}: {one.got}: {one.message}" for one in outcomes if not one.right] == []
    assert [one.fault for one in outcomes if one.sent > 1 and "redirect" not in one.fault] == []
    assert sum(one.interrupts for one in outcomes) == 0
    assert [one.fault for one in outcomes if one.leaked] == []
    assert max(one.overrun for one in outcomes) < MOST_OVERRUN
    # A message says what to do, so it is more than a few words, and is read without scrolling.
    assert all(60 < len(one.message) <= 400 for one in outcomes if one.got != PICTURES)
