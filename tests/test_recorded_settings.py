"""Infotexts of recorded servers are understood, and any other text ends in a message."""

import re
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdwebui.errors import InvalidInput
from sdwebui.infotext.parse import parse
from sdwebui.parameters import ControlNet, Txt2Img
from sdwebui.planning.infotext_settings import settings_of
from sdwebui.planning.more_settings import read_settings
from sdwebui.planning.setting_keys import PARAMETERS, REQUEST
from tests.recordings import FAMILIES, strings
from tests.settings import GENERATING, completed_with, without_breaks

UNSUPPORTED = re.compile(r"Soft inpainting .*|ControlNet [2-9]")
"""Keys of another extension, and of a third unit."""


def recorded(family: str) -> list[str]:
    """Return the infotexts of a family's recordings."""
    texts = (text for _, _, text in strings(family) if re.search(r"\bSteps: \d", text))
    return [text for text in dict.fromkeys(texts) if not text.startswith(("{", "<"))]


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_infotexts_hold_settings_of_every_tool(family: str) -> None:
    texts = recorded(family)
    assert len(texts) > 10
    unknown = {
        key
        for text in texts
        for kind in GENERATING.values()
        for key in settings_of(parse(text), kind).unknown
    }
    assert {key for key in unknown if not UNSUPPORTED.fullmatch(key)} == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_infotexts_can_be_pasted(family: str) -> None:
    """Check that only values beyond the limits are refused, such as a size of 8 pixels."""
    texts = recorded(family)
    assert texts
    for text in texts:
        reported = parse(text)
        try:
            requested = completed_with(text, Txt2Img)
        except InvalidInput as error:
            assert re.match(r"more_settings: .* must be at (most|least) ", str(error)), text
        else:
            assert requested.prompt == reported.prompt.strip()
            assert requested.negative_prompt == reported.negative_prompt.strip()
            assert requested.steps == reported.steps


@pytest.mark.parametrize("family", ["a1111", "forge", "sdcpp"])
def test_recorded_infotexts_can_be_pasted_in_one_line(family: str) -> None:
    compared = 0
    for text in recorded(family):
        if "\n" not in text.strip():
            continue
        try:
            whole = read_settings(text, Txt2Img)
            line = read_settings(without_breaks(text, " "), Txt2Img)
        except InvalidInput:
            continue
        compared += 1
        assert _folded(line.values) == _folded(whole.values)
    assert compared > 10


def _folded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with blanks instead of line breaks."""
    return {
        name: " ".join(value.split()) if isinstance(value, str) else value
        for name, value in values.items()
    }


# Odd texts

NAMES = [key for _, keys, _ in PARAMETERS for key in keys] + [*REQUEST, "ControlNet 0", "Foo"]
PAIRS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.text(max_size=20)).map(": ".join), max_size=5
).map(", ".join)


@given(text=st.one_of(st.text(), PAIRS, PAIRS.map(lambda text: f"a\nSteps: 5, {text}")))
def test_odd_texts_end_in_a_message(text: str) -> None:
    for kind in (Txt2Img, ControlNet):
        try:
            requested = completed_with(text, kind, prompt="a cat")
        except InvalidInput as error:
            assert str(error).strip()
        else:
            assert requested.prompt == "a cat"
        settings_of(parse(text), kind)


@pytest.mark.parametrize(
    "text",
    [
        "a cat" + " " * 40_000 + "on a mat",
        "a dog\n" + "\t" * 40_000 + "on a mat\nNegative prompt: dog",
        "Steps: 1, " * 10_000,
        "Seed: 1," * 10_000,
        "Styles: " + "a, " * 10_000,
        "VAE: [" + "[" * 40_000,
        "ControlNet 0: " + "Module: x, " * 5_000,
        "Clip skip: 2, " + ", ".join(f"Foo bar {number}: 1" for number in range(1_000)),
        "a\n" * 20_000 + "Steps: 1, Seed: 2",
        "ADetailer " + "x " * 10_000 + ": 1",
    ],
    ids=lambda text: text[:12],
)
def test_long_texts_take_time_in_proportion(text: str) -> None:
    # Parsing a pasted text blocks all other calls.
    started = time.process_time()
    for kind in (Txt2Img, ControlNet):
        try:
            read_settings(text, kind)
        except InvalidInput as error:
            assert len(str(error)) < 2000
    assert time.process_time() - started < 3
