"""Images pass as they come, unless the first may be a grid of the others."""

import io

from PIL import Image

from sdwebui.answers.grid_filter import GridFilter

BODY = {"width": 64, "height": 64}


def png(width: int, height: int, colour: str = "red") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(target, "PNG")
    return target.getvalue()


ONE, TWO = png(64, 64), png(64, 64, "blue")
GRID = png(128, 64)


def test_images_of_the_requested_size_pass_at_once() -> None:
    grid_filter = GridFilter(BODY, 2, others=False)
    assert grid_filter.take([]) == []
    assert grid_filter.take([ONE]) == [ONE]
    assert grid_filter.take([TWO]) == [TWO]
    assert grid_filter.rest() == []


def test_a_single_image_passes_whatever_its_size() -> None:
    assert GridFilter(BODY, 1, others=False).take([GRID]) == [GRID]


def test_a_grid_waits_for_info() -> None:
    grid_filter = GridFilter(BODY, 2, others=False)
    assert grid_filter.take([GRID]) == []
    assert grid_filter.take([ONE]) == []
    assert grid_filter.take([TWO]) == []
    assert grid_filter.rest(1) == [ONE, TWO]
    assert grid_filter.rest() == []


def test_images_that_are_all_of_another_size_pass_from_the_second_on() -> None:
    grid_filter = GridFilter(BODY, 3, others=False)
    assert grid_filter.take([GRID]) == []
    assert grid_filter.take([GRID]) == [GRID, GRID]
    assert grid_filter.take([GRID]) == [GRID]


def test_where_others_may_come_all_wait() -> None:
    grid_filter = GridFilter(BODY, 1, others=True)
    assert grid_filter.take([ONE, TWO]) == []
    assert grid_filter.rest() == [ONE, TWO]


def test_without_info_the_first_of_several_counts_as_a_grid() -> None:
    grid_filter = GridFilter(BODY, 2, others=False)
    grid_filter.take([GRID, ONE])
    assert grid_filter.rest_without_info() == [ONE]
    grid_filter = GridFilter(BODY, 2, others=False)
    grid_filter.take([GRID])
    assert grid_filter.rest_without_info() == [GRID]


def test_an_empty_image_is_no_grid() -> None:
    assert GridFilter(BODY, 2, others=False).take([b""]) == [b""]
    grid_filter = GridFilter(BODY, 2, others=False)
    assert grid_filter.take([GRID, b""]) == []
