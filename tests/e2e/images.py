"""Images to hand over, and looks at those that come back."""

import io
from typing import Any

from PIL import Image, ImageChops

from devkit.host import ToolResult


def png(image: Image.Image, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", **options)
    return target.getvalue()


def plain(size: tuple[int, int] = (128, 128), colour: str = "navy") -> bytes:
    return png(Image.new("RGB", size, colour))


def opened(result: ToolResult) -> Image.Image:
    return Image.open(io.BytesIO(result.files[0].data)).convert("RGB")


def same(one: Image.Image, other: Image.Image, box: tuple[int, int, int, int]) -> bool:
    bands = ImageChops.difference(one.crop(box), other.crop(box)).split()
    return all(max(band.tobytes()) <= 8 for band in bands)
