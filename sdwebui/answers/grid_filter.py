"""Which images can be handed over before ``info``, the answer's end, tells of a grid."""

from collections.abc import Mapping
from typing import Any

from sdwebui.answers.receipt import has_size
from sdwebui.images.dimensions import size_of


class GridFilter:
    """Lets images through as they come, as long as none of them can be a grid.

    A grid of several images stands before them and is larger than each. So a first image of the
    asked size is none, nor is one that the second is as large as.

    Args:
        body: The request.
        most: How many images it asks for.
        others: Something asked for may add images that only ``info`` tells apart.
    """

    def __init__(self, body: Mapping[str, Any], most: int, *, others: bool) -> None:
        self._body = body
        self._held: list[bytes] = []
        # None until it is known.
        self._no_grid: bool | None = False if others else most == 1 or None

    def take(self, arrived: list[bytes]) -> list[bytes]:
        """Those that can be handed over now, earlier ones before later ones."""
        if self._no_grid:
            return arrived
        self._held += arrived
        if self._no_grid is None:
            self._no_grid = self._judged()
        return self.rest() if self._no_grid else []

    def _judged(self) -> bool | None:
        if not self._held:
            return None
        # An empty image is a failure to be told, and no grid.
        sizes = [size_of(data) if data else None for data in self._held[:2]]
        if sizes[0] is None or has_size(self._body, *sizes[0]):
            return True
        return sizes[0] == sizes[1] if len(sizes) > 1 else None

    def rest(self, first: int = 0) -> list[bytes]:
        """What was held back, without so many at its beginning."""
        held, self._held = self._held[first:], []
        return held

    def rest_without_info(self) -> list[bytes]:
        """The same when ``info`` did not come: of several the first is taken for a grid."""
        return self.rest(1 if len(self._held) > 1 else 0)
