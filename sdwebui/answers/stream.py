"""Images decoded from a JSON answer while it arrives.

A WebUI answers a generation with one JSON object that holds all images as base64. Eight images
of 2048² are 67 MB of it: read whole, parsed and decoded they take several times their size in
memory and hold up everything else. Here each image is decoded as its bytes come in and handed
over at its closing quote; only the rest of the JSON is kept and parsed by ``json.loads``.
"""

import codecs
import json
import re
from enum import Enum, auto
from typing import Any

from sdwebui.answers.base64_decoder import CUT_ESCAPE, ImageText
from sdwebui.errors import AnswerCutOff, AnswerNotJSON, AnswerTooLarge, NotAnImage

_IMAGE_LIST = "images"
_IMAGE = "image"
_SKIPPED = "parameters"
_LONGEST_KEY = 6 * len(_SKIPPED)
"""Bytes of the longest spelling of a key that matters here, each letter as ``\\u0069``."""

# Marks to look for outside of strings: around and in the object, in its list of images, deeper.
_AT_THE_ENDS = re.compile(rb"[^ \t\r\n\xef\xbb\xbf]")
_AT_THE_TOP = re.compile(rb'["{}\[\],:]')
_AMONG_IMAGES = re.compile(rb'["{}\[\]n]')
_DEEPER = re.compile(rb'["{}\[\]]')

# The text between the quotes of a string, as far as it is there and legal.
_STRING = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*+')
_NOT_PLAIN = bytes(range(0x20)) + b"\\"


class _In(Enum):
    """Where in the JSON the reader stands."""

    STRUCTURE = auto()
    KEPT_STRING = auto()
    SKIPPED_STRING = auto()
    IMAGE = auto()


