"""A name that a user wrote is found in the server's list, or refused with the nearest names."""

import pytest

from sdwebui.errors import UnknownName
from sdwebui.resources.names import Entry, find, folded, lookup, nearest

SAMPLERS = (
    Entry("DPM++ 2M", ("k_dpmpp_2m",)),
    Entry("Euler", ("k_euler",)),
    Entry("Euler a", ("k_euler_a", "euler_ancestral")),
)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Euler a", "Euler a"),
        (" euler A ", "Euler a"),
        ("euler_a", "Euler a"),
        ("k_euler_a", "Euler a"),
        ("K_EULER", "Euler"),
        ("dpm++2m", "DPM++ 2M"),
    ],
)
def test_spelling_is_forgiven(wanted: str, name: str) -> None:
    assert find("sampler", wanted, SAMPLERS).name == name


def test_an_exact_name_beats_a_folded_one() -> None:
    entries = (Entry("a b"), Entry("a_b"))
    assert find("LoRA", "a_b", entries).name == "a_b"
    with pytest.raises(UnknownName, match="means several: a b, a_b"):
        find("LoRA", "AB", entries)


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        find("sampler", "Eulr a", SAMPLERS)
    assert str(caught.value) == (
        "The server has no sampler 'Eulr a'. Did you mean 'Euler a' or 'Euler'? "
        "It has: DPM++ 2M, Euler, Euler a."
    )


def test_as_many_names_are_listed_as_a_message_has_room_for() -> None:
    entries = tuple(Entry(f"name{number}") for number in range(30))
    with pytest.raises(UnknownName) as caught:
        find("model", "zzz", entries)
    reported = str(caught.value)
    shown = reported.partition("It has: ")[2].count("name")
    assert 10 < shown < 30
    assert reported.endswith(f"name{shown - 1} and {30 - shown} more.")
    assert caught.value.shortened


def test_a_message_stays_short_whatever_the_names_are() -> None:
    entries = tuple(Entry(f"{number}_{'x' * 200}") for number in range(3))
    with pytest.raises(UnknownName) as caught:
        find("model", "z" * 500, entries)
    # At least one name is listed, and the wrong one is shortened.
    assert len(str(caught.value)) < 400
    assert f"'{'z' * 60}…'" in str(caught.value)
    assert "It has: 0_xxx" in str(caught.value)


def test_an_empty_list_is_reported() -> None:
    with pytest.raises(UnknownName, match="has no LoRA 'x'; it has none at all"):
        find("LoRA", "x", ())


def test_a_part_of_a_long_name_is_near() -> None:
    entries = (Entry("juggernautXL_v9Rundiffusionphoto2"), Entry("dreamshaper_8"))
    assert nearest("juggernaut", entries) == ["juggernautXL_v9Rundiffusionphoto2"]


def test_folding() -> None:
    assert folded("Euler  A") == folded("euler_a") == "eulera"


def test_lookup_of_an_unknown_name_is_empty() -> None:
    assert lookup("zzz", SAMPLERS) == ()
