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
from typing import Any

from PIL import Image, ImageDraw

from devkit.simulator.inventory import data_of

SCENERY = data_of("scenery")
"""Hours, looks, grounds and subjects, each with the words of a prompt that stand for it.

A tint is hue, saturation and value. A subject's parts are a shape (box, disc or peak), the name of
its tint, and its left, foot, right and top in the subject's own size.
"""

UNSAID = ("house", "castle", "boat", "tree")
"""What a prompt without a known word shows."""


def dice_of(*parts: object) -> random.Random:
    """Return dice that fall alike for equal parts."""
    text = "\0".join(map(str, parts))
    return random.Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())


def _named(group: str, words: list[str]) -> list[dict[str, Any]]:
    """Return the entries of a group that words stand for, in the order of the words."""
    entries = [one for word in words for one in SCENERY[group] if word in one["words"]]
    return [one for number, one in enumerate(entries) if one not in entries[:number]]


class Scene:
    """One image that is being painted.

    Args:
        prompt: Its words choose subjects, ground, hour and look, the last one of several hours or
            looks; for what they leave open the part before the first comma counts.
        seed: Decides where everything stands.
        model: Shifts the hue.
        size: In pixels.
    """

    def __init__(self, prompt: str, seed: int, model: str, size: tuple[int, int]) -> None:
        words = re.findall(r"[^\W\d_]+", prompt.lower())
        theme = dice_of(prompt.partition(",")[0])
        known, unsaid = _named("subjects", words), theme.choice(UNSAID)
        self._subjects = known or [one for one in SCENERY["subjects"] if one["name"] == unsaid]
        self._hour = [SCENERY["hours"][0], *_named("hours", words[::-1])[:1]][-1]
        self._look = [{"keeps": 1.0, "lifts": 0.0}, *_named("looks", words[::-1])[:1]][-1]
        # Without a known word the prompt has to tell the images apart in another way.
        self._seed = (seed, model) if known else (seed, model, theme.random())
        ground = [{"hue": theme.random()}, *_named("grounds", words)[:1]][-1]["hue"]
        shift = dice_of(model).uniform(-0.06, 0.06) + dice_of(prompt, seed).uniform(-0.02, 0.02)
        dice = self._dice("composition")
        self._hue = ground + shift + dice.uniform(-0.06, 0.06)
        self._horizon, self._mood = dice.uniform(0.45, 0.66), dice.randrange(6)
        self._width, self._height = size
        self._image = Image.new("RGB", size)
        self._draw = ImageDraw.Draw(self._image)

    def _dice(self, part: str) -> random.Random:
        """Return dice of a part's own, so that no part of an image moves another."""
        return dice_of(*self._seed, part)

    def paint(self) -> Image.Image:
        """Draw all of it, from the back to the front; the subject named first stands in front."""
        self._paint_sky()
        self._paint_ground()
        dice, narrow = self._dice("subjects"), min(self._width / self._height, 1.0)
        places = [(dice.uniform(-0.25, 0.25), dice.uniform(0.7, 0.95)) for _ in self._subjects]
        for subject, (x, size) in reversed(list(zip(self._subjects, places, strict=True))):
            for part in subject["parts"]:
                self._paint_part(part, x * narrow, 0.97, size * (0.4 + 0.6 * narrow))
        return self._image

    def _colour(self, tint: tuple[float, ...], light: float = 1.0) -> tuple[int, int, int]:
        """Return a colour as it looks in that light and in the prompt's technique."""
        hue, saturation, value = tint
        value = value * light + (1.0 - value * light) * self._look["lifts"]
        red, green, blue = hsv_to_rgb(hue % 1.0, saturation * self._look["keeps"], value)
        return round(red * 255), round(green * 255), round(blue * 255)

    def _paint_sky(self) -> None:
        """Fill everything from the sky's upper tint to that of the horizon, and set a sun."""
        tints = self._hour["skies"][self._mood % len(self._hour["skies"])]
        top, low = (self._colour(tint) for tint in tints)
        shares = Image.linear_gradient("L").resize((1, max(round(self._height * self._horizon), 1)))
        mask = Image.new("L", (1, self._height), 255)
        mask.paste(shares, (0, 0))
        column = Image.new("RGB", mask.size, top)
        column.paste(low, (0, 0), mask)
        self._image.paste(column.resize(self._image.size, Image.Resampling.NEAREST))
        x, y = self._dice("sun").uniform(-0.4, 0.4), 0.38 - 0.05 * self._mood
        sun = "white" if self._hour["name"] == "night" else "glass"
        self._paint_part(["disc", sun, -1, -1, 1, 1], x, y, 0.07, light=1.0)

    def _paint_ground(self) -> None:
        """Draw ridges from far to near."""
        dice = self._dice("ground")
        for number in range(4):
            near = (number + 1) / 4
            base = self._horizon + (0.97 - self._horizon) * near**1.3
            tint = (self._hue + 0.03 * number, 0.15 + 0.5 * near, 0.92 - 0.6 * near)
            if self._hour["name"] == "winter":
                tint = (0.58, 0.04 + 0.1 * near, 0.97 - 0.12 * near)
            waves = [
                (math.tau * dice.uniform(0.6, 1.4) * scale, dice.uniform(0, math.tau), 0.09 / scale)
                for scale in (1.2, 2.7, 6.1)
            ]
            points: list[tuple[float, float]] = [(self._width, self._height), (0, self._height)]
            for x in [*range(0, self._width, max(self._width // 128, 1)), self._width]:
                u = (x - self._width / 2) / self._height
                up = sum(high * math.sin(often * u + at) for often, at, high in waves)
                points.append((x, (base - up) * self._height))
            self._draw.polygon(points, fill=self._colour(tint, self._hour["light"]))

    def _paint_part(
        self, part: list[Any], x: float, foot: float, size: float, light: float | None = None
    ) -> None:
        """Draw a shape of a subject whose foot stands at that place."""
        shape, tint, left, low, right, top = part
        unit, middle, bottom = size * self._height, self._width / 2 + x * self._height, foot
        bottom *= self._height
        box = (
            middle + left * unit,
            bottom - top * unit,
            middle + right * unit,
            bottom - low * unit,
        )
        fill = self._colour(SCENERY["tints"][tint], light or self._hour["light"])
        if shape == "box":
            self._draw.rectangle(box, fill=fill)
        elif shape == "disc":
            self._draw.ellipse(box, fill=fill)
        else:
            self._draw.polygon([(box[0], box[3]), (middle + (left + right) / 2 * unit, box[1]),
                                (box[2], box[3])], fill=fill)  # fmt: skip
