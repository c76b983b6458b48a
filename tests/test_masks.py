"""Masks mark what is to change, from a file, an area, transparency or the sides to extend."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from sdwebui.errors import InvalidInput
from sdwebui.images.inputs import PreparedImage, open_image
from sdwebui.images.masks import mask_from, mask_from_area, mask_from_transparency, outpaint
from tests.test_inputs import file_of, sent

SIZE = (32, 24)
LEFT, RIGHT = (5, 12), (26, 12)
HALF = (0, 0, 16, 24)

Colour = int | tuple[int, ...]


def half(mode: str, ground: Colour, stroke: Colour) -> Image.Image:
    """Return an image whose left half is painted."""
    image = Image.new(mode, SIZE, ground)
    image.paste(stroke, HALF)
    return image


def photo(size: tuple[int, int] = SIZE) -> Image.Image:
    """Return an image of many colours."""
    bands = [Image.linear_gradient("L").resize(size).rotate(turn) for turn in (0, 180, 90)]
    return Image.merge("RGB", bands)


def marks(mask: PreparedImage) -> tuple[object, object]:
    """Return the pixels at the left and at the right of the mask that a server gets."""
    image = sent(mask)
    assert (image.format, image.mode) == ("PNG", "RGB")
    return image.getpixel(LEFT), image.getpixel(RIGHT)


WHITE, BLACK = (255, 255, 255), (0, 0, 0)
CLEAR = (0, 0, 0, 0)


@pytest.mark.parametrize(
    "painted",
    [
        half("L", 0, 255),
        half("1", 0, 1),
        half("RGB", BLACK, WHITE),
        half("RGBA", (0, 0, 0, 255), (255, 255, 255, 255)),
        half("RGBA", CLEAR, (255, 255, 255, 255)),  # white strokes on nothing
        half("RGBA", CLEAR, (0, 0, 0, 255)),  # black ones: A1111 takes the alpha channel
        half("RGBA", CLEAR, (255, 0, 0, 255)),  # a marker pen
        half("RGBA", CLEAR, (130, 130, 130, 255)),
        half("RGBA", CLEAR, (130, 130, 130, 128)),
        half("LA", (0, 0), (255, 255)),
    ],
    ids=[
        "L",
        "1",
        "RGB",
        "RGBA",
        "white-strokes",
        "black-strokes",
        "red-strokes",
        "grey-strokes",
        "half-clear",
        "LA",
    ],
)
def test_painted_parts_are_to_change(painted: Image.Image) -> None:
    mask = mask_from(file_of(painted), SIZE, name="mask")
    left, right = marks(mask)
    assert left in (WHITE, (128,) * 3)
    assert right == BLACK
    assert mask.warnings == ()


def test_black_painted_over_white_is_to_stay() -> None:
    painted = half("RGBA", CLEAR, (255, 255, 255, 255))
    painted.paste((0, 0, 0, 255), (0, 0, 8, 24))
    image = sent(mask_from(file_of(painted), SIZE, name="mask"))
    assert [image.getpixel((x, 12)) for x in (3, 12, 26)] == [BLACK, WHITE, BLACK]


def test_strokes_with_soft_edges_stay_soft() -> None:
    painted = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    painted.putalpha(Image.linear_gradient("L").resize(SIZE))
    image = sent(mask_from(file_of(painted), SIZE, name="mask"))
    column = [image.getpixel((9, y))[0] for y in range(24)]  # type: ignore[index]
    assert column == sorted(column)
    assert len(set(column)) > 15


@pytest.mark.parametrize("grey", [False, True], ids=["colour", "black and white photo"])
def test_the_transparent_parts_of_an_image_are_to_change_with_a_warning(grey: bool) -> None:
    source = Image.linear_gradient("L").resize(SIZE) if grey else photo()
    painted = source.convert("RGBA")
    painted.paste(CLEAR, HALF)
    mask = mask_from(file_of(painted), SIZE, name="mask")
    assert marks(mask) == (WHITE, BLACK)
    assert mask.warnings == (
        "mask is an image with transparent parts: these were taken as the mask.",
    )


def test_a_mask_that_is_all_transparent_marks_everything() -> None:
    mask = mask_from(file_of(Image.new("RGBA", SIZE, CLEAR)), SIZE, name="mask")
    assert marks(mask) == (WHITE, WHITE)


def test_a_mask_of_another_size_is_stretched_with_a_warning() -> None:
    mask = mask_from(file_of(half("L", 0, 255)), (64, 96), name="mask")
    assert mask.size == (64, 96)
    assert sent(mask).getpixel((20, 50)) == WHITE
    assert sent(mask).getpixel((44, 50)) == BLACK
    assert mask.warnings == ("mask has 32x24 pixels and was stretched to the image's 64x96.",)


@pytest.mark.parametrize("level", [0, 100])
def test_a_mask_that_marks_nothing_is_refused(level: int) -> None:
    data = file_of(Image.new("L", SIZE, level))
    with pytest.raises(InvalidInput, match=r"^mask: the mask marks nothing: it is all black"):
        mask_from(data, SIZE, name="mask")
    assert marks(mask_from(data, SIZE, name="mask", inverted=True)) == ((level,) * 3, (level,) * 3)


def test_an_inverted_mask_that_marks_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="it is all white, and mask_mode not_masked"):
        mask_from(file_of(Image.new("L", SIZE, 255)), SIZE, name="mask", inverted=True)


def test_a_mask_that_is_no_image_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidInput, match=r"^mask: this is no image"):
        mask_from(b"garbage", SIZE, name="mask")


def test_the_warnings_of_an_animated_mask_are_passed_on() -> None:
    data = file_of(half("L", 0, 255), "GIF", save_all=True, append_images=[Image.new("L", SIZE)])
    mask = mask_from(data, SIZE, name="mask")
    assert mask.warnings == ("mask is animated; only the first frame is used.",)


# An area of the image


@pytest.mark.parametrize(
    ("area", "grown", "box"),
    [
        ((0, 0, 100, 40), 0, (0, 0, 200, 40)),
        ((0, 0, 100, 100), 0, (0, 0, 200, 100)),
        ((25, 50, 75, 100), 0, (50, 50, 150, 100)),
        ((12.5, 10, 13.75, 11), 0, (25, 10, 28, 11)),
        ((50, 50, 60, 60), 4, (96, 46, 124, 64)),
        ((0, 0, 10, 10), 64, (0, 0, 84, 74)),
    ],
)
def test_an_area_is_marked_in_percent_of_the_image(
    area: tuple[float, float, float, float], grown: int, box: tuple[int, int, int, int]
) -> None:
    mask = mask_from_area(area, (200, 100), grown=grown)
    image = sent(mask)
    assert (image.mode, image.size, image.convert("L").getbbox()) == ("RGB", (200, 100), box)


@given(
    first=st.tuples(st.floats(0, 99.99), st.floats(0, 99.99)),
    width=st.integers(64, 300),
    height=st.integers(64, 300),
)
def test_an_area_marks_a_pixel_at_least(
    first: tuple[float, float], width: int, height: int
) -> None:
    mask = mask_from_area((*first, 100.0, 100.0), (width, height))
    assert mask.image.getbbox() is not None


# Transparency of the image itself


def test_the_transparent_pixels_of_an_image_serve_as_its_mask() -> None:
    painted = photo().convert("RGBA")
    painted.paste(CLEAR, HALF)
    mask = mask_from_transparency(open_image(file_of(painted), name="image"))
    assert mask is not None
    assert marks(mask) == (WHITE, BLACK)


def test_an_image_without_transparency_has_no_mask() -> None:
    assert mask_from_transparency(open_image(file_of(photo()), name="image")) is None


def test_a_nearly_opaque_image_is_refused_as_its_mask() -> None:
    prepared = open_image(file_of(half("RGBA", (1, 2, 3, 255), (1, 2, 3, 200))), name="image")
    with pytest.raises(InvalidInput, match="image: the mask marks nothing"):
        mask_from_transparency(prepared)


# Outpainting


def opened(image: Image.Image) -> PreparedImage:
    """Return a prepared image."""
    return open_image(file_of(image), name="image")


def levels(mask: PreparedImage) -> Image.Image:
    """Return a mask as a grey image."""
    return mask.image.getchannel("R")


@pytest.mark.parametrize(
    ("sides", "size", "box"),
    [
        ({"left": 40}, (136, 64), (40, 0)),
        ({"right": 40}, (136, 64), (0, 0)),
        ({"top": 24}, (96, 88), (0, 24)),
        ({"bottom": 24}, (96, 88), (0, 0)),
        ({"left": 8, "right": 16, "top": 24, "bottom": 32}, (120, 120), (8, 24)),
    ],
    ids=str,
)
def test_the_image_stays_and_the_added_area_is_marked(
    sides: dict[str, int], size: tuple[int, int], box: tuple[int, int]
) -> None:
    source = photo((96, 64))
    extended, mask = outpaint(opened(source), **sides, feather=0)
    assert extended.size == mask.size == size
    whole = (*box, box[0] + 96, box[1] + 64)
    assert extended.image.crop(whole).tobytes() == source.tobytes()
    expected = Image.new("L", size, 255)
    expected.paste(0, whole)
    assert levels(mask).tobytes() == expected.tobytes()


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_the_mask_fades_out_inside_the_image_at_the_side_that_grew(side: str) -> None:
    _, mask = outpaint(opened(photo((96, 96))), **{side: 32}, feather=32)
    turned = levels(mask).rotate(
        {"left": 0, "right": 180, "top": 90, "bottom": -90}[side], expand=True
    )
    row = [turned.getpixel((x, 48)) for x in range(128)]
    assert row[:32] == [255] * 32
    fading = row[32:64]
    assert fading == sorted(fading, reverse=True)  # type: ignore[type-var]
    assert 200 < fading[0] <= 255  # type: ignore[operator]
    assert 110 < fading[16] < 145  # type: ignore[operator]
    assert row[66:] == [0] * 62


def test_a_feather_wider_than_the_image_leaves_its_middle() -> None:
    _, mask = outpaint(opened(photo((64, 64))), left=64, right=64, top=64, bottom=64, feather=500)
    assert levels(mask).getpixel((96, 96)) < 20  # type: ignore[operator]
    assert levels(mask).getpixel((5, 5)) == 255


def test_the_added_area_is_filled_with_the_images_edges() -> None:
    source = Image.new("RGB", (96, 64), (200, 30, 30))
    ImageDraw.Draw(source).rectangle((48, 0, 95, 63), fill=(30, 30, 200))
    extended, _ = outpaint(opened(source), left=64, right=64, top=64, bottom=64)
    for corner in ((0, 0), (0, 191), (0, 100)):
        assert extended.image.getpixel(corner) == (200, 30, 30)
    for corner in ((223, 0), (223, 191), (223, 100)):
        assert extended.image.getpixel(corner) == (30, 30, 200)


def test_the_result_is_sent_as_an_rgb_png() -> None:
    extended, mask = outpaint(opened(photo((64, 64))), left=8)
    assert (sent(extended).format, sent(extended).mode) == ("PNG", "RGB")
    assert (sent(mask).format, sent(mask).mode) == ("PNG", "RGB")
    assert sent(extended).size == (72, 64)


@given(
    st.integers(8, 60),
    st.integers(8, 60),
    *(st.integers(0, 40) for _ in range(4)),
    st.integers(0, 99),
)
def test_both_sides_become_multiples_of_eight(
    width: int, height: int, left: int, right: int, top: int, bottom: int, feather: int
) -> None:
    source = PreparedImage("image", Image.new("RGB", (width, height), WHITE))
    extended, mask = outpaint(
        source, left=left, right=right, top=top, bottom=bottom, feather=feather
    )
    assert extended.size == mask.size
    assert extended.size[0] % 8 == extended.size[1] % 8 == 0
    assert left + width + right <= extended.size[0] < left + width + right + 8
    assert top + height + bottom <= extended.size[1] < top + height + bottom + 8


def test_pixels_for_the_multiple_of_eight_go_where_the_image_grows() -> None:
    source = Image.new("RGB", (61, 64), (9, 9, 9))
    extended, mask = outpaint(opened(source), left=10, feather=0)
    assert extended.size == (72, 64)
    assert levels(mask).getpixel((10, 5)) == 255
    assert levels(mask).getpixel((11, 5)) == 0
    assert levels(mask).getpixel((71, 5)) == 0


def test_growing_beyond_4096_pixels_is_refused_with_both_sizes() -> None:
    with pytest.raises(InvalidInput, match="grows from 4000x64 to 4104x64 pixels; at most 4096"):
        outpaint(opened(Image.new("RGB", (4000, 64))), left=50, right=50)
    extended, _ = outpaint(opened(Image.new("RGB", (4000, 64))), left=48, right=48)
    assert extended.size == (4096, 64)


def test_the_images_warnings_are_kept() -> None:
    source = PreparedImage("image", Image.new("RGB", (64, 64)), warnings=("careful",))
    assert outpaint(source, left=8)[0].warnings == ("careful",)
