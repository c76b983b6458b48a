"""The simulator's images: the same for equal requests, and visibly others for other ones."""

import pytest
from PIL import Image, ImageChops, ImageStat

from devkit.simulator.painter import derived, described, edges, half_done, paint, weighed_down

PROMPT, MODEL = "a lighthouse on a cliff at dusk, oil painting", "dreamshaper_8.safetensors"


def painted(prompt: str = PROMPT, seed: int = 5, model: str = MODEL, **size: int) -> Image.Image:
    return paint(prompt, seed, model, size.get("width", 192), size.get("height", 192))


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of all bands, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def light(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).mean[0]


def test_equal_wishes_give_equal_pixels() -> None:
    assert painted().tobytes() == painted().tobytes()


@pytest.mark.parametrize(
    "prompt",
    [
        f"{PROMPT}, winter", f"{PROMPT}, watercolour", f"{PROMPT}, at night", f"{PROMPT}, neon",
        "a castle", "a city", "a cat", "a portrait of a sailor", "a planet", "sunflowers in a vase",
        "a boat", "a cottage", "desert dunes",
    ],
)  # fmt: skip
def test_other_prompts_are_seen(prompt: str) -> None:
    assert difference(painted(), painted(prompt)) > 12


@pytest.mark.parametrize("seed", [6, 7])
def test_other_seeds_are_seen(seed: int) -> None:
    assert difference(painted(), painted(seed=seed)) > 12


def test_any_other_word_and_model_changes_some_pixels() -> None:
    others = [painted(f"{PROMPT} 77"), painted(f"{PROMPT}, <lora:add_detail:1>")]
    others.append(painted(model="other.safetensors"))
    pixels = {image.tobytes() for image in (painted(), *others)}
    assert len(pixels) == 4


def test_prompts_without_a_known_word_have_their_own_scenes() -> None:
    images = [painted(prompt) for prompt in ("x", "yes", "猫", "one two three", "?", "zzz")]
    assert all(
        difference(one, other) > 5
        for number, one in enumerate(images)
        for other in images[number + 1 :]
    )


def test_the_last_word_for_the_light_counts() -> None:
    day, night = painted("a house, at night, noon"), painted("a house, noon, at night")
    assert light(day) > light(night) + 60


def test_a_wider_image_of_a_seed_shows_more_of_the_same() -> None:
    wide = painted(width=320).crop((64, 0, 256, 192))
    assert difference(painted(), wide) < 2


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (64, 2048), (2048, 64)])
def test_any_size_can_be_painted(size: tuple[int, int]) -> None:
    for prompt in ("", "a neon city", "a cat", "a castle in winter", "\ud800"):
        assert paint(prompt, 0, MODEL, *size).size == size


def test_img2img_keeps_the_composition_and_changes_the_colours() -> None:
    source, wish = painted(), painted("a castle in winter, snow", 99)
    made = derived(source, wish, 0.6, None)
    assert difference(source, made) > 20
    greys = [list(image.convert("L").tobytes()) for image in (source, made, wish)]
    assert _likeness(greys[0], greys[1]) > 0.9
    assert _likeness(greys[0], greys[2]) < 0.5


def test_the_denoising_strength_reaches_from_the_source_to_the_wish() -> None:
    source, wish = painted(), painted("a castle in winter, snow", 99)
    assert derived(source, wish, 0.0, None).tobytes() == source.tobytes()
    assert derived(source, wish, 1.0, None).tobytes() == wish.tobytes()
    steps = [difference(source, derived(source, wish, s / 10, None)) for s in range(7)]
    assert steps == sorted(steps)


def test_a_mask_keeps_what_is_black() -> None:
    source, wish = painted(), painted("a castle in winter, snow", 99)
    mask = Image.new("L", source.size)
    mask.paste(255, (0, 0, 96, 192))
    made = derived(source, wish, 1.0, mask)
    halves = (0, 0, 96, 192), (96, 0, 192, 192)
    assert made.crop(halves[0]).tobytes() == wish.crop(halves[0]).tobytes()
    assert made.crop(halves[1]).tobytes() == source.crop(halves[1]).tobytes()


def test_edges_are_white_on_black_without_a_frame() -> None:
    image = Image.new("RGB", (40, 40), "grey")
    image.paste("black", (20, 0, 40, 40))
    found = edges(image).convert("L")
    assert found.getpixel((19, 20)) == found.getpixel((20, 20)) == 255
    assert [found.getpixel(place) for place in ((0, 20), (39, 20), (10, 0), (30, 39))] == [0] * 4


def test_what_was_interrupted_is_noisy_and_what_is_to_be_heavy_is() -> None:
    image = painted()
    assert difference(half_done(image, 0.2, 1), image) > difference(half_done(image, 0.9, 1), image)
    heavy = weighed_down(image, 1_500_000, 1)
    assert heavy.crop((0, 0, 192, 90)).tobytes() == image.crop((0, 0, 192, 90)).tobytes()
    assert difference(heavy, image) > 10


def test_captions_follow_from_the_colours() -> None:
    image = Image.new("RGB", (20, 10), (0, 0, 255))
    image.paste((0, 255, 0), (0, 5, 20, 10))
    assert described(image) == "a wide landscape with a blue sky and green hills"


def _likeness(one: list[int], other: list[int]) -> float:
    """Correlation, -1 to 1."""
    count = len(one)
    means = sum(one) / count, sum(other) / count
    a, b = [value - means[0] for value in one], [value - means[1] for value in other]
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return float(product / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5)
