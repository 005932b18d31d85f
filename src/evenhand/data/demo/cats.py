"""Cats: the face alone, sitting, lying, walking, curled up."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.data.demo.pen import Colour, Dice, Pen, Point, blend, shade

PINK: Colour = (222, 150, 148)


@dataclass(frozen=True)
class _Fur:
    """Main colour, colour of stripes or patches, colour of chest and paws, and the pattern."""

    main: Colour
    second: Colour
    light: Colour
    pattern: str
    eyes: Colour


def draw_cat(pen: Pen, dice: Dice, pose: str = "") -> None:
    """Draw a cat of random fur and pose.

    Parameters
    ----------
    pen : Pen
    dice : Dice
    pose : {"portrait", "sitting", "lying", "walking", "curled"}, optional
        How it holds itself, where that is not left to chance.
    """
    fur = _fur(dice)
    _POSES[pose or dice.pick(list(_POSES))](pen, dice, fur)


def _fur(dice: Dice) -> _Fur:
    kind = dice.pick(["ginger", "grey", "black", "white", "brown", "cream", "ginger", "grey"])
    main = {
        "ginger": lambda: dice.colour((0.5, 0.8), (0.6, 0.95), (0.06, 0.1)),
        "grey": lambda: dice.colour((0.0, 0.12), (0.35, 0.7), (0.55, 0.65)),
        "black": lambda: dice.colour((0.0, 0.2), (0.06, 0.2)),
        "white": lambda: dice.colour((0.0, 0.08), (0.82, 1.0), (0.08, 0.14)),
        "brown": lambda: dice.colour((0.3, 0.55), (0.3, 0.6), (0.05, 0.1)),
        "cream": lambda: dice.colour((0.15, 0.35), (0.75, 0.95), (0.08, 0.12)),
    }[kind]()
    plain = kind in ("black", "white")
    pattern = dice.pick(["plain", "patches"] if plain else ["striped", "striped", "plain", "patches"])
    second = shade(main, 0.55) if pattern == "striped" else dice.colour((0.0, 0.7), (0.08, 0.6), (0.05, 0.1))
    light = blend(main, (250, 246, 240), dice.pick([0.0, 0.25, 0.85]))
    eyes = dice.colour((0.5, 0.9), (0.6, 0.95), (0.12, 0.4))
    return _Fur(main, second, light, pattern, eyes)


def _coat(pen: Pen, dice: Dice, fur: _Fur, x: float, y: float, across: float, down: float) -> None:
    """Draw a part of the body with its pattern."""
    pen.oval(fur.main, x, y, across, down)
    if fur.pattern == "striped":
        for step in range(5):
            left = x + across * (step / 2.5 - 0.8)
            reach = down * (0.9 - abs(step - 2) * 0.2)
            pen.line(fur.second, 0.05, (left, y - reach), (left + 0.05, y + reach * dice.between(-0.2, 0.4)))
    elif fur.pattern == "patches":
        for _ in range(2):
            at = x + across * dice.between(-0.5, 0.5), y + down * dice.between(-0.5, 0.3)
            pen.oval(fur.second, *at, across * dice.between(0.25, 0.45), down * dice.between(0.3, 0.5))


def _head(pen: Pen, dice: Dice, fur: _Fur, x: float, y: float, radius: float) -> None:
    """Draw a head seen from the front (or, now and then, from behind)."""
    lean, height = dice.between(0.75, 0.95), dice.between(1.35, 1.65)
    for side in (-1, 1):
        tip = (x + side * radius * lean, y - radius * height)
        pen.shape(
            fur.main, tip, (x + side * radius * 0.15, y - radius * 0.75), (x + side * radius * 0.97, y - radius * 0.2)
        )
        inner = blend(PINK, fur.main, 0.3)
        pen.shape(
            inner,
            (x + side * radius * lean * 0.93, y - radius * height * 0.88),
            (x + side * radius * 0.38, y - radius * 0.75),
            (x + side * radius * 0.82, y - radius * 0.5),
        )
    pen.oval(fur.main, x, y, radius, radius * 0.88)
    if fur.pattern == "striped":
        for shift in (-0.3, 0.0, 0.3):
            pen.line(
                fur.second,
                radius * 0.12,
                (x + shift * radius, y - radius * 0.8),
                (x + shift * radius, y - radius * 0.4),
            )
    elif fur.pattern == "patches":
        pen.oval(fur.second, x + radius * dice.pick([-0.45, 0.45]), y - radius * 0.3, radius * 0.42, radius * 0.42)
    if dice.chance(0.9):
        _face(pen, dice, fur, x, y, radius)


def _face(pen: Pen, dice: Dice, fur: _Fur, x: float, y: float, radius: float) -> None:
    pen.oval(blend(fur.light, (255, 250, 245), 0.2), x, y + radius * 0.42, radius * 0.46, radius * 0.32)
    open_wide = 0.05 if dice.chance(0.15) else dice.between(0.14, 0.22)
    for side in (-1, 1):
        eye = x + side * radius * 0.42
        pen.oval(fur.eyes, eye, y - radius * 0.05, radius * 0.2, radius * open_wide)
        pen.oval((12, 12, 14), eye, y - radius * 0.05, radius * 0.08, radius * open_wide * 0.95)
    nose = y + radius * 0.3
    pen.shape(
        PINK,
        (x - radius * 0.12, nose - radius * 0.08),
        (x + radius * 0.12, nose - radius * 0.08),
        (x, nose + radius * 0.08),
    )
    whisker = (235, 235, 235) if sum(fur.main) < 420 else (90, 85, 80)
    if radius > 0.3:
        for side in (-1, 1):
            for rise in (-0.08, 0.14):
                start = (x + side * radius * 0.3, y + radius * 0.42)
                pen.line(whisker, 0.01, start, (x + side * radius * 1.2, y + radius * (0.42 + rise)))


def _tail(pen: Pen, fur: _Fur, *points: Point) -> None:
    pen.line(fur.main, 0.14, *points)
    if fur.pattern == "striped":
        pen.oval(fur.second, *points[-1], 0.08, 0.08)


def _portrait(pen: Pen, dice: Dice, fur: _Fur) -> None:
    _coat(pen, dice, fur, 0.0, 0.1, dice.between(0.7, 1.0), 0.5)
    pen.oval(fur.light, 0.0, 0.0, 0.3, 0.25)
    _head(pen, dice, fur, dice.between(-0.1, 0.1), -0.6, dice.between(0.6, 0.75))


def _sitting(pen: Pen, dice: Dice, fur: _Fur) -> None:
    side = dice.pick([-1, 1])
    _tail(pen, fur, (side * 0.3, -0.1), (side * 0.6, -0.08), (side * 0.72, -dice.between(0.2, 0.6)))
    _coat(pen, dice, fur, 0.0, -0.36, 0.42, 0.38)
    _coat(pen, dice, fur, 0.0, -0.68, 0.3, 0.42)
    pen.oval(fur.light, 0.02, -0.66, 0.16, 0.28)
    for x in (-0.13, 0.13):
        pen.line(shade(fur.main, 0.9), 0.15, (x, -0.55), (x, -0.06))
        pen.oval(fur.light, x, -0.05, 0.11, 0.06)
    _head(pen, dice, fur, dice.between(-0.12, 0.12), -1.2, dice.between(0.3, 0.37))


def _lying(pen: Pen, dice: Dice, fur: _Fur) -> None:
    _tail(pen, fur, (-0.75, -0.15), (-1.0, -0.1), (-1.1, -dice.between(0.05, 0.45)))
    _coat(pen, dice, fur, -0.1, -0.32, dice.between(0.7, 0.85), dice.between(0.28, 0.38))
    for x in (0.35, 0.6):
        pen.line(fur.light, 0.14, (x, -0.15), (x + 0.35, -0.06))
    _head(pen, dice, fur, dice.between(0.5, 0.65), -dice.between(0.45, 0.65), dice.between(0.28, 0.36))


def _walking(pen: Pen, dice: Dice, fur: _Fur) -> None:
    tip = (-dice.between(0.6, 1.1), -dice.between(0.7, 1.4))
    _tail(pen, fur, (-0.6, -0.75), (-0.8, -0.85), tip)
    step = dice.between(-0.15, 0.15)
    for x, sway in ((-0.5, step), (-0.3, -step), (0.35, -step), (0.52, step)):
        pen.line(shade(fur.main, 0.8), 0.14, (x, -0.55), (x + sway, -0.05))
        pen.oval(fur.light, x + sway + 0.03, -0.05, 0.1, 0.06)
    _coat(pen, dice, fur, 0.0, -0.68, 0.68, dice.between(0.23, 0.3))
    pen.oval(fur.main, 0.55, -0.82, 0.24, 0.22)
    _head(pen, dice, fur, dice.between(0.68, 0.78), -dice.between(0.92, 1.08), dice.between(0.25, 0.31))


def _curled(pen: Pen, dice: Dice, fur: _Fur) -> None:
    _coat(pen, dice, fur, 0.0, -0.42, 0.78, dice.between(0.4, 0.5))
    pen.line(shade(fur.main, 0.8), 0.16, (-0.65, -0.25), (-0.2, -0.06), (0.3, -0.1))
    _head(pen, dice, fur, dice.between(0.25, 0.45), -dice.between(0.28, 0.4), dice.between(0.28, 0.34))


_POSES = {
    "portrait": _portrait,
    "portrait again": _portrait,
    "sitting": _sitting,
    "lying": _lying,
    "walking": _walking,
    "curled": _curled,
}
