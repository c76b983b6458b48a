"""What the painted images show: a sky, a ground and a few subjects, flat as on an old poster.

A seed decides where things stand, the words of a prompt what they are and how they are coloured.
All is measured in heights of the image from its middle, so that a wider image of the same seed
shows more to the left and right.
"""

import hashlib
import math
import random
import re
from colorsys import hsv_to_rgb

from PIL import Image, ImageDraw

from devkit.simulator.inventory import data_of

Tint = tuple[float, float, float]
"""Hue, saturation and value, 0 to 1."""

Part = tuple[str, str, float, float, float, float]
"""A shape (box, disc or peak), the name of its tint, and its left, foot, right and top."""

_DRAWN = data_of("subjects")
TINTS: dict[str, Tint] = {name: tuple(tint) for name, tint in _DRAWN["tints"].items()}
SUBJECTS: dict[str, list[Part]] = _DRAWN["subjects"]

WORDS = {
    **{name: name for name in SUBJECTS},
    **dict.fromkeys(("cottage", "cabin", "barn", "village", "hut"), "house"),
    **dict.fromkeys(("tower", "ruins", "fortress", "temple"), "castle"),
    **dict.fromkeys(("street", "skyline", "town", "robot"), "city"),
    **dict.fromkeys(("dog", "fox", "animal", "bear"), "cat"),
    **dict.fromkeys(("woman", "man", "girl", "boy", "person", "face", "sailor"), "portrait"),
    **dict.fromkeys(("flowers", "sunflowers", "rose", "vase", "garden"), "flower"),
    **dict.fromkeys(("ship", "sailing", "harbour"), "boat"),
    **dict.fromkeys(("trees", "forest", "woods", "pines"), "tree"),
}
"""The subject that a word of the prompt stands for."""

HOURS = {
    **dict.fromkeys(("day", "daylight", "noon", "morning", "sunny", "summer", "spring"), "day"),
    **dict.fromkeys(("dusk", "sunset", "sunrise", "dawn", "evening"), "evening"),
    **dict.fromkeys(("night", "moon", "stars", "dark", "midnight", "space", "planet"), "night"),
    **dict.fromkeys(("winter", "snow", "snowy", "ice", "frozen"), "winter"),
    **dict.fromkeys(("neon", "cyberpunk", "synthwave", "futuristic"), "neon"),
}
"""Words for the light; the last one in a prompt counts, so that more words change an image."""

SKIES: dict[str, tuple[tuple[Tint, Tint], ...]] = {
    "day": (((0.58, 0.62, 0.85), (0.54, 0.15, 0.99)), ((0.53, 0.55, 0.8), (0.14, 0.14, 0.99)),
            ((0.61, 0.45, 0.9), (0.95, 0.1, 0.99))),
    "evening": (((0.71, 0.58, 0.42), (0.05, 0.72, 0.98)), ((0.55, 0.65, 0.42), (0.12, 0.65, 0.98)),
                ((0.65, 0.7, 0.4), (0.95, 0.45, 0.98))),
    "night": (((0.64, 0.85, 0.12), (0.62, 0.65, 0.42)),),
    "winter": (((0.58, 0.3, 0.8), (0.6, 0.06, 0.97)),),
    "neon": (((0.72, 0.9, 0.14), (0.88, 0.8, 0.8)),),
}  # fmt: skip
"""Tints above and at the horizon; the seed chooses one pair of the hour."""

LIGHT = {"day": 1.0, "evening": 0.75, "night": 0.4, "winter": 1.0, "neon": 0.45}

LOOKS = {
    **dict.fromkeys(("watercolour", "watercolor", "pastel"), (0.55, 0.45)),
    **dict.fromkeys(("pencil", "sketch", "ink"), (0.0, 0.3)),
}
"""Words of a technique: what they leave of the saturation, and how far they lighten."""

GROUNDS = {
    **dict.fromkeys(("sea", "ocean", "lake", "river", "coast", "beach", "cliff", "boat"), 0.58),
    **dict.fromkeys(("desert", "dunes", "sand", "vase", "indoors"), 0.1),
}
"""Words for the hue of the ground; others leave it to the first part of the prompt."""


def dice_of(*parts: object) -> random.Random:
    """Return dice that fall alike for equal parts."""
    text = "\0".join(map(str, parts))
    return random.Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())


