"""Trucks: box, trailer, tipper, tanker, fire engine, flatbed; from the side, from a corner, from the front."""

from __future__ import annotations

from evenhand.data.demo.cars import TYRE, glass, paint, wheel
from evenhand.data.demo.pen import Colour, Dice, Pen, shade

STEEL: Colour = (46, 46, 50)


def draw_truck(pen: Pen, dice: Dice) -> None:
    """Draw a truck of random type, paint and view."""
    _shadow(pen)
    view = dice.number()
    if view < 0.55:
        _side(pen, dice)
    elif view < 0.82:
        _corner(pen, dice)
    else:
        _front(pen, dice)


def draw_loaded(pen: Pen, dice: Dice, cargo: str) -> None:
    """Draw a truck of random paint from the side, where it shows what it carries.

    Parameters
    ----------
    pen : Pen
    dice : Dice
    cargo : {"box", "tipper", "tanker", "fire engine", "flatbed"}
    """
    _shadow(pen)
    _side(pen, dice, cargo)


def _shadow(pen: Pen) -> None:
    pen.oval((30, 30, 34), 0.0, -0.02, 1.1, 0.09)


def _side(pen: Pen, dice: Dice, cargo: str = "") -> None:
    cab_colour, radius = paint(dice), dice.between(0.14, 0.19)
    join, top = dice.between(0.3, 0.5), -dice.between(0.9, 1.2)
    pen.box(STEEL, -0.98, -0.3, 0.95, -0.17)
    _CARGO[cargo or dice.pick(list(_CARGO))](pen, dice, join - 0.05, top, cab_colour)
    _cab(pen, dice, join, max(top, -dice.between(0.8, 1.05)), cab_colour)
    axles = [-0.72, dice.between(0.66, 0.75)]
    if dice.chance(0.65):
        axles.append(-0.72 + radius * 2.1)
    if dice.chance(0.3):
        axles.append(join - 0.2)
    for x in axles:
        wheel(pen, dice, x, radius)


def _cab(pen: Pen, dice: Dice, join: float, top: float, colour: Colour) -> None:
    if dice.chance(0.4):
        hood = top * dice.between(0.55, 0.68)
        outline = [(join, -0.2), (join, top), (join + 0.28, top), (join + 0.36, hood), (0.98, hood * 0.95), (1.0, -0.2)]
        pen.line((170, 170, 175), 0.05, (join + 0.02, -0.3), (join + 0.02, top - 0.15))
        end = join + 0.3
    else:
        outline = [(join, -0.2), (join, top), (0.88, top), (1.0, top * 0.6), (1.0, -0.2)]
        end = 0.93
    pen.shape(colour, *outline)
    pen.shape(
        glass(dice),
        (join + 0.1, top * 0.62),
        (join + 0.1, top + 0.08),
        (end - 0.08, top + 0.08),
        (end, top * 0.62),
    )
    pen.line(shade(colour, 0.6), 0.02, (join + 0.07, top * 0.6), (join + 0.07, -0.22))
    pen.oval((245, 240, 205), 0.96, -0.32, 0.05, 0.05)
    pen.box(STEEL, 0.8, -0.24, 1.02, -0.16)


def _closed_box(pen: Pen, dice: Dice, end: float, top: float, cab: Colour) -> None:
    colour = dice.colour((0.0, 0.1), (0.75, 1.0)) if dice.chance(0.5) else paint(dice)
    pen.box(colour, -1.0, top, end, -0.26)
    pen.box(shade(colour, 1.15), -1.0, top, end, top + 0.05)
    if dice.chance(0.6):
        sign = cab if dice.chance(0.5) else dice.colour((0.5, 1.0), (0.3, 1.0))
        pen.box(sign, -0.8, top * 0.75, dice.between(-0.3, end - 0.1), top * dice.between(0.45, 0.6))
    for step in range(1, int(dice.between(1, 6))):
        x = -1.0 + (end + 1.0) * step / 6
        pen.line(shade(colour, 0.85), 0.015, (x, top + 0.05), (x, -0.28))


def _tipper(pen: Pen, dice: Dice, end: float, top: float, cab: Colour) -> None:
    colour = cab if dice.chance(0.5) else paint(dice)
    rim = top * 0.75
    load = dice.colour((0.2, 0.5), (0.25, 0.6), (0.05, 0.12))
    pen.shape(load, (-0.9, rim), (-0.4, rim - dice.between(0.05, 0.25)), (end - 0.1, rim))
    pen.shape(colour, (-1.02, rim), (end, rim), (end - 0.06, -0.3), (-0.85, -0.3))
    for x in (-0.75, -0.45, -0.15):
        pen.line(shade(colour, 0.6), 0.03, (x - 0.04, rim), (x + 0.02, -0.3))


def _tanker(pen: Pen, dice: Dice, end: float, top: float, cab: Colour) -> None:
    colour = dice.colour((0.0, 0.15), (0.6, 0.95)) if dice.chance(0.6) else cab
    middle, half = (top * 0.9 - 0.3) / 2, (-0.3 - top * 0.9) / 2
    pen.oval(colour, -0.82, middle, 0.18, half)
    pen.oval(colour, end - 0.18, middle, 0.18, half)
    pen.box(colour, -0.82, middle - half, end - 0.18, middle + half)
    pen.box(shade(colour, 1.25), -0.85, middle - half * 0.7, end - 0.15, middle - half * 0.35)
    pen.box(shade(colour, 0.6), -0.85, middle + half * 0.5, end - 0.15, middle + half * 0.95)


