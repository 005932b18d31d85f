"""Cars: from the side, from a corner, from the front."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.data.demo.pen import Colour, Dice, Pen, shade

TYRE: Colour = (24, 24, 26)


@dataclass(frozen=True)
class _Body:
    """Heights of a car and where its cabin stands; x from -1 (rear) to 1 (nose), heights are negative."""

    paint: Colour
    glass: Colour
    sill: float
    belt: float
    roof: float
    rear_foot: float
    rear_top: float
    front_top: float
    front_foot: float
    wheel: float


# rear foot, rear top, front top, front foot of the cabin, and how high its roof may be
_SHAPES = {
    "saloon": ((-0.78, -0.48, 0.18, 0.52), (0.66, 0.78)),
    "hatchback": ((-0.97, -0.74, 0.2, 0.56), (0.68, 0.84)),
    "estate": ((-0.99, -0.9, 0.22, 0.52), (0.68, 0.8)),
    "coupe": ((-0.8, -0.3, 0.05, 0.42), (0.54, 0.64)),
    "jeep": ((-0.98, -0.94, 0.28, 0.45), (0.84, 0.98)),
}


def draw_car(pen: Pen, dice: Dice, shape: str = "") -> None:
    """Draw a car of random type, paint and view.

    Parameters
    ----------
    pen : Pen
    dice : Dice
    shape : {"saloon", "hatchback", "estate", "coupe", "jeep"}, optional
        Its type, where that is not left to chance.
    """
    body = _body(dice, shape)
    pen.oval((30, 30, 34), 0.0, -0.02, 1.1, 0.09)
    view = dice.number()
    if view < 0.45:
        _side(pen, dice, body, 1.0)
    elif view < 0.8:
        _corner(pen, dice, body)
    else:
        _end(pen, dice, body)


def paint(dice: Dice) -> Colour:
    """Return the colour of a vehicle: often grey, white or black, else strong."""
    if dice.chance(0.45):
        return dice.colour((0.0, 0.12), (0.15, 1.0))
    return dice.colour((0.45, 1.0), (0.35, 1.0))


def glass(dice: Dice) -> Colour:
    """Return the colour of a window: dark, or bright with the sky in it."""
    if dice.chance(0.65):
        return dice.colour((0.05, 0.35), (0.1, 0.35), (0.5, 0.65))
    return dice.colour((0.1, 0.35), (0.55, 0.9), (0.5, 0.62))


def wheel(pen: Pen, dice: Dice, x: float, radius: float, *, narrow: float = 1.0) -> None:
    """Draw a wheel that stands on the ground."""
    pen.oval(TYRE, x, -radius, radius * narrow, radius)
    rim = dice.colour((0.0, 0.1), (0.35, 0.85))
    pen.oval(rim, x, -radius, radius * 0.55 * narrow, radius * 0.55)
    if radius > 0.18:
        pen.oval(shade(rim, 0.6), x, -radius, radius * 0.2 * narrow, radius * 0.2)


def _body(dice: Dice, shape: str) -> _Body:
    (rear_foot, rear_top, front_top, front_foot), roof = _SHAPES[shape or dice.pick(list(_SHAPES))]
    belt = dice.between(0.4, 0.5)
    return _Body(
        paint=paint(dice),
        glass=glass(dice),
        sill=-dice.between(0.1, 0.16),
        belt=-belt,
        roof=-max(dice.between(*roof), belt + 0.16),
        rear_foot=rear_foot,
        rear_top=rear_top + dice.between(-0.05, 0.05),
        front_top=front_top + dice.between(-0.08, 0.08),
        front_foot=front_foot + dice.between(-0.06, 0.08),
        wheel=dice.between(0.16, 0.22),
    )


def _side(pen: Pen, dice: Dice, body: _Body, nose: float) -> None:
    """Draw the side; `nose` is where it ends in front."""
    hood = body.belt * dice.between(0.82, 0.98)
    pen.shape(
        body.paint,
        (-1.0, body.sill),
        (-1.0, body.belt * 0.85),
        (-0.96, body.belt),
        (body.rear_foot, body.belt),
        (body.rear_top, body.roof),
        (body.front_top, body.roof),
        (body.front_foot, body.belt),
        (nose - 0.12, hood),
        (nose, hood * 0.8),
        (nose, body.sill),
    )
    _windows(pen, dice, body)
    pen.box(shade(body.paint, 0.6), -1.0, body.sill - 0.06, nose, body.sill)
    pen.line(shade(body.paint, 0.7), 0.02, (dice.between(-0.2, 0.0), body.belt), (-0.1, body.sill))
    pen.oval((200, 40, 35), -0.96, body.belt * 0.8, 0.05, 0.05)
    pen.oval((245, 240, 200), nose - 0.06, hood * 0.82, 0.07, 0.05)
    for x in (-0.6, nose - 0.38):
        pen.oval(shade(body.paint, 0.35), x, -body.wheel, body.wheel * 1.2, body.wheel * 1.2)
        wheel(pen, dice, x, body.wheel)


def _windows(pen: Pen, dice: Dice, body: _Body) -> None:
    top, foot, inset = body.roof + 0.05, body.belt - 0.01, 0.06
    pen.shape(
        body.glass,
        (body.rear_foot + inset + 0.05, foot),
        (body.rear_top + inset, top),
        (body.front_top - inset * 0.5, top),
        (body.front_foot - inset - 0.04, foot),
    )
    pillar = (body.rear_top + body.front_top) / 2 + dice.between(-0.05, 0.15)
    pen.line(body.paint, 0.05, (pillar, top), (pillar, foot))


def _corner(pen: Pen, dice: Dice, body: _Body) -> None:
    """Draw side and front (or rear) at once: the side shortened, the face beside it."""
    width = dice.between(0.3, 0.55)
    nose = 0.95 - width
    body = _Body(
        **{**vars(body), "front_top": body.front_top - width * 0.5, "front_foot": body.front_foot - width * 0.6}
    )
    far, hood, bright = nose + width, body.belt * 0.9, shade(body.paint, 1.15)
    wheel(pen, dice, far - 0.08, body.wheel * 0.95, narrow=0.5)
    _side(pen, dice, body, nose)
    pen.shape(
        bright,
        (body.front_foot, body.belt),
        (body.front_foot + width * 0.85, body.belt),
        (far, hood * 0.88),
        (nose, hood * 0.88),
    )
    pen.shape(body.paint, (nose, hood * 0.88), (far, hood * 0.88), (far, body.sill), (nose, body.sill))
    pen.shape(
        shade(body.glass, 1.2),
        (body.front_top, body.roof + 0.02),
        (body.front_top + width * 0.7, body.roof + 0.03),
        (body.front_foot + width * 0.85, body.belt),
        (body.front_foot, body.belt),
    )
    pen.shape(
        bright,
        (body.rear_top, body.roof),
        (body.front_top, body.roof),
        (body.front_top + width * 0.7, body.roof + 0.03),
        (body.rear_top + width * 0.6, body.roof - 0.02),
    )
    _face(pen, dice, nose + 0.03, far - 0.03, hood, body)


def _face(pen: Pen, dice: Dice, left: float, right: float, hood: float, body: _Body) -> None:
    lamp = (250, 245, 215) if dice.chance(0.75) else (205, 45, 40)
    size = (right - left) * 0.14
    for x in (left + size, right - size):
        pen.oval(lamp, x, hood * 0.7, size, 0.055)
    pen.box(shade(body.paint, 0.3), left + 2.4 * size, hood * 0.76, right - 2.4 * size, hood * 0.55)
    pen.box(shade(body.paint, 0.5), left, body.sill - 0.06, right, body.sill + 0.02)
    if dice.chance(0.6):
        middle = (left + right) / 2
        pen.box((235, 235, 225), middle - size, body.sill - 0.1, middle + size, body.sill - 0.03)


def _end(pen: Pen, dice: Dice, body: _Body) -> None:
    """Draw the front or the rear alone."""
    half = dice.between(0.62, 0.78)
    for side in (-1, 1):
        pen.box(TYRE, side * half * 0.82 - 0.1, -0.3, side * half * 0.82 + 0.1, 0.0)
    roof, belt = body.roof * 1.15, body.belt * 1.15
    pen.shape(
        body.paint,
        (-half, body.sill),
        (-half, belt * 0.9),
        (-half * 0.88, belt),
        (-half * 0.7, roof),
        (half * 0.7, roof),
        (half * 0.88, belt),
        (half, belt * 0.9),
        (half, body.sill),
    )
    pen.shape(
        body.glass,
        (-half * 0.78, belt),
        (-half * 0.62, roof + 0.07),
        (half * 0.62, roof + 0.07),
        (half * 0.78, belt),
    )
    pen.shape(
        shade(body.paint, 1.15),
        (-half * 0.8, belt),
        (half * 0.8, belt),
        (half * 0.92, belt * 0.82),
        (-half * 0.92, belt * 0.82),
    )
    _face(pen, dice, -half * 0.95, half * 0.95, belt, body)
