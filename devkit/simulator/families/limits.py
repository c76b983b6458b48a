"""The PyTorch and Python errors that numbers out of range end in, in the servers' own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devkit.simulator.families.base import ServerException

TOO_SMALL = (
    "Calculated padded input size per channel: (10 x 2). Kernel size: (3 x 3). "
    "Kernel size can't be greater than actual input size"
)


def check_numbers(values: Mapping[str, Any], *, cfg_text: str) -> None:
    """Raise what A1111 and Forge raise for missing and impossible numbers.

    ``cfg_text`` is the message for a null cfg_scale, which differs between the two.
    (Recordings txt2img-*-null, -0, -minus-1, width-7, seed-2pow64 of A1111 and Forge.)
    """
    if values["prompt"] is None:
        raise ServerException("AssertionError")
    for name in ("width", "height"):
        if values[name] is None:
            text = "unsupported operand type(s) for //: 'NoneType' and 'int'"
            raise ServerException("TypeError", text)
    if values["steps"] is None:
        text = "unsupported operand type(s) for //: 'NoneType' and 'NoneType'"
        raise ServerException("TypeError", text)
    if not values["batch_size"] or not values["n_iter"]:
        raise ServerException("IndexError", "list index out of range")
    if values["cfg_scale"] is None:
        raise ServerException("TypeError", cfg_text)
    if (values["seed"] or 0) >= 2**64:
        raise ServerException("RuntimeError", "Overflow when unpacking long")
    for name in ("width", "height"):
        if values[name] < 0:
            shape = [4, values["height"] // 8, values["width"] // 8]
            text = f"Trying to create tensor with negative dimension -1: {shape}"
            raise ServerException("RuntimeError", text)
        if values[name] < 16:
            raise ServerException("RuntimeError", TOO_SMALL)
    if values["steps"] == 0:
        raise ServerException("ZeroDivisionError", "integer division or modulo by zero")
    if values["steps"] < 0:
        raise ServerException("RuntimeError", "number of steps must be non-negative")


def largest_multiple(size: tuple[int, int], of: int = 8) -> tuple[int, int]:
    """Width and height rounded down, as latents are made of whole blocks (100 becomes 96)."""
    return size[0] // of * of, size[1] // of * of