def _fire_engine(pen: Pen, dice: Dice, end: float, top: float, cab: Colour) -> None:
    del cab
    red = dice.colour((0.8, 1.0), (0.6, 0.9), (0.97, 1.03))
    pen.box(red, -1.0, top * 0.85, end + 0.04, -0.24)
    pen.box((240, 240, 235), -1.0, top * 0.45, end, top * 0.38)
    for x in (-0.85, -0.5, -0.15):
        pen.box(shade(red, 0.5), x, top * 0.75, x + 0.25, top * 0.5)
    for y in (top * 0.86, top * 0.86 - 0.1):
        pen.line((215, 215, 215), 0.03, (-1.0, y), (end + 0.2, y))
    for step in range(8):
        x = -0.95 + 0.16 * step
        pen.line((215, 215, 215), 0.02, (x, top * 0.86), (x, top * 0.86 - 0.1))


def _flatbed(pen: Pen, dice: Dice, end: float, top: float, cab: Colour) -> None:
    pen.box(shade(cab, 0.7), -1.0, -0.38, end, -0.26)
    x = -0.95
    while x < end - 0.25:
        width = dice.between(0.2, 0.5)
        height = dice.between(0.15, -top - 0.4)
        pen.box(dice.colour((0.2, 0.8), (0.3, 0.8)), x, -0.38 - height, min(x + width, end), -0.38)
        x += width + dice.between(0.0, 0.2)


_CARGO = {
    "box": _closed_box,
    "long box": _closed_box,
    "tipper": _tipper,
    "tanker": _tanker,
    "fire engine": _fire_engine,
    "flatbed": _flatbed,
}


def _corner(pen: Pen, dice: Dice) -> None:
    """Draw the front with the box going back beside it."""
    cab, top = paint(dice), -dice.between(1.0, 1.25)
    left, right = dice.between(0.15, 0.35), 0.98
    box = cab if dice.chance(0.35) else dice.colour((0.0, 0.6), (0.5, 1.0))
    back = top * dice.between(0.68, 0.85)
    pen.shape(shade(box, 0.85), (left - 0.1, top), (-1.0, back), (-1.0, -0.28), (left - 0.1, -0.22))
    pen.line(shade(box, 1.2), 0.03, (left - 0.1, top), (-1.0, back))
    if dice.chance(0.5):
        sign = dice.colour((0.5, 1.0), (0.3, 1.0))
        pen.shape(sign, (left - 0.25, top * 0.75), (-0.7, back * 0.8), (-0.7, back * 0.6), (left - 0.25, top * 0.5))
    pen.box(STEEL, -0.95, -0.28, left, -0.18)
    for x in (-0.78, -0.5, left - 0.02):
        wheel(pen, dice, x, 0.16, narrow=0.7)
    pen.box(TYRE, right - 0.2, -0.25, right - 0.05, 0.0)
    front = top * dice.between(0.8, 1.0)
    pen.shape(shade(cab, 0.75), (left - 0.12, front), (left + 0.08, front), (left + 0.08, -0.14), (left - 0.12, -0.16))
    _nose(pen, dice, left + 0.05, right, front, cab)


def _front(pen: Pen, dice: Dice) -> None:
    """Draw the front alone, the box showing above the cab or not."""
    cab, half, top = paint(dice), dice.between(0.48, 0.6), -dice.between(1.05, 1.35)
    for side in (-1, 1):
        pen.box(TYRE, side * half * 0.8 - 0.12, -0.35, side * half * 0.8 + 0.12, 0.0)
    if dice.chance(0.6):
        box = dice.colour((0.0, 0.5), (0.5, 1.0))
        pen.box(box, -half * 1.08, top - dice.between(0.05, 0.2), half * 1.08, -0.4)
    _nose(pen, dice, -half, half, top, cab)
    for side in (-1, 1):
        pen.box(STEEL, side * half * 1.18 - 0.06, top * 0.8, side * half * 1.18 + 0.06, top * 0.58)


def _nose(pen: Pen, dice: Dice, left: float, right: float, top: float, colour: Colour) -> None:
    width = right - left
    pen.box(colour, left, top, right, -0.14)
    pen.box(glass(dice), left + width * 0.08, top * 0.9, right - width * 0.08, top * 0.58)
    pen.line(shade(colour, 0.5), 0.02, ((left + right) / 2, top * 0.9), ((left + right) / 2, top * 0.58))
    grille = shade(colour, 0.35) if dice.chance(0.6) else (185, 185, 190)
    pen.box(grille, left + width * 0.22, top * 0.48, right - width * 0.22, -0.32)
    for y in (top * 0.42, top * 0.36):
        pen.line(shade(grille, 1.5), 0.02, (left + width * 0.24, y), (right - width * 0.24, y))
    for x in (left + width * 0.12, right - width * 0.12):
        pen.oval((250, 245, 215), x, -0.36, width * 0.08, 0.06)
    pen.box(shade(colour, 0.5) if dice.chance(0.5) else (200, 200, 205), left, -0.26, right, -0.12)
