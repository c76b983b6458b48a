"""A filter of images that arrive before ``info``, the answer's end, shows whether one is a grid."""

from collections.abc import Mapping
from typing import Any

from sdwebui.answers.receipt import has_size
from sdwebui.images.dimensions import size_of


class GridFilter:
    """Hands images over as they arrive, as long as none of them can be a grid.

    A grid of several images stands before them and is larger than each. So the first image is no
    grid where it has the requested size, or the size of the second.

    Args:
        body: The body of the request.
        most: How many images it asks for.
        others: Whether the request may add images that only ``info`` tells apart.
    """

    def __init__(self, body: Mapping[str, Any], most: int, *, others: bool) -> None:
        self._body = body
        self._held: list[bytes] = []
        # None until it is known.
        self._no_grid: bool | None = False if others else most == 1 or None

    def take(self, arrived: list[bytes]) -> list[bytes]:
        """Return the images that can be handed over now, in the order in which they arrived."""
        if self._no_grid:
            return arrived
        self._held += arrived
        if self._no_grid is None:
            self._no_grid = self._first_is_no_grid()
        return self.rest() if self._no_grid else []

    def _first_is_no_grid(self) -> bool | None:
        """Return whether the first image is no grid; None where that cannot be known yet."""
        if not self._held:
            return None
        # An empty image stands for a failure, which whoever takes it reports.
        sizes = [size_of(data) if data else None for data in self._held[:2]]
        if sizes[0] is None or has_size(self._body, *sizes[0]):
            return True
        return sizes[0] == sizes[1] if len(sizes) > 1 else None

    def rest(self, first: int = 0) -> list[bytes]:
        """Return the images that were held back, from the one with this index on."""
        held, self._held = self._held[first:], []
        return held

    def rest_without_info(self) -> list[bytes]:
        """Return what was held back where ``info`` is missing: of several, the first is a grid."""
        return self.rest(1 if len(self._held) > 1 else 0)
