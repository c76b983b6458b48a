"""What the painted images show: sky, ground and subjects, drawn flat as on an old poster.

A seed decides where things stand, the words of a prompt what they are and how they are coloured:
so images of one seed have one composition, as with a real model. All is measured in heights of the
image from its middle, so that a wider image of the same seed shows more to the left and right.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from colorsys import hsv_to_rgb

from PIL import Image, ImageDraw

from devkit.simulator import subjects
from devkit.simulator.subjects import SUBJECTS, Pen, Tint

HUES = {
    "red": 0.99, "orange": 0.07, "golden": 0.12, "yellow": 0.14, "green": 0.33, "teal": 0.48,
    "turquoise": 0.49, "blue": 0.60, "purple": 0.77, "violet": 0.75, "lavender": 0.72, "pink": 0.92,
    "autumn": 0.06, "desert": 0.10, "forest": 0.36, "spring": 0.26, "summer": 0.30,
}  # fmt: skip
"""Words that choose the hue of the land."""

HOURS = {
    **dict.fromkeys(("day", "daylight", "noon", "morning", "sunny", "summer", "spring"), "day"),
    **dict.fromkeys(("dusk", "sunset", "sunrise", "dawn", "evening", "sundown"), "evening"),
    **dict.fromkeys(("night", "moon", "stars", "dark", "midnight", "moonlight"), "night"),
    **dict.fromkeys(("winter", "snow", "snowy", "ice", "frozen"), "winter"),
    **dict.fromkeys(("neon", "cyberpunk", "synthwave", "futuristic"), "neon"),
}  # fmt: skip
"""Words for the light; the last one in a prompt counts, so that more words change an image."""

LOOKS = {
    "watercolour": (0.6, 0.42), "watercolor": (0.6, 0.42), "pastel": (0.5, 0.5),
    "pencil": (0.0, 0.3), "sketch": (0.0, 0.3), "ink": (0.0, 0.15), "vintage": (0.45, 0.15),
}  # fmt: skip
"""Words of a technique: what they leave of the saturation, and how far they lighten."""

GROUNDS = {
    **dict.fromkeys(("sea", "ocean", "lake", "river", "coast", "beach", "water", "cliff"), "sea"),
    **dict.fromkeys(("hills", "mountain", "mountains", "forest", "garden", "meadow"), "hills"),
    **dict.fromkeys(("desert", "dunes"), "desert"),
    **dict.fromkeys(("room", "table", "indoors"), "room"),
    "space": "space",
}  # fmt: skip
"""Words for what the subjects stand on."""

DAY_SKIES = (
    ((0.58, 0.62, 0.85), (0.54, 0.15, 0.99)),
    ((0.53, 0.55, 0.80), (0.14, 0.14, 0.99)),
    ((0.61, 0.45, 0.90), (0.95, 0.10, 0.99)),
)
EVENING_SKIES = (
    ((0.71, 0.58, 0.42), (0.05, 0.72, 0.98)),
    ((0.55, 0.65, 0.42), (0.12, 0.65, 0.98)),
    ((0.65, 0.70, 0.40), (0.95, 0.45, 0.98)),
)
"""Tints above and at the horizon; the seed chooses."""

GLOW = Image.radial_gradient("L").point(lambda value: max(0, 150 - value * 150 // 178))


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
        self.reported = frozenset(words)
        theme = dice_of(prompt.partition(",")[0])
        known = dict.fromkeys(SUBJECTS[word] for word in words if word in SUBJECTS)
        self.subjects = list(known) or [theme.choice(subjects.FOR_ANYTHING)]
        grounds = (GROUNDS[word] for word in words if word in GROUNDS)
        self.ground = next(grounds, subjects.GROUNDS.get(self.subjects[0], "hills"))
        hour = next((HOURS[word] for word in reversed(words) if word in HOURS), "day")
        self.neon, self.winter, self.evening = (
            hour == one for one in ("neon", "winter", "evening")
        )
        self.night = hour in ("night", "neon") or self.ground == "space"
        looks = (LOOKS[word] for word in reversed(words) if word in LOOKS)
        self.keeps, self.lifts = next(looks, (1.0, 0.0))
        # Without a known word the prompt has to tell the images apart in another way.
        self._seed = (seed, model) if known else (seed, model, theme.random())
        self.dice = self._dice("subjects")
        dice = self._dice("composition")
        self.mood, self.side = dice.randrange(3), dice.choice((-1, 1))
        self.sun = (self.side * dice.uniform(-0.36, -0.16), dice.uniform(0.14, 0.36))
        self.horizon = dice.uniform(0.54, 0.66)
        self.places = [(self.side * dice.uniform(0.06, 0.2), dice.uniform(0.8, 1.1))]
        self.places += [(dice.uniform(-0.4, 0.4), 0.6) for _ in range(5)]
        hue = next((HUES[word] for word in words if word in HUES), theme.random())
        shift = dice_of(model).uniform(-0.06, 0.06) + dice_of(prompt, seed).uniform(-0.02, 0.02)
        self.hue = hue + shift + dice.uniform(-0.07, 0.07)
        self.width, self.height = size
        self.image = Image.new("RGB", size)
        self.draw = ImageDraw.Draw(self.image)
        self.veil = ImageDraw.Draw(self.image, "RGBA")

    def paint(self) -> Image.Image:
        """Draw all of it, from the back to the front."""
        low = self._sky()
        if self.ground == "room":
            self.pen().box((self.hue + 0.03, 0.4, 0.5), -9, -0.2, 9, 0.17)
        else:
            self._lights()
            self._clouds(low)
            if self.ground == "sea":
                self._sea(low)
            elif self.ground != "space":
                self._hills()
        narrow = min(self.width / self.height, 1.0)
        # The first one named is the largest, and nothing hides it.
        for subject, (x, size) in reversed(list(zip(self.subjects, self.places, strict=False))):
            subject(self.pen(x * narrow, size * (0.4 + 0.6 * narrow)))
        if self.winter and self.ground != "room":
            self._specks("snow", 70, 0.006, subjects.WHITE)
        return self.image

    def _dice(self, part: str) -> random.Random:
        """Return dice of a part's own, so that no part of an image moves another."""
        return dice_of(*self._seed, part)

    def pen(self, x: float = 0.0, size: float = 1.0, foot: float = 1.0) -> Pen:
        """Return a pen for something of that size at that place."""
        return Pen(self, x, foot, size)

    def colour(self, tint: Tint, *, shines: bool = False) -> tuple[int, int, int]:
        """Return a colour as it looks at this hour and in this technique."""
        hue, saturation, value = tint
        if self.neon and not shines:
            hue, saturation, value = 0.72 + hue % 1.0 * 0.12, max(saturation, 0.6), value * 0.42
        elif self.night and not shines:
            saturation, value = saturation * 0.85, value * 0.45
        elif self.evening and not shines:
            value *= 0.75
        value += (1.0 - value) * self.lifts
        red, green, blue = hsv_to_rgb(hue % 1.0, min(saturation, 1.0) * self.keeps, min(value, 1.0))
        return round(red * 255), round(green * 255), round(blue * 255)

    def _sky(self) -> tuple[int, int, int]:
        """Fill everything with the sky, or a wall; return its colour at the horizon."""
        tints: tuple[Tint, Tint]
        if self.neon:
            tints = (0.72, 0.9, 0.14), (0.88, 0.8, 0.8)
        elif self.ground == "space":
            tints = (0.68, 0.9, 0.06), (0.76, 0.7, 0.24)
        elif self.ground == "room":
            dim = 0.3 if self.night else 0.8
            tints = (self.hue + 0.45, 0.45, dim), (self.hue + 0.5, 0.25, dim + 0.15)
        elif self.night:
            tints = (0.64, 0.85, 0.12), (0.62, 0.65, 0.42)
        elif self.evening:
            tints = EVENING_SKIES[self.mood]
        elif self.winter:
            tints = (0.58, 0.3, 0.8), (0.6, 0.06, 0.97)
        else:
            tints = DAY_SKIES[self.mood]
        top, low = (self.colour(tint, shines=True) for tint in tints)
        end = self.height * (1.0 if self.ground in ("room", "space") else self.horizon)
        shares = [min(row / end, 1.0) for row in range(self.height)]
        column = Image.new("RGB", (1, self.height))
        column.putdata([
            tuple(round(a + (b - a) * share) for a, b in zip(top, low, strict=True))
            for share in shares
        ])  # fmt: skip
        self.image.paste(column.resize(self.image.size, Image.Resampling.NEAREST))
        return low

    def _specks(self, part: str, count: int, size: float, tint: Tint) -> None:
        dice, pen = self._dice(part), self.pen()
        for _ in range(count):
            x, y, radius = dice.uniform(-1, 1), dice.random(), size * dice.uniform(0.4, 1)
            pen.disc(tint, x, y, radius, shines=True)

    def _lights(self) -> None:
        """Draw stars, and the sun or the moon with its glow."""
        if self.night:
            self._specks("stars", 130, 0.0035, (0.6, 0.1, 0.95))
        if self.ground == "space":
            return
        x, v = self.sun
        radius = 0.15 if self.neon else 0.055
        v = self.horizon - 0.13 if self.neon else v + 0.14 * self.evening
        tint = (0.93, 0.6, 1.0) if self.neon else (0.13, 0.05 if self.night else 0.3, 1.0)
        reach = max(round(radius * 3.2 * self.height), 1)
        left, top = round(self.width / 2 + x * self.height) - reach, round(v * self.height) - reach
        glow = GLOW.resize((2 * reach, 2 * reach))
        self.image.paste(
            self.colour(tint, shines=True), (left, top, left + 2 * reach, top + 2 * reach), glow
        )
        self.pen().disc(tint, x, 1 - v, radius, shines=True)

    def _clouds(self, low: tuple[int, int, int]) -> None:
        """Draw some clouds by day."""
        dice = self._dice("clouds")
        for _ in range(0 if self.night else 5):
            x, y = dice.uniform(-0.8, 0.8), dice.uniform(0.08, 0.4)
            for _ in range(3):
                wide, left = dice.uniform(0.07, 0.16), x + dice.uniform(-0.08, 0.08)
                y += 0.017
                box = [self._x(left - wide), y * self.height]
                box += [self._x(left + wide), (y + 0.024) * self.height]
                self.veil.rounded_rectangle(
                    tuple(box), self.height * 0.012, (*(255 - (255 - c) // 2 for c in low), 150)
                )

    def _sea(self, low: tuple[int, int, int]) -> None:
        """Draw a far coast, the water and the sun's way on it."""
        dice, pen = self._dice("sea"), self.pen()
        self._ridge(dice, self.horizon, 0.045, (self.hue, 0.3, 0.6))
        deep: Tint = (0.6, 0.25, 0.75) if self.winter else (0.56, 0.6, 0.62)
        for number in range(4):
            level = 1 - self.horizon - (1 - self.horizon) * (number / 4) ** 1.4
            shade = deep[0] + 0.01 * number, deep[1], deep[2] * (1 - 0.13 * number)
            pen.box(shade, -9, 0, 9, level)
        for _ in range(46):
            down = dice.random() ** 1.5
            spread = 0.02 + 0.12 * down
            x = self.sun[0] + dice.gauss(0, spread)
            y = self.height * (self.horizon + 0.01 + (0.97 - self.horizon) * down)
            ends = (self._x(x - spread / 3), y, self._x(x + spread / 3), y)
            self.draw.line(ends, fill=low, width=max(self.height // 260, 1))

    def _hills(self) -> None:
        """Draw ridges from far to near, with pines in front."""
        dice, desert = self._dice("hills"), self.ground == "desert"
        for number in range(4):
            near = (number + 1) / 4
            base = self.horizon + (0.97 - self.horizon) * near**1.3
            hue, saturation, value = self.hue + 0.03 * number, 0.15 + 0.5 * near, 0.92 - 0.62 * near
            if self.winter:
                hue, saturation, value = 0.58, 0.04 + 0.14 * near, 0.97 - 0.17 * near
            if desert:
                value = 0.95 - 0.3 * near
            self._ridge(dice, base, 0.07 + 0.02 * near, (hue, saturation, value), smooth=desert)
        dark = (0.4, 0.3, 0.34) if self.winter else (self.hue + 0.06, 0.6, 0.2)
        for _ in range(22):
            x, foot = dice.uniform(-1.2, 1.2), dice.uniform(0.93, 1.0)
            size = dice.uniform(0.09, 0.2)
            if not desert and self.subjects[0] not in (subjects.city, subjects.pines):
                subjects.pine(self.pen(x, size, foot), dark)

    def _ridge(
        self, dice: random.Random, base: float, rise: float, tint: Tint, *, smooth: bool = False
    ) -> None:
        waves = [
            (math.tau * dice.uniform(0.6, 1.4) * scale, dice.uniform(0, math.tau),
             rise / scale**0.85)
            for scale in (1.2, 2.7, 6.1, 13.0)[: 2 if smooth else 4]
        ]  # fmt: skip
        step = max(self.width // 128, 1)
        points: list[tuple[float, float]] = []
        for x in [*range(0, self.width, step), self.width]:
            u = (x - self.width / 2) / self.height
            up = sum(high * math.sin(often * u + at) for often, at, high in waves)
            points.append((x, (base - up) * self.height))
        self.draw.polygon(
            [*points, (self.width, self.height), (0, self.height)], fill=self.colour(tint)
        )

    def _x(self, u: float) -> float:
        return self.width / 2 + u * self.height
