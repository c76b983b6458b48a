"""What the painted images show: a sky, hills and a few subjects, flat as on an old poster.

A seed decides where things stand, the words of a prompt what they are and how they are coloured.
All is measured in heights of the image from its middle, so that a wider image of the same seed
shows more to the left and right.
"""

import math
import random
import re
from colorsys import hsv_to_rgb
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from devkit.simulator.inventory import data_of

SCENERY = data_of("scenery")
"""Hours, looks and subjects, each with the words of a prompt that stand for it.

A tint is hue, saturation and value. A subject's parts are a shape (box, disc or peak), the name of
its tint, and its left, foot, right and top in the subject's own size.
"""


def dice_of(*parts: object) -> random.Random:
    """Return dice that fall alike for equal parts."""
    return random.Random(repr(parts))


class Scene:
    """One image that is being painted.

    Args:
        prompt: Its words choose subjects, hour and look; the last hour and look count. What they
            leave open follows from the part before the first comma.
        seed: Decides where everything stands.
        model: Shifts the hue.
        size: In pixels.
    """

    def __init__(self, prompt: str, seed: int, model: str, size: tuple[int, int]) -> None:
        words = re.findall(r"[^\W\d_]+", prompt.lower())
        theme = dice_of(prompt.partition(",")[0])
        named = {
            group: [one for word in words for one in SCENERY[group] if word in one["words"]]
            for group in ("hours", "looks", "subjects")
        }
        self._hour = [SCENERY["hours"][0], *named["hours"]][-1]
        self._look = [{"keeps": 1.0, "lifts": 0.0}, *named["looks"]][-1]
        self._subjects = named["subjects"] or [theme.choice(SCENERY["subjects"])]
        # Without a known word the prompt has to tell the images apart in another way.
        self._dice = dice_of(seed, model, *([] if named["subjects"] else [theme.random()]))
        self._hue = theme.random() + dice_of(model, prompt).uniform(-0.08, 0.08)
        self._horizon, self._mood = self._dice.uniform(0.45, 0.66), self._dice.randrange(6)
        self._width, self._height = size
        self._image = self._sky()
        self._draw = ImageDraw.Draw(self._image)

    def paint(self) -> Image.Image:
        """Draw all of it, from the back to the front; the subject named first stands in front."""
        x, y = self._dice.uniform(-0.4, 0.4), 0.38 - 0.05 * self._mood
        self._paint_part(["disc", self._hour["sun"], -1, -1, 1, 1], x, y, 0.07, light=1.0)
        for number in range(4):
            self._paint_ridge((number + 1) / 4)
        narrow = min(self._width / self._height, 1.0)
        for subject in reversed(self._subjects):
            x, size = self._dice.uniform(-0.25, 0.25), self._dice.uniform(0.7, 0.95)
            for part in subject["parts"]:
                self._paint_part(part, x * narrow, 0.97, size * (0.4 + 0.6 * narrow))
        return self._image

    def _colour(self, tint: tuple[float, ...], light: float) -> tuple[int, int, int]:
        """Return a colour as it looks in that light and in the prompt's technique."""
        hue, saturation, value = tint
        value = value * light + (1.0 - value * light) * self._look["lifts"]
        red, green, blue = hsv_to_rgb(hue % 1.0, saturation * self._look["keeps"], value)
        return round(red * 255), round(green * 255), round(blue * 255)

    def _sky(self) -> Image.Image:
        """Return an image that fades from the sky's upper tint to that of the horizon."""
        tints = self._hour["skies"][self._mood % len(self._hour["skies"])]
        top, low = (self._colour(tint, 1.0) for tint in tints)
        shares = Image.linear_gradient("L").point(lambda share: min(share / self._horizon, 255))
        column = ImageOps.colorize(shares.resize((1, self._height)), top, low)
        return column.resize((self._width, self._height), Image.Resampling.NEAREST)

    def _paint_ridge(self, near: float) -> None:
        """Draw a row of hills; 1 is the nearest."""
        base = self._horizon + (0.97 - self._horizon) * near**1.3
        tint = (self._hue + 0.1 * near, 0.15 + 0.5 * near, 0.92 - 0.6 * near)
        turns = [(scale, self._dice.uniform(0, math.tau)) for scale in (1.2, 2.7, 6.1)]
        points: list[tuple[float, float]] = [(self._width, self._height), (0, self._height)]
        for x in [*range(0, self._width, max(self._width // 128, 1)), self._width]:
            u = (x - self._width / 2) / self._height
            up = sum(math.sin(math.tau * scale * u + turn) / scale for scale, turn in turns)
            points.append((x, (base - 0.09 * up) * self._height))
        self._draw.polygon(points, fill=self._colour(tint, self._hour["light"]))

    def _paint_part(
        self, part: list[Any], x: float, foot: float, size: float, light: float | None = None
    ) -> None:
        """Draw a shape of a subject whose foot stands at that place."""
        shape, tint, *sides = part
        unit, middle, bottom = size * self._height, self._width / 2 + x * self._height, self._height
        left, right = (middle + side * unit for side in (sides[0], sides[2]))
        top, low = (foot * bottom - side * unit for side in (sides[3], sides[1]))
        fill = self._colour(SCENERY["tints"][tint], light or self._hour["light"])
        if shape == "box":
            self._draw.rectangle((left, top, right, low), fill=fill)
        elif shape == "disc":
            self._draw.ellipse((left, top, right, low), fill=fill)
        else:
            self._draw.polygon([(left, low), ((left + right) / 2, top), (right, low)], fill=fill)
