"""An image file as input of a script."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sdwebui.errors import FileUnavailable, ImageMissing
from sdwebui.parameters import InputFile


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file for the parameters ``image``, ``mask``, ``control_image`` and the like.

    Attributes:
        data: The whole file.
        name: For messages.
    """

    data: bytes = field(repr=False)
    name: str = "image"

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read a file from the disk.

        Raises:
            FileUnavailable: It cannot be read.
        """
        try:
            return cls(Path(path).read_bytes(), Path(path).name)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise FileUnavailable(f"{path} cannot be read: {reason}.") from None

    def read(self) -> bytes:
        """Return the whole file."""
        return self.data


def required(file: InputFile | None, name: str) -> InputFile:
    """Return the file of a parameter.

    Raises:
        ImageMissing: There is none.
    """
    if file is None:
        raise ImageMissing(f"{name} is missing: hand over an image file.")
    return file