class Scene:
    """One image that is being painted.

    Args:
        prompt: Its words choose subjects, ground, hour and technique; for what they leave open the
            part before the first comma counts.
        seed: Decides where everything stands.
        model: Shifts the hue.
        size: In pixels.
    """

    def __init__(self, prompt: str, seed: int, model: str, size: tuple[int, int]) -> None:
        words = re.findall(r"[^\W\d_]+", prompt.lower())
        theme = dice_of(prompt.partition(",")[0])
        known = list(dict.fromkeys(WORDS[word] for word in words if word in WORDS))
        self._hour = next((HOURS[word] for word in reversed(words) if word in HOURS), "day")
        self._look = next((LOOKS[word] for word in reversed(words) if word in LOOKS), (1.0, 0.0))
        self._seed = (seed, model) if known else (seed, model, theme.random())
        self._subjects = known or [theme.choice(("house", "tree", "castle", "boat"))]
        ground = next((GROUNDS[word] for word in words if word in GROUNDS), theme.random())
        shift = dice_of(model).uniform(-0.06, 0.06) + dice_of(prompt, seed).uniform(-0.02, 0.02)
        dice = dice_of(*self._seed, "composition")
        self._hue = ground + shift + dice.uniform(-0.06, 0.06)
        self._horizon = dice.uniform(0.45, 0.66)
        self._mood = dice.randrange(6)
        self._width, self._height = size
        self._image = Image.new("RGB", size)
        self._draw = ImageDraw.Draw(self._image)

    def paint(self) -> Image.Image:
        """Draw all of it, from the back to the front."""
        self._paint_sky()
        self._paint_ground()
        dice = dice_of(*self._seed, "subjects")
        narrow = min(self._width / self._height, 1.0)
        places = [(dice.uniform(-0.25, 0.25), dice.uniform(0.7, 0.95)) for _ in self._subjects]
        # The first one named stands in front.
        for name, (x, size) in reversed(list(zip(self._subjects, places, strict=True))):
            for part in SUBJECTS[name]:
                self._paint_part(part, x * narrow, 0.97, size * (0.4 + 0.6 * narrow))
        return self._image

    def _colour(self, tint: Tint, light: float = 1.0) -> tuple[int, int, int]:
        """Return a colour as it looks in that light and in the prompt's technique."""
        keeps, lifts = self._look
        hue, saturation, value = tint
        value = value * light + (1.0 - value * light) * lifts
        red, green, blue = hsv_to_rgb(hue % 1.0, saturation * keeps, value)
        return round(red * 255), round(green * 255), round(blue * 255)

    def _paint_sky(self) -> None:
        """Fill everything from the sky's upper tint to that of the horizon, and set a sun."""
        tints = SKIES[self._hour][self._mood % len(SKIES[self._hour])]
        top, low = (self._colour(tint) for tint in tints)
        shares = Image.linear_gradient("L").resize((1, max(round(self._height * self._horizon), 1)))
        whole = Image.new("L", (1, self._height), 255)
        whole.paste(shares, (0, 0))
        sky = Image.composite(
            Image.new("RGB", whole.size, low), Image.new("RGB", whole.size, top), whole
        )
        self._image.paste(sky.resize(self._image.size, Image.Resampling.NEAREST))
        x, y = dice_of(*self._seed, "sun").uniform(-0.4, 0.4), 0.62 + 0.05 * self._mood
        sun = "white" if self._hour == "night" else "glass"
        self._paint_part(("disc", sun, -1, -1, 1, 1), x, 1 - y, 0.07, light=1.0)

    def _paint_ground(self) -> None:
        """Draw ridges from far to near."""
        dice = dice_of(*self._seed, "ground")
        for number in range(4):
            near = (number + 1) / 4
            base = self._horizon + (0.97 - self._horizon) * near**1.3
            tint = (self._hue + 0.03 * number, 0.15 + 0.5 * near, 0.92 - 0.6 * near)
            if self._hour == "winter":
                tint = (0.58, 0.04 + 0.1 * near, 0.97 - 0.12 * near)
            waves = [
                (math.tau * dice.uniform(0.6, 1.4) * scale, dice.uniform(0, math.tau), 0.09 / scale)
                for scale in (1.2, 2.7, 6.1)
            ]
            points: list[tuple[float, float]] = []
            for x in [*range(0, self._width, max(self._width // 128, 1)), self._width]:
                u = (x - self._width / 2) / self._height
                up = sum(high * math.sin(often * u + at) for often, at, high in waves)
                points.append((x, (base - up) * self._height))
            corners = [(self._width, self._height), (0, self._height)]
            self._draw.polygon([*points, *corners], fill=self._colour(tint, LIGHT[self._hour]))

    def _paint_part(
        self, part: Part, x: float, foot: float, size: float, light: float | None = None
    ) -> None:
        """Draw a shape of a subject whose foot stands at that place."""
        shape, name, left, low, right, top = part
        unit = size * self._height
        middle, bottom = self._width / 2 + x * self._height, foot * self._height
        box = (
            middle + left * unit,
            bottom - top * unit,
            middle + right * unit,
            bottom - low * unit,
        )
        fill = self._colour(TINTS[name], LIGHT[self._hour] if light is None else light)
        if shape == "box":
            self._draw.rectangle(box, fill=fill)
        elif shape == "disc":
            self._draw.ellipse(box, fill=fill)
        else:
            self._draw.polygon(
                [(box[0], box[3]), ((box[0] + box[2]) / 2, box[1]), (box[2], box[3])], fill=fill
            )