class AnswerReader:
    """Reads the bytes of one JSON answer and hands over each image at its closing quote.

    Images are the elements of the top-level list ``images`` (txt2img, img2img) and the top-level
    string ``image`` (extra-single-image). ``""`` and, in the list, ``null`` become ``b""``, which
    the caller has to judge. Where a key comes twice, the images of both are handed over.

    The value of the top-level ``parameters`` is checked and dropped: it echoes the whole request,
    ``init_images`` included (sd.cpp, recording img2img-png; 9 MB sent are 9 MB returned). Its
    strings are never held; its brackets and numbers are until ``finish`` and count as rest.

    The text must be UTF-8, with or without a BOM. After an exception the reader is of no more use.

    67 MB of eight images in chunks of 64 KB: 0.08 s, 18 MB more memory at the peak, the first
    image after 0.01 s; the whole body by ``json.loads`` and ``base64``: 0.67 s and 194 MB. Larger
    chunks win little time (1 MB: 0.06 s) and cost memory (29 MB).

    Args:
        max_bytes: Most bytes of the whole answer.
        max_rest: Most bytes of the answer without its images.
    """

    def __init__(self, *, max_bytes: int = 512 * 2**20, max_rest: int = 16 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._max_rest = max_rest
        self._read = 0
        self._rest = bytearray()
        self._held = b""
        self._at = _In.STRUCTURE
        self._depth = 0
        self._ended = False
        self._key = ""
        self._key_start = 0
        self._awaits_value = False
        self._among_images = False
        self._images = 0
        self._image = ImageText(0)
        self._utf8 = _utf8_decoder()

    def feed(self, chunk: bytes | memoryview) -> list[bytes]:
        """Read the next bytes, which may be cut anywhere.

        Returns:
            The images that ended in this chunk, decoded, in the order of the answer.

        Raises:
            AnswerNotJSON: The bytes so far cannot begin a JSON object.
            AnswerTooLarge: The answer passes ``max_bytes`` or ``max_rest``.
            NotAnImage: A string that should be an image is not base64.
        """
        self._read += len(chunk)
        if self._read > self._max_bytes:
            raise self._too_large(self._max_bytes)
        data = self._held + chunk
        self._held = b""
        images: list[bytes] = []
        position = 0
        while position < len(data):
            match self._at:
                case _In.STRUCTURE:
                    position = self._through_structure(data, position, images)
                case _In.IMAGE:
                    position = self._through_image(data, position, images)
                case _:
                    position = self._through_string(data, position)
        return images

    @property
    def ended(self) -> bool:
        """Whether the JSON object is complete; only white space may follow it."""
        return self._ended

    def finish(self) -> dict[str, Any]:
        """Return what the answer holds beside its images and ``parameters``.

        ``images`` is in it only where it is no list, ``image`` only where it is no string.

        Raises:
            AnswerCutOff: The answer ended early.
            AnswerNotJSON: The answer is not JSON.
            NotAnImage: The list of images holds something else.
        """
        if not self._ended:
            raise AnswerCutOff(
                f"The server's answer ended early, after {self._read:,} bytes. The WebUI stopped, "
                "or a proxy before it cut the connection; look into their logs, then try again."
            )
        try:
            # The BOM and lone surrogates are taken as json.loads takes them from bytes.
            text = codecs.decode(self._rest, "utf-8", "surrogatepass").removeprefix("\ufeff")
            rest: dict[str, Any] = json.loads(text)
        except (ValueError, RecursionError):
            raise _not_json() from None
        if isinstance(rest.get(_IMAGE_LIST), list):
            _require_texts_only(rest.pop(_IMAGE_LIST))
        if isinstance(rest.get(_IMAGE), str):
            del rest[_IMAGE]
        rest.pop(_SKIPPED, None)
        return rest

    def _through_structure(self, data: bytes, start: int, images: list[bytes]) -> int:
        """Read what is outside of strings, up to and with the next mark that matters."""
        if self._depth == 0:
            landmark = _AT_THE_ENDS
        elif self._depth == 1:
            landmark = _AT_THE_TOP
        else:
            landmark = _AMONG_IMAGES if self._among_images else _DEEPER
        found = landmark.search(data, start)
        end = found.end() if found else len(data)
        self._keep(data[start:end])
        if found:
            self._pass(found[0], images)
        return end

    def _pass(self, mark: bytes, images: list[bytes]) -> None:
        """Follow a mark of the structure into or out of a string, object or list."""
        if self._depth == 0 and (self._ended or mark != b"{"):
            raise _not_json()
        match mark:
            case b'"':
                self._open_string()
            case b"{" | b"[":
                named = self._awaits_value and self._key == _IMAGE_LIST
                self._among_images = named and self._depth == 1 and mark == b"["
                self._depth += 1
            case b"}" | b"]":
                self._depth -= 1
                self._among_images = False
                self._ended = self._depth == 0
            case b"n":
                self._images += 1
                images.append(b"")
            case b"," | b":":
                self._awaits_value = mark == b":"

    def _open_string(self) -> None:
        at_the_top = self._depth == 1 and self._awaits_value
        if self._among_images or (at_the_top and self._key == _IMAGE):
            self._images += 1
            self._image = ImageText(self._images)
            self._at = _In.IMAGE
        elif self._awaits_value and self._key == _SKIPPED:
            self._at = _In.SKIPPED_STRING
        else:
            self._key_start = len(self._rest)
            self._at = _In.KEPT_STRING

    def _through_image(self, data: bytes, start: int, images: list[bytes]) -> int:
        # An escaped quote would be mistaken for the end, but base64 has none: it fails either way.
        end = data.find(b'"', start)
        if end < 0:
            self._image.add(memoryview(data)[start:])
            return len(data)
        self._image.add(memoryview(data)[start:end])
        images.append(self._image.done())
        # The reader must not keep an image alive that was handed over.
        self._image = ImageText(0)
        self._close_string()
        return end + 1

    def _through_string(self, data: bytes, start: int) -> int:
        end = _end_of_string(data, start)
        if self._at is _In.KEPT_STRING:
            self._keep(data[start:end])
        else:
            self._check_utf8(data[start:end])
        if end == len(data):
            return end
        if data[end] == ord('"'):
            self._close_string()
            return end + 1
        if not CUT_ESCAPE.match(data, end):
            raise _not_json()
        self._held = data[end:]
        return len(data)

    def _close_string(self) -> None:
        if self._at is _In.SKIPPED_STRING:
            self._check_utf8(b"", final=True)
        elif self._at is _In.KEPT_STRING and self._depth == 1 and not self._awaits_value:
            spelled = self._rest[self._key_start : self._key_start + _LONGEST_KEY + 1]
            short = len(spelled) <= _LONGEST_KEY
            self._key = json.loads(f'"{spelled.decode("utf-8", "replace")}"') if short else ""
        self._keep(b'"')
        self._at = _In.STRUCTURE

    def _check_utf8(self, text: bytes, *, final: bool = False) -> None:
        try:
            self._utf8.decode(text, final)
        except UnicodeDecodeError:
            raise _not_json() from None

    def _keep(self, text: bytes) -> None:
        self._rest += text
        if len(self._rest) > self._max_rest:
            raise self._too_large(self._max_rest)

    def _too_large(self, most: int) -> AnswerTooLarge:
        what = "answer" if most == self._max_bytes else "answer, images aside,"
        return AnswerTooLarge(
            f"The server's {what} is larger than {most:,} bytes. Ask for fewer or smaller images "
            "at once, and switch off extensions that the request does not need."
        )


def _require_texts_only(images: list[Any]) -> None:
    """Raise NotAnImage where the list of images holds more than the texts that were decoded.

    Of those only the quotes are left, of ``null`` the word.
    """
    for number, element in enumerate(images, 1):
        if element not in ("", None):
            raise NotAnImage(
                f"Item {number} of the images in the server's answer is not even text. An "
                "extension may have put it there; switch off what the request does not need."
            )


def _end_of_string(data: bytes, start: int) -> int:
    """Return where the text of a string ends: at its quote, at a bad escape, or with the chunk."""
    quote = data.find(b'"', start)
    end = quote if quote >= 0 else len(data)
    # Several times as fast as the pattern, which matters for the images in ``parameters``.
    if len(data[start:end].translate(None, _NOT_PLAIN)) == end - start:
        return end
    found = _STRING.match(data, start)
    return found.end() if found else start


def _utf8_decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")("surrogatepass")


def _not_json() -> AnswerNotJSON:
    return AnswerNotJSON(
        "The server said 200 but its answer is not the JSON of a WebUI. Check that base_url is the "
        "address of the WebUI itself, that it was started with --api, and whether a proxy or login "
        "page answers in its place."
    )
