"""Finished images, one at a time, and the report that follows them."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Self

from sdwebui.images.formats import ImageFormat


@dataclass(frozen=True, slots=True)
class Image:
    """One finished image.

    Attributes:
        data: The file as the server made it.
        format: MIME type and extension, found from the file's bytes.
        seed: Seed of the image; None where it was upscaled.
        width: Width in pixels, from the file's header.
        height: Height in pixels, from the file's header.
    """

    data: bytes = field(repr=False)
    format: ImageFormat
    seed: int | None
    width: int
    height: int


class Images[Outcome](Iterator[Image]):
    """The images of one call, each as soon as it is complete, and then :attr:`report`.

    Args:
        made: Yields the images and returns the report.
    """

    def __init__(self, made: Generator[Image, None, Outcome]) -> None:
        self._made = made
        self._report: Outcome | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Image:
        try:
            return next(self._made)
        except StopIteration as end:
            if end.value is not None:
                self._report = end.value
            raise StopIteration from None

    @property
    def report(self) -> Outcome:
        """The report of what was done, with a warning for every difference from the request.

        Raises:
            RuntimeError: Some images were not taken yet.
        """
        if self._report is None:
            raise RuntimeError("The report comes after the last image: take all of them first.")
        return self._report

    def close(self) -> None:
        """Close the connection; no further images can be taken."""
        self._made.close()
