"""The soak test notices what is left behind."""

from dataclasses import replace

import pytest

from devkit.soak import Footprint, left_behind, main

MB = 2**20
EARLY = Footprint(memory=100 * MB, files=12, sockets=3, threads=9)


def test_an_equal_footprint_is_fine() -> None:
    assert left_behind(EARLY, replace(EARLY, memory=105 * MB, files=11), 3) == []


@pytest.mark.parametrize(
    ("late", "report"),
    [
        (replace(EARLY, memory=106 * MB), "Memory grew by 6.0 MB; 5 MB are allowed."),
        (replace(EARLY, files=13), "1 more files are open than there were."),
        (replace(EARLY, sockets=5), "2 more sockets are open than there were."),
        (replace(EARLY, threads=20), "11 more threads are open than there were."),
    ],
)
def test_what_grew_is_reported(late: Footprint, report: str) -> None:
    assert left_behind(EARLY, late, 3) == [report]


def test_each_call_at_once_may_keep_a_connection() -> None:
    late = replace(EARLY, files=EARLY.files + 5, sockets=8)
    assert left_behind(EARLY, late, at_once=8) == []
    assert len(left_behind(EARLY, late, at_once=7)) == 2


def test_a_short_soak(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devkit.soak.SETTLE_SECONDS", 0.1)
    assert main(["--count", "40", "--at-once", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [str(count) for count in range(4, 41, 4)]
