"""Base64 in a JSON string, decoded piece by piece as it arrives."""

import binascii
import io
import json
import re

from pybase64 import b64decode

from sdwebui.errors import NotAnImage

CUT_ESCAPE = re.compile(rb"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
"""An escape of JSON that the end of a chunk cuts."""

_PLAIN_START = re.compile(rb"[A-Za-z0-9+/]{5}")
_SCHEME = b"data:"
_DATA_URL = re.compile(rb"[\w:;/.+=-]{0,256}")
_WHITESPACE = b" \t\r\n"


class ImageText:
    r"""Decodes an image from the text between the quotes of one JSON string.

    Base64 is read strictly (standard alphabet, padding required), except that JSON's escapes
    (``\/``, ``\u003d``) and escaped line breaks are undone and a ``data:image/png;base64,``
    before it (256 characters at most, nothing quoted) is cut off. Only the decoded bytes are held,
    in a buffer that ``done`` hands over without copying it.

    Args:
        number: Position of the image in the answer, from 1; for messages.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._decoded = io.BytesIO()
        # JSON text that cannot be decoded yet: less than four characters, or half an escape.
        self._held = b""
        self._begun = False
        self._padded = False

    def add(self, text: memoryview) -> None:
        """Decode the next piece of the text, which may be cut anywhere.

        Raises:
            NotAnImage: The text is not base64.
        """
        if not self._begun:
            start = self._held + text[: len(_SCHEME)]
            if len(start) < len(_SCHEME):
                self._held = start
                return
            self._begun = _PLAIN_START.match(start) is not None
            if not self._begun:
                self._add_odd(text)
                return
        lacking = -len(self._held) % 4
        cut = len(text) - (len(text) - lacking) % 4
        if cut < lacking:
            self._held += text
            return
        try:
            first = b64decode(self._held + text[:lacking], validate=True)
            rest = b64decode(text[lacking:cut], validate=True)
        except binascii.Error:
            self._add_odd(text)
            return
        self._write(first, len(self._held) + lacking)
        self._write(rest, cut - lacking)
        self._held = bytes(text[cut:])

    def done(self) -> bytes:
        """Return the whole image; ``b""`` for an empty string.

        Raises:
            NotAnImage: The text does not end where base64 can end.
        """
        self._begun = True
        if self._held:
            self._add_odd(memoryview(b""))
        if self._held:
            raise self._not_base64()
        return self._decoded.getvalue()

    def _add_odd(self, text: memoryview) -> None:
        """Decode a piece that holds something beside plain base64, or is too short to know."""
        raw = self._held + text
        escape = CUT_ESCAPE.search(raw)
        whole = raw[: escape.start()] if escape else raw
        try:
            plain = json.loads(f'"{whole.decode("ascii")}"').encode("ascii")
        except ValueError:
            raise self._not_base64() from None
        plain = plain.translate(None, _WHITESPACE)
        if not self._begun:
            plain, self._begun = self._without_data_url(plain)
        cut = len(plain) // 4 * 4 if self._begun else 0
        try:
            decoded = b64decode(plain[:cut], validate=True)
        except binascii.Error:
            raise self._not_base64() from None
        self._write(decoded, cut)
        self._held = plain[cut:] + raw[len(whole) :]

    def _without_data_url(self, plain: bytes) -> tuple[bytes, bool]:
        """Return the text after a data URL's comma, and whether the comma was reached."""
        if not _SCHEME.startswith(plain[: len(_SCHEME)].lower()):
            return plain, True
        head, comma, base64 = plain.partition(b",")
        if not _DATA_URL.fullmatch(head) or (comma and not head.lower().endswith(b";base64")):
            raise self._not_base64()
        return (base64, True) if comma else (plain, False)

    def _write(self, decoded: bytes, characters: int) -> None:
        if self._padded and characters:
            raise self._not_base64()
        self._padded = self._padded or len(decoded) * 4 != characters * 3
        self._decoded.write(decoded)

    def _not_base64(self) -> NotAnImage:
        return NotAnImage(
            f"Image {self._number} in the server's answer is not base64, so it cannot be shown. "
            "Look into the WebUI's console for errors, and check whether a proxy or an extension "
            "changes its answers."
        )
