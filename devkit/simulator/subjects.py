"""The things that stand in a painted scene, each drawn from its foot upwards in its own size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devkit.simulator.scenery import Scene

Tint = tuple[float, float, float]
"""Hue, saturation and value, 0 to 1."""

WHITE, DARK, GLASS = (0.1, 0.06, 0.96), (0.65, 0.4, 0.2), (0.13, 0.6, 1.0)
RED, WOOD, SKIN = (0.0, 0.72, 0.82), (0.07, 0.55, 0.42), (0.06, 0.36, 0.93)


class Pen:
    """Draws in units of a thing's size; x to the right of its middle, y upwards from its foot."""

    def __init__(self, scene: Scene, x: float, foot: float, size: float) -> None:
        self.scene, self.size = scene, size
        self.x, self.foot = x, foot
        self._left, self._low = scene.width / 2 + x * scene.height, foot * scene.height
        self._unit = size * scene.height

    def moved(self, x: float = 0.0, y: float = 0.0, size: float = 1.0) -> Pen:
        """Return a pen for something at that place of this thing, so much smaller."""
        foot = self.foot - y * self.size
        return Pen(self.scene, self.x + x * self.size, foot, self.size * size)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return a place in pixels."""
        return self._left + x * self._unit, self._low - y * self._unit

    def poly(self, tint: Tint, *points: tuple[float, float], shines: bool = False) -> None:
        """Fill a polygon."""
        fill = self.scene.colour(tint, shines=shines)
        self.scene.draw.polygon([self.at(*point) for point in points], fill=fill)

    def box(
        self, tint: Tint, left: float, low: float, right: float, high: float, *,
        shines: bool = False,
    ) -> None:  # fmt: skip
        """Fill a rectangle."""
        fill = self.scene.colour(tint, shines=shines)
        self.scene.draw.rectangle((*self.at(left, high), *self.at(right, low)), fill=fill)

    def disc(
        self, tint: Tint, x: float, y: float, radius: float, tall: float = 0.0, *,
        shines: bool = False,
    ) -> None:  # fmt: skip
        """Fill a circle, or an ellipse of another height."""
        tall = tall or radius
        corners = (*self.at(x - radius, y + tall), *self.at(x + radius, y - tall))
        self.scene.draw.ellipse(corners, fill=self.scene.colour(tint, shines=shines))

    def line(self, tint: Tint, wide: float, *points: tuple[float, float]) -> None:
        """Draw a line."""
        self.scene.draw.line(
            [self.at(*point) for point in points],
            fill=self.scene.colour(tint), width=max(round(wide * self._unit), 1), joint="curve",
        )  # fmt: skip

    @property
    def lamps_are_on(self) -> bool:
        """Whether windows shine."""
        return self.scene.night or self.scene.evening


def pine(pen: Pen, tint: Tint) -> None:
    """Draw a tree of three tiers, with snow in winter."""
    for tier in range(3):
        top, wide = 1 - tier * 0.25, 0.17 + tier * 0.07
        pen.poly(tint, (0, top), (-wide, top - 0.45), (wide, top - 0.45))
        if pen.scene.winter:
            pen.poly(WHITE, (0, top), (-wide * 0.5, top - 0.2), (wide * 0.4, top - 0.2))


def lighthouse(pen: Pen) -> None:
    """Draw a tower on a rock, banded in red, with a beam when it is dark."""
    pen = pen.moved(y=0.2, size=0.9)
    side = -pen.scene.side
    if pen.lamps_are_on:
        beam = (0, 0.7), (side * 1.4, 0.92), (side * 1.4, 0.6)
        pen.scene.veil.polygon([pen.at(*point) for point in beam], fill=(255, 240, 180, 90))
    rock = (0.08, 0.1, 0.8) if pen.scene.winter else (0.08, 0.35, 0.34)
    pen.poly(rock, (-0.75, -0.3), (-0.5, -0.05), (-0.36, -0.02), (-0.2, 0.08), (0.16, 0.07),
             (0.3, -0.02), (0.42, -0.06), (0.6, -0.3))  # fmt: skip
    pen.poly((0.6, 0.3, 0.2), (0.02, -0.3), (0.16, 0.07), (0.3, -0.02), (0.42, -0.06), (0.6, -0.3))
    pen.box(WHITE, -0.2, 0.06, -0.06, 0.15)
    pen.poly(RED, (-0.22, 0.15), (-0.13, 0.21), (-0.04, 0.15))
    for number in range(5):
        low, high = 0.06 + number * 0.112, 0.06 + (number + 1) * 0.112
        a, b = 0.085 - 0.06 * (low - 0.06), 0.085 - 0.06 * (high - 0.06)
        pen.poly(RED if number % 2 else WHITE, (-a, low), (-b, high), (b, high), (a, low))
        shade = (0.0, 0.72, 0.62) if number % 2 else (0.6, 0.1, 0.78)
        pen.poly(shade, (a * 0.3, low), (b * 0.3, high), (b, high), (a, low))
    pen.box(DARK, -0.08, 0.62, 0.08, 0.645)
    pen.box(GLASS, -0.045, 0.645, 0.045, 0.735, shines=True)
    pen.box(DARK, -0.006, 0.645, 0.006, 0.735)
    pen.poly(RED, (-0.06, 0.735), (0, 0.81), (0.06, 0.735))


def house(pen: Pen) -> None:
    """Draw a cottage, or a red barn."""
    pen = pen.moved(y=0.13, size=0.75)
    wall = RED if "barn" in pen.scene.reported else (pen.scene.hue + 0.45, 0.18, 0.92)
    roof = WHITE if pen.scene.winter else (0.03, 0.5, 0.45)
    pen.box((0.05, 0.5, 0.4), 0.12, 0.4, 0.2, 0.62)
    pen.box(wall, -0.32, 0, 0.32, 0.34)
    pen.poly(wall, (-0.32, 0.33), (0, 0.6), (0.32, 0.33))
    pen.poly(roof, (-0.4, 0.3), (0, 0.64), (0.4, 0.3), (0.34, 0.3), (0, 0.57), (-0.34, 0.3))
    pen.box(WOOD, -0.07, 0, 0.07, 0.2)
    glass = GLASS if pen.lamps_are_on else (0.55, 0.4, 0.75)
    for x in (-0.22, 0.22):
        pen.box(WHITE, x - 0.07, 0.12, x + 0.07, 0.26)
        pen.box(glass, x - 0.055, 0.135, x + 0.055, 0.245, shines=pen.lamps_are_on)
    pen.disc(glass, 0, 0.42, 0.05, shines=pen.lamps_are_on)


def castle(pen: Pen) -> None:
    """Draw walls with battlements and three towers."""
    pen = pen.moved(y=0.12, size=0.85)
    stone, shade = (0.62, 0.08, 0.72), (0.64, 0.14, 0.56)
    roof = WHITE if pen.scene.winter else (pen.scene.hue + 0.5, 0.6, 0.55)
    for x, wide, high in ((0, 0.13, 0.62), (-0.3, 0.09, 0.46), (0.3, 0.09, 0.5)):
        pen.box(stone, x - wide, 0, x + wide, high)
        pen.box(shade, x + wide * 0.4, 0, x + wide, high)
        pen.poly(roof, (x - wide * 1.3, high), (x, high + wide * 2.4), (x + wide * 1.3, high))
        pen.line(DARK, 0.012, (x, high + wide * 2.3), (x, high + wide * 2.4 + 0.09))
        pen.poly(RED, (x, high + wide * 2.4 + 0.09), (x + 0.1, high + wide * 2.4 + 0.06),
                 (x, high + wide * 2.4 + 0.03))  # fmt: skip
        pen.box(GLASS if pen.lamps_are_on else DARK, x - 0.02, high - 0.15, x + 0.02, high - 0.06,
                shines=pen.lamps_are_on)  # fmt: skip
    pen.box(stone, -0.4, 0, 0.4, 0.26)
    for number in range(0, 9, 2):
        pen.box(stone, -0.4 + number * 0.089, 0.26, -0.311 + number * 0.089, 0.31)
    pen.disc(DARK, 0, 0.12, 0.075)
    pen.box(DARK, -0.075, 0, 0.075, 0.12)


def boat(pen: Pen) -> None:
    """Draw a boat under sail."""
    pen = pen.moved(y=0.16, size=0.7)
    pen.line(WOOD, 0.02, (0, 0.1), (0, 0.86))
    pen.poly(WHITE, (0.03, 0.18), (0.03, 0.84), (0.36, 0.2))
    pen.poly((pen.scene.hue, 0.6, 0.9), (-0.03, 0.18), (-0.03, 0.74), (-0.28, 0.2))
    pen.poly(WOOD, (-0.4, 0.13), (-0.28, 0), (0.26, 0), (0.42, 0.13))
    pen.box(WHITE, -0.39, 0.1, 0.4, 0.13)


def city(pen: Pen) -> None:
    """Draw a skyline whose windows shine at night."""
    dice = pen.scene.dice
    for row, (count, low) in enumerate(((15, 0.22), (11, 0.0))):
        for number in range(count):
            x = (number - (count - 1) / 2) * 2.6 / count - pen.x
            wide, high = dice.uniform(0.05, 0.09) + 0.02 * row, dice.uniform(0.2, 0.46) - 0.04 * row
            lit = dice.randrange(2**20)
            tint = (pen.scene.hue + dice.uniform(-0.06, 0.06), 0.3, 0.62 - 0.25 * row)
            pen.box(tint, x - wide, 0, x + wide, low + high)
            if row:
                pen.box(tint, x - 0.004, low + high, x + 0.004, low + high + 0.07)
            for spot in range(10 if row else 0):
                a, b = x - wide * 0.62 + spot % 2 * wide * 0.72, high - 0.07 - spot // 2 * 0.065
                glass = ((0.13, 0.6, 1.0), (0.93, 0.65, 1.0), (0.5, 0.6, 1.0))[lit % 3]
                if b > 0 and (not pen.lamps_are_on or lit >> spot & 1):
                    pen.box(glass if pen.lamps_are_on else (0.55, 0.3, 0.8), a, low + b,
                            a + wide * 0.5, low + b + 0.035, shines=pen.lamps_are_on)  # fmt: skip
    pen.box((0.65, 0.3, 0.25), -9, -0.1, 9, 0.05)


COATS = {
    "fox": (0.05, 0.8, 0.9, 0.2), "rabbit": (0.08, 0.15, 0.82, 0.42), "dog": (0.08, 0.5, 0.6, 0.12),
    "bear": (0.06, 0.5, 0.45, 0.1), "kitten": (0.09, 0.5, 0.9, 0.2),
}  # fmt: skip
"""Hue, saturation and value of animals, and the length of their ears."""


def animal(pen: Pen) -> None:
    """Draw an animal that sits and looks at you."""
    fallback = pen.scene.dice.choice(((0.62, 0.12, 0.42), (0.08, 0.7, 0.88), (0.65, 0.3, 0.2)))
    *coat, ear = next(
        (COATS[kind] for kind in COATS if kind in pen.scene.reported), (*fallback, 0.2)
    )
    fur = (coat[0], coat[1], coat[2])
    pale, pink = (0.1, 0.12, 0.97), (0.98, 0.35, 0.95)
    pen = pen.moved(y=0.06, size=0.95)
    curve = [(0.16 + 0.24 * math.sin(t / 6), 0.06 + 0.055 * t) for t in range(9)]
    pen.line(fur, 0.1, *curve)
    pen.disc(pale if "fox" in pen.scene.reported else fur, *curve[-1], 0.06)
    pen.disc(fur, 0, 0.2, 0.2, 0.25)
    pen.disc(pale, 0, 0.2, 0.1, 0.19)
    for side in (-1, 1):
        pen.disc(fur, side * 0.09, 0.0, 0.085, 0.05)
        pen.poly(fur, (side * 0.17, 0.5), (side * 0.15, 0.62 + ear), (side * 0.01, 0.64))
        pen.poly(pink, (side * 0.145, 0.56), (side * 0.135, 0.57 + ear), (side * 0.05, 0.62))
    pen.disc(fur, 0, 0.53, 0.19, 0.165)
    pen.disc(pale, 0, 0.465, 0.085, 0.07)
    for side in (-1, 1):
        pen.disc((0.22, 0.75, 0.95), side * 0.08, 0.56, 0.042, 0.048, shines=True)
        pen.disc(DARK, side * 0.08, 0.56, 0.017, 0.042)
        pen.line(WHITE, 0.006, (side * 0.05, 0.47), (side * 0.25, 0.49 + 0.02 * side))
        pen.line(WHITE, 0.006, (side * 0.05, 0.455), (side * 0.25, 0.44))
    pen.poly(pink, (-0.025, 0.5), (0.025, 0.5), (0, 0.47))


def portrait(pen: Pen) -> None:
    """Draw head and shoulders; sailors wear a cap."""
    hair = pen.scene.dice.choice(((0.06, 0.7, 0.3), (0.1, 0.6, 0.8), (0.03, 0.75, 0.55)))
    cloth = (pen.scene.hue + 0.5, 0.6, 0.6)
    pen = pen.moved(y=-0.06, size=1.15)
    pen.disc(hair, 0, 0.5, 0.235, 0.27)
    pen.disc(cloth, 0, -0.02, 0.4, 0.27)
    pen.box((0.05, 0.45, 0.8), -0.07, 0.15, 0.07, 0.36)
    pen.poly(WHITE, (-0.13, 0.24), (0, 0.1), (0.13, 0.24), (0, 0.19))
    pen.disc(SKIN, 0, 0.48, 0.165, 0.21)
    pen.poly(
        hair, (-0.2, 0.52), (-0.17, 0.7), (0.02, 0.72), (0.2, 0.66), (0.19, 0.54), (0.06, 0.63)
    )
    for side in (-1, 1):
        pen.disc(WHITE, side * 0.07, 0.5, 0.036, 0.022)
        pen.disc((0.58, 0.7, 0.4), side * 0.07, 0.5, 0.018)
        pen.line(hair, 0.012, (side * 0.035, 0.545), (side * 0.105, 0.545))
    pen.line((0.04, 0.45, 0.75), 0.012, (0, 0.5), (0.018, 0.425), (-0.006, 0.42))
    pen.line((0.98, 0.6, 0.7), 0.018, (-0.05, 0.36), (0, 0.348), (0.05, 0.36))
    if pen.scene.reported & {"sailor", "captain"}:
        pen.disc(WHITE, 0, 0.72, 0.25, 0.075)
        pen.box((0.62, 0.6, 0.3), -0.19, 0.61, 0.19, 0.68)
        pen.disc((0.13, 0.7, 0.95), 0, 0.66, 0.03)


def planet(pen: Pen) -> None:
    """Draw a planet with bands and a ring."""
    pen = pen.moved(y=0.5, size=0.9)
    hue = pen.scene.hue
    for tilt in (0.1, 0.075):
        pen.disc((hue + 0.08, 0.4, 0.95 - tilt), 0, 0, 0.34 + tilt, tilt, shines=True)
    pen.disc((hue, 0.6, 0.9), 0, 0, 0.25, shines=True)
    for y, shade in ((0.12, 0.75), (0.0, 0.65), (-0.11, 0.8)):
        wide = math.sqrt(0.0625 - y * y) * 0.98
        pen.disc((hue + 0.03, 0.7, shade), 0, y, wide, 0.03, shines=True)
    pen.poly((hue + 0.08, 0.4, 0.88), (-0.41, -0.03), (0, -0.1), (0.41, -0.03), (0, -0.065),
             shines=True)  # fmt: skip
    pen.disc((0.6, 0.05, 0.85), -0.42, 0.28, 0.06, shines=True)


def flowers(pen: Pen) -> None:
    """Draw flowers in a vase."""
    pen = pen.moved(y=0.1, size=0.95)
    reported, hue = pen.scene.reported, pen.scene.hue
    hue = (
        0.97
        if reported & {"rose", "roses"}
        else 0.12
        if reported & {"sunflower", "sunflowers"}
        else hue
    )
    heads = [(-0.2, 0.62), (0.2, 0.6), (-0.09, 0.78), (0.12, 0.8), (0.0, 0.6)]
    for x, y in heads:
        pen.line((0.33, 0.6, 0.45), 0.014, (x * 0.15, 0.25), (x, y))
        pen.disc((0.33, 0.55, 0.5), x * 0.7 + 0.04, y * 0.68, 0.06, 0.025)
    pen.poly((0.58, 0.35, 0.85), (-0.07, 0.34), (-0.14, 0.14), (-0.07, 0), (0.07, 0), (0.14, 0.14),
             (0.07, 0.34))  # fmt: skip
    pen.poly((0.58, 0.45, 0.68), (0.02, 0.34), (0.06, 0.14), (0.02, 0), (0.07, 0), (0.14, 0.14),
             (0.07, 0.34))  # fmt: skip
    for number, (x, y) in enumerate(heads):
        for petal in range(8):
            at = math.tau * petal / 8
            tint = (hue + 0.03 * number, 0.65, 0.95 - 0.08 * (petal % 2))
            pen.disc(tint, x + 0.07 * math.cos(at), y + 0.07 * math.sin(at), 0.042)
        pen.disc((0.09, 0.7, 0.5), x, y, 0.045)


def balloon(pen: Pen) -> None:
    """Draw a hot-air balloon in the sky."""
    pen = Pen(pen.scene, pen.scene.sun[0] * 0.9, 0.46, 0.36)
    for number in range(5):
        wide = 0.36 * math.cos(number * math.pi / 10)
        tint = RED if number % 2 == 0 else (0.13, 0.65, 1.0)
        pen.disc(tint, 0, 0.64, wide, 0.37, shines=not pen.scene.night)
    pen.poly((0.13, 0.65, 0.9), (-0.17, 0.34), (-0.07, 0.2), (0.07, 0.2), (0.17, 0.34))
    for side in (-0.06, 0.06):
        pen.line(DARK, 0.015, (side, 0.2), (side, 0.12))
    pen.box(WOOD, -0.07, 0, 0.07, 0.13)


def pines(pen: Pen) -> None:
    """Draw a group of large trees."""
    pen = pen.moved(y=0.05)
    for x, size in ((-0.28, 0.5), (0.24, 0.58), (0.0, 0.75)):
        pine(pen.moved(x, size=size), (pen.scene.hue + 0.05, 0.5, 0.34))


def nothing(_pen: Pen) -> None:
    """Leave the land alone."""


Draw = Callable[[Pen], None]

SUBJECTS: dict[str, Draw] = {
    **dict.fromkeys(("lighthouse", "beacon"), lighthouse),
    **dict.fromkeys(("house", "barn", "cabin", "cottage", "hut", "village"), house),
    **dict.fromkeys(("castle", "palace", "fortress"), castle),
    **dict.fromkeys(("boat", "ship", "sailboat", "yacht"), boat),
    **dict.fromkeys(("city", "town", "street", "skyline", "tokyo"), city),
    **dict.fromkeys(("cat", "kitten", "fox", "rabbit", "dog", "bear", "animal"), animal),
    **dict.fromkeys(
        ("portrait", "woman", "man", "girl", "boy", "person", "face", "sailor", "captain"), portrait
    ),
    **dict.fromkeys(("planet", "galaxy"), planet),
    **dict.fromkeys(
        ("flower", "flowers", "rose", "roses", "sunflower", "sunflowers", "bouquet", "vase"),
        flowers,
    ),
    **dict.fromkeys(("balloon", "balloons"), balloon),
    **dict.fromkeys(("tree", "trees"), pines),
    **dict.fromkeys(
        ("landscape", "mountain", "mountains", "hills", "forest", "woods", "desert", "dunes"),
        nothing,
    ),
}
"""What a prompt's words mean."""

FOR_ANYTHING: tuple[Draw, ...] = (
    lighthouse,
    house,
    castle,
    boat,
    city,
    planet,
    flowers,
    pines,
    nothing,
)
"""One of these is shown for a prompt without a known word."""

GROUNDS: dict[Draw, str] = {
    lighthouse: "sea", boat: "sea", planet: "space", animal: "room", portrait: "room",
    flowers: "room",
}  # fmt: skip
"""Where subjects are when no word says it; on hills otherwise."""
