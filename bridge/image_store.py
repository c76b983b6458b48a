"""Images that are kept for a while, so that an agent can use them in further tools.

Classic agents and Agent nodes cannot hand a file to a tool, so each image gets an id that the model
repeats. The files are unlinked: nobody else can open them, and the system removes them when the
process ends, however it ends.
"""

import re
import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import IO

from bridge.callers import Owner
from sdwebui.errors import InvalidInput

MOST_BYTES = 256 * 2**20
"""Bytes of all kept images together."""

MOST_IMAGES = 400
"""Kept images; each needs an open file, of which many systems allow 1,024 a process."""

SECONDS = 2 * 3600.0
"""How long an image is kept."""

_MOST_DROPPED = 10_000
"""Dropped images for which it is remembered how to make them again."""

_ID = re.compile(r"img-[0-9a-f]{16}")
"""An id; models put quotes, brackets or a full stop around it."""

_LAST = re.compile(r"\b(last|latest|newest)\b")


@dataclass(slots=True)
class KeptImage:
    """An image that was made for an agent; usable as a file parameter.

    Attributes:
        name: Its id.
        owner: Who may use it.
        file: The open file.
        size: Of the file, in bytes.
        until: When it is dropped, by ``time.monotonic()``.
        remake: How to make it again, as half a sentence.
    """

    name: str
    owner: Owner
    file: IO[bytes] = field(repr=False)
    size: int
    until: float
    remake: str = ""

    def read(self) -> bytes:
        """Return the whole file.

        Raises:
            InvalidInput: It was dropped in the meantime.
        """
        try:
            self.file.seek(0)
            return self.file.read()
        except ValueError:
            raise InvalidInput(_dropped_message(self.name, self.remake)) from None


class ImageStore:
    """Keeps images within limits; the oldest are dropped first.

    Args:
        most_bytes: Bytes of all images together.
        most_images: Number of images.
        seconds: How long an image is kept.
    """

    def __init__(
        self,
        most_bytes: int = MOST_BYTES,
        seconds: float = SECONDS,
        most_images: int = MOST_IMAGES,
    ) -> None:
        self._most_bytes = most_bytes
        self._most_images = most_images
        self._seconds = seconds
        self._bytes = 0
        self._images: OrderedDict[str, KeptImage] = OrderedDict()
        self._dropped: OrderedDict[str, tuple[Owner, str]] = OrderedDict()
        self._timer: threading.Timer | None = None

    def keep(self, owner: Owner, data: bytes) -> KeptImage | None:
        """Keep an image.

        Returns:
            The kept image; None if its owner is unknown, it is too large or the disk is full.
        """
        if not owner.user or len(data) > self._most_bytes:
            return None
        self._drop_expired()
        while self._images and (
            self._bytes + len(data) > self._most_bytes or len(self._images) >= self._most_images
        ):
            self._drop(next(iter(self._images)))
        try:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the image is kept
        except OSError:
            return None
        try:
            file.write(data)
            file.flush()
        except OSError:
            file.close()
            return None
        name = f"img-{secrets.token_hex(8)}"
        image = KeptImage(name, owner, file, len(data), time.monotonic() + self._seconds)
        self._images[name] = image
        self._bytes += image.size
        self._start_timer()
        return image

    def find(self, owner: Owner, wanted: str) -> KeptImage:
        """Return an image of this owner by its id, or the newest one by the word "last".

        Raises:
            InvalidInput: There is none, or it was dropped; then with how to make it again.
        """
        self._drop_expired()
        match = _ID.search(wanted.casefold())
        name = match[0] if match else ""
        if not match and _LAST.search(wanted.casefold()):
            own = [image for image in self._images.values() if image.owner == owner]
            if not own:
                raise InvalidInput(
                    "There is no earlier image in this conversation, or it is no longer kept: "
                    "make one first, or give the reference that a tool named with it."
                )
            return own[-1]
        image = self._images.get(name)
        if image and image.owner == owner:
            return image
        former_owner, remake = self._dropped.get(name, (None, ""))
        if former_owner == owner:
            raise InvalidInput(_dropped_message(name, remake))
        raise InvalidInput(
            f"image_id: there is no image {wanted.strip()[:40]!r} in this conversation. Give an id "
            'that a tool named ("img-…"), or "last" for the newest image.'
        )

    def close(self) -> None:
        """Drop all images."""
        if self._timer:
            self._timer.cancel()
        for name in list(self._images):
            self._drop(name)

    def _drop(self, name: str) -> None:
        """Drop an image, and remember how to make it again."""
        image = self._images.pop(name)
        image.file.close()
        self._bytes -= image.size
        self._dropped[name] = (image.owner, image.remake)
        while len(self._dropped) > _MOST_DROPPED:
            self._dropped.popitem(last=False)

    def _drop_expired(self) -> None:
        """Drop the images whose time is over."""
        now = time.monotonic()
        while self._images and (oldest := next(iter(self._images.values()))).until <= now:
            self._drop(oldest.name)

    def _start_timer(self) -> None:
        """Start the timer that drops the oldest image in time, even without further calls."""
        oldest = next(iter(self._images.values()), None)
        if oldest and self._timer is None:
            seconds = max(0.0, oldest.until - time.monotonic()) + 0.01
            self._timer = threading.Timer(seconds, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        """Drop expired images, and start the timer again."""
        self._drop_expired()
        self._timer = None
        self._start_timer()


def _dropped_message(name: str, remake: str) -> str:
    """Return the message about an image that was dropped."""
    again = f" Make it again with {remake}." if remake else ""
    return (
        f"The image {name} is no longer kept ({SECONDS / 3600:g} hours at most, and "
        f"{MOST_BYTES >> 20} MB for all).{again}"
    )


images = ImageStore()
"""The store of this process; Dify runs one process for all invocations."""
