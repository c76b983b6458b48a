"""Sizes that servers are asked for: rounding, fitting, and what is reported of it."""

from sdwebui.parameters import LARGEST_SIDE, SIDE_STEP, SMALLEST_SIDE, AspectRatio


def completed(aspect_ratio: AspectRatio, width: int | None, height: int | None) -> tuple[int, int]:
    """Return both sides in pixels, where one at least is given."""
    wide, high = map(int, aspect_ratio.split(":"))
    if width is None:
        width = round((height or 0) * wide / high)
    if height is None:
        height = round(width * high / wide)
    return width, height


def rounding_notes(
    width: int | None, height: int | None, made_width: int, made_height: int
) -> tuple[str, ...]:
    """Return what to report where a given side was no multiple of 8."""
    sides = (("width", width, made_width), ("height", height, made_height))
    return tuple(
        f"{name} {given} became {made}, a multiple of 8."
        for name, given, made in sides
        if given not in {None, made}
    )


def limit_notes(
    aspect_ratio: AspectRatio, width: int | None, height: int | None
) -> tuple[str, ...]:
    """Return what to report where the aspect ratio leads to a side beyond the limits."""
    if width is None and height is None:
        return ()
    return tuple(
        f"{name} became {to_step(side)} instead of the {side} of {aspect_ratio}: sides are of "
        f"{SMALLEST_SIDE} to {LARGEST_SIDE} pixels."
        for name, side in zip(
            ("width", "height"), completed(aspect_ratio, width, height), strict=True
        )
        if not SMALLEST_SIDE <= side <= LARGEST_SIDE
    )


def to_step(side: float) -> int:
    """Return the nearest multiple of 8 from 64 to 4096."""
    return min(LARGEST_SIDE, max(SMALLEST_SIDE, int(side / SIDE_STEP + 0.5) * SIDE_STEP))


def fit_size(width: int, height: int) -> tuple[int, int]:
    """Return the size nearest to an image's own that a server can be asked for.

    Both sides become multiples of 8 from 64 to 4096; the aspect ratio stays where that allows it.
    """
    scale = max(1.0, SMALLEST_SIDE / min(width, height))
    scale = min(scale, LARGEST_SIDE / max(width, height))
    return to_step(width * scale), to_step(height * scale)
