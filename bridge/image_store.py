"""Images kept for a while, so that an agent can go on working on what it made.

Classic agents and Agent nodes hand no file to a tool; there each image gets an id that the model
repeats. The files have no name in any folder, so nobody else can open them, and the system removes
them with the process, however that ends.
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
MOST_IMAGES = 400
"""Each holds a file open, of which a process may have 1,024 on many systems."""

SECONDS = 2 * 3600.0
_REMEMBERED = 10_000
"""Images that are gone of which it is still known how to make them again."""

_ID = re.compile(r"img-[0-9a-f]{16}")
"""Models put quotes, brackets or a full stop around it."""

_LAST = re.compile(r"\b(last|latest|newest)\b")


@dataclass(slots=True)
class KeptImage:
    """An image that was made for an agent; usable as a file parameter.

    Attributes:
        name: Its id.
        owner: Who may use it.
        file: Its bytes.
        size: How many.
        until: When it goes, by ``time.monotonic()``.
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
            InvalidInput: It went in the meantime.
        """
        try:
            self.file.seek(0)
            return self.file.read()
        except ValueError:
            raise InvalidInput(_gone(self.name, self.remake)) from None


class ImageStore:
    """Keeps images; the oldest go first.

    Args:
        most_bytes: Of all files together.
        most_images: How many.
        seconds: For which an image is kept.
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
        self._kept: OrderedDict[str, KeptImage] = OrderedDict()
        self._gone: OrderedDict[str, tuple[Owner, str]] = OrderedDict()
        self._timer: threading.Timer | None = None

    def keep(self, owner: Owner, data: bytes) -> KeptImage | None:
        """Keep an image.

        Returns:
            What it is known by; None where its owner is unknown or the disk takes no more.
        """
        if not owner.user or len(data) > self._most_bytes:
            return None
        self._drop_expired()
        while self._kept and (
            self._bytes + len(data) > self._most_bytes or len(self._kept) >= self._most_images
        ):
            self._drop(next(iter(self._kept)))
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
        self._kept[name] = image
        self._bytes += image.size
        self._watch()
        return image

    def find(self, owner: Owner, wanted: str) -> KeptImage:
        """Return an image of this owner by its id, or the newest one by the word "last".

        Raises:
            InvalidInput: There is none, or it is gone; then with how to make it again.
        """
        self._drop_expired()
        named = _ID.search(wanted.casefold())
        name = named[0] if named else ""
        if not named and _LAST.search(wanted.casefold()):
            own = [image for image in self._kept.values() if image.owner == owner]
            if not own:
                raise InvalidInput(
                    "There is no earlier image in this conversation, or it is no longer kept: "
                    "make one first, or give the reference that a tool named with it."
                )
            return own[-1]
        image = self._kept.get(name)
        if image and image.owner == owner:
            return image
        lost, remake = self._gone.get(name, (None, ""))
        if lost == owner:
            raise InvalidInput(_gone(name, remake))
        raise InvalidInput(
            f"image_id: there is no image {wanted.strip()[:40]!r} in this conversation. Give an id "
            'that a tool named ("img-…"), or "last" for the newest image.'
        )

    def close(self) -> None:
        """Let all images go."""
        if self._timer:
            self._timer.cancel()
        for name in list(self._kept):
            self._drop(name)

    def _drop(self, name: str) -> None:
        image = self._kept.pop(name)
        image.file.close()
        self._bytes -= image.size
        self._gone[name] = (image.owner, image.remake)
        while len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)

    def _drop_expired(self) -> None:
        now = time.monotonic()
        while self._kept and (oldest := next(iter(self._kept.values()))).until <= now:
            self._drop(oldest.name)

    def _watch(self) -> None:
        """See to it that images go in time even when nobody calls any more."""
        oldest = next(iter(self._kept.values()), None)
        if oldest and self._timer is None:
            seconds = max(0.0, oldest.until - time.monotonic()) + 0.01
            self._timer = threading.Timer(seconds, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        self._drop_expired()
        self._timer = None
        self._watch()


def _gone(name: str, remake: str) -> str:
    again = f" Make it again with {remake}." if remake else ""
    return (
        f"The image {name} is no longer kept ({SECONDS / 3600:g} hours at most, and "
        f"{MOST_BYTES >> 20} MB for all).{again}"
    )


images = ImageStore()
"""Of this process, as Dify has one for all."""
