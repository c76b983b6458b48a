"""What a user wrote is found among the server's names, or refused with the nearest."""

import pytest

from sdwebui.errors import UnknownName
from sdwebui.names import Offer, find, folded, lookup, nearest

SAMPLERS = (
    Offer("DPM++ 2M", ("k_dpmpp_2m",)),
    Offer("Euler", ("k_euler",)),
    Offer("Euler a", ("k_euler_a", "euler_ancestral")),
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
    offers = (Offer("a b"), Offer("a_b"))
    assert find("LoRA", "a_b", offers).name == "a_b"
    with pytest.raises(UnknownName, match="means several: a b, a_b"):
        find("LoRA", "AB", offers)


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        find("sampler", "Eulr a", SAMPLERS)
    assert str(caught.value) == (
        "The server has no sampler 'Eulr a'. Did you mean 'Euler a' or 'Euler'? "
        "It has: DPM++ 2M, Euler, Euler a."
    )


def test_twenty_names_are_listed_and_the_rest_counted() -> None:
    offers = tuple(Offer(f"name{number}") for number in range(30))
    with pytest.raises(UnknownName) as caught:
        find("model", "zzz", offers)
    assert str(caught.value).endswith("name19 and 10 more.")


def test_an_empty_list_is_said() -> None:
    with pytest.raises(UnknownName, match="has no LoRA 'x'; it has none at all"):
        find("LoRA", "x", ())


def test_a_part_of_a_long_name_is_near() -> None:
    offers = (Offer("juggernautXL_v9Rundiffusionphoto2"), Offer("dreamshaper_8"))
    assert nearest("juggernaut", offers) == ["juggernautXL_v9Rundiffusionphoto2"]


def test_folding() -> None:
    assert folded("Euler  A") == folded("euler_a") == "eulera"


def test_lookup_finds_nothing_quietly() -> None:
    assert lookup("zzz", SAMPLERS) == ()
