"""Sizes to request: rounding, fitting, and the notes about it."""

from sdwebui.parameter_types import LARGEST_SIDE, SIDE_STEP, SMALLEST_SIDE, AspectRatio


def completed(aspect_ratio: AspectRatio, width: int | None, height: int | None) -> tuple[int, int]:
    """Return both sides in pixels; a missing one follows from the other and the aspect ratio."""
    wide, high = map(int, aspect_ratio.split(":"))
    if width is None:
        width = round((height or 0) * wide / high)
    if height is None:
        height = round(width * high / wide)
    return width, height


def size_notes(
    requested: tuple[int | None, int | None],
    planned: tuple[int, int],
    aspect_ratio: AspectRatio | None = None,
) -> tuple[str, ...]:
    """Return notes on sides that were rounded, or that an aspect ratio takes beyond the limits.

    Args:
        requested: Width and height that the user gave.
        planned: Width and height that the server is asked for.
        aspect_ratio: Completes a missing side, if there is one.
    """
    names = ("width", "height")
    notes = [
        f"{name} {given} became {side}, a multiple of 8."
        for name, given, side in zip(names, requested, planned, strict=True)
        if given not in {None, side}
    ]
    if aspect_ratio and requested != (None, None):
        notes += [
            f"{name} became {to_step(side)} instead of the {side} of {aspect_ratio}: sides are of "
            f"{SMALLEST_SIDE} to {LARGEST_SIDE} pixels."
            for name, side in zip(names, completed(aspect_ratio, *requested), strict=True)
            if not SMALLEST_SIDE <= side <= LARGEST_SIDE
        ]
    return tuple(notes)


def to_step(side: float) -> int:
    """Return the nearest multiple of 8 from 64 to 4096."""
    return min(LARGEST_SIDE, max(SMALLEST_SIDE, int(side / SIDE_STEP + 0.5) * SIDE_STEP))


def fit_size(width: int, height: int) -> tuple[int, int]:
    """Return the size nearest to an image's own that can be requested.

    Both sides become multiples of 8 from 64 to 4096; the aspect ratio stays where that allows it.
    """
    scale = max(1.0, SMALLEST_SIDE / min(width, height))
    scale = min(scale, LARGEST_SIDE / max(width, height))
    return to_step(width * scale), to_step(height * scale)
