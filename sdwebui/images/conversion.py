"""Images in another format or within a number of bytes, their generation parameters kept.

Pillow comes in only when pixels are touched. That takes CPU time, so callers run it in a thread.
"""

from collections.abc import Iterator

from sdwebui.errors import InvalidInput, NotAnImage
from sdwebui.images import metadata
from sdwebui.images.formats import ConvertibleTo, sniff

LARGEST_SIDE: dict[ConvertibleTo, int] = {"png": 2**31 - 1, "jpeg": 65_500, "webp": 16_383}
"""Pixels a side that each format can hold (libjpeg and libwebp refuse more)."""


def convert(data: bytes, output_format: ConvertibleTo) -> bytes:
    """Return the image in another format, with its generation parameters kept.

    Takes CPU time (0.1 s a megapixel), so callers run it in a thread.

    Args:
        data: An image of any format that Pillow reads.
        output_format: The format to convert to.

    Returns:
        The file, a JPEG with white for what was transparent; the same object if the image is of
        that format already, or if it is animated, since a conversion would keep one frame only.

    Raises:
        InvalidInput: The image is larger than the format can hold.
        NotAnImage: It cannot be decoded.
    """
    if sniff(data).name == output_format:
        return data
    from sdwebui.images import decode

    try:
        with decode.open_undecoded(data) as image:
            if decode.is_animated(image):
                return data
            _check_sides(image.size, output_format)
            converted = decode.encoded(image, output_format)
    except decode.FAILURES as error:
        raise NotAnImage(
            f"An image of {len(data)} bytes arrived that cannot be decoded ({error}). "
            "The connection or the server cut it off; try again."
        ) from error
    text = metadata.parameters_of(data)
    return metadata.with_parameters(converted, text) if text else converted


def shrunk(data: bytes, most_bytes: int) -> tuple[bytes, str]:
    """Return the image as a JPEG of at most a number of bytes, and what it became.

    Quality is lowered before the size is. The generation parameters are kept. Takes CPU time, so
    callers run it in a thread.

    Args:
        data: An image of any format that Pillow reads.
        most_bytes: The largest size of the file.

    Returns:
        The file, and what it became ("a JPEG of quality 80"); the same object and "" for an
        animation, since a JPEG would keep one frame only.

    Raises:
        NotAnImage: It cannot be decoded.
    """
    from sdwebui.images import decode

    text = metadata.parameters_of(data)
    room = most_bytes - (len(text.encode()) + 1024 if text else 0)
    try:
        with decode.open_undecoded(data) as source:
            if decode.is_animated(source):
                return data, ""
            source.load()
            image = source
            for quality, share in _attempts():
                if share < 1:
                    size = (round(source.width * share), round(source.height * share))
                    image = source.resize(size)
                if max(image.size) > LARGEST_SIDE["jpeg"]:
                    continue
                jpeg = decode.encoded(image, "jpeg", quality=quality)
                if len(jpeg) <= room:
                    break
    except decode.FAILURES as error:
        raise NotAnImage(f"An image of {len(data)} bytes cannot be decoded ({error}).") from error
    jpeg = metadata.with_parameters(jpeg, text) if text else jpeg
    became = "a JPEG" if quality is None else f"a JPEG of quality {quality}"
    return jpeg, became if share == 1 else f"{became} and {image.width}×{image.height} pixels"


def _attempts() -> Iterator[tuple[int | None, float]]:
    """Yield JPEG quality and share of the size to try, from the least visible loss on."""
    yield from ((None, 1.0), (90, 1.0), (80, 1.0), (65, 1.0))
    share = 1.0
    while share > 0.05:
        share *= 0.8
        yield 80, share


def _check_sides(size: tuple[int, int], output_format: ConvertibleTo) -> None:
    """Check that a format can hold an image of this size."""
    most = LARGEST_SIDE[output_format]
    if max(size) > most:
        raise InvalidInput(
            f"A {output_format} file holds at most {most} pixels a side; the image has "
            f"{size[0]}x{size[1]}. Choose another output_format."
        )
