"""Dice that depend on their seed alone, and a pen that draws in the coordinates of the thing drawn."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]
T = TypeVar("T")

_CIRCLE = [(math.cos(2 * math.pi * step / 16), math.sin(2 * math.pi * step / 16)) for step in range(16)]


class Dice:
    """Random choices of one picture: a function of the numbers it is made with.

    Parameters
    ----------
    *seed : int
        Not negative.
    """

    def __init__(self, *seed: int) -> None:
        self.generator = np.random.default_rng(seed)
        # Drawn in one go: a call of the generator for each number would take longer than the drawing.
        self._stock: list[float] = []

    def number(self) -> float:
        """Return a number in [0, 1)."""
        if not self._stock:
            self._stock = self.generator.random(128).tolist()
        return self._stock.pop()

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * self.number()

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.number() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices, each equally likely."""
        return choices[int(self.number() * len(choices))]

    def colour(self, saturation: Point = (0.0, 1.0), value: Point = (0.1, 1.0), hue: Point = (0.0, 1.0)) -> Colour:
        """Return a colour whose hue, saturation and value lie in ranges within [0, 1]."""
        red, green, blue = colorsys.hsv_to_rgb(self.between(*hue) % 1, self.between(*saturation), self.between(*value))
        return round(red * 255), round(green * 255), round(blue * 255)


def shade(colour: Colour, factor: float) -> Colour:
    """Return a colour made darker (factor below 1) or lighter (above 1)."""
    red, green, blue = (min(255, round(part * factor)) for part in colour)
    return red, green, blue


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Return a mixture with `share` of the second colour."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


@dataclass(frozen=True)
class Pen:
    """Draws in the coordinates of a thing that stands on y = 0 and is about two units wide; y points down.

    Parameters
    ----------
    draw : ImageDraw.ImageDraw
        Of the picture.
    x, y : float
        Where the middle of the thing's foot lies in the picture, in pixels.
    scale : float
        Pixels a unit.
    angle : float
        By how much it is turned, in radians.
    stretch : float
        Width over height; negative to look the other way.
    """

    draw: ImageDraw.ImageDraw
    x: float
    y: float
    scale: float
    angle: float = 0.0
    stretch: float = 1.0

    def place(self, points: Iterable[Point]) -> list[Point]:
        """Return where points of the thing lie in the picture."""
        cosine, sine = math.cos(self.angle) * self.scale, math.sin(self.angle) * self.scale
        wide = self.stretch
        return [
            (self.x + across * wide * cosine - down * sine, self.y + across * wide * sine + down * cosine)
            for across, down in points
        ]

    def shape(self, colour: Colour, *points: Point) -> None:
        """Fill a polygon."""
        self.draw.polygon(self.place(points), fill=colour)

    def oval(self, colour: Colour, x: float, y: float, across: float, down: float) -> None:
        """Fill an ellipse around (x, y) with half axes `across` and `down`."""
        self.draw.polygon(self.place((x + across * c, y + down * s) for c, s in _CIRCLE), fill=colour)

    def box(self, colour: Colour, left: float, top: float, right: float, bottom: float) -> None:
        """Fill a rectangle."""
        self.shape(colour, (left, top), (right, top), (right, bottom), (left, bottom))

    def line(self, colour: Colour, thickness: float, *points: Point) -> None:
        """Draw a line through points, `thickness` units wide but at least a pixel."""
        self.draw.line(self.place(points), fill=colour, width=max(1, round(thickness * self.scale)), joint="curve")
