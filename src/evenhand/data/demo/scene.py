"""Where a thing stands, what stands before it, and what the camera does to the picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from evenhand.data.demo.cars import draw_car
from evenhand.data.demo.cats import draw_cat
from evenhand.data.demo.pen import Colour, Dice, Pen, Point, blend, shade
from evenhand.data.demo.trucks import draw_truck
from evenhand.records.values import Pixels

SIDE = 32
"""Height and width of a picture in pixels."""
CANVAS = 2 * SIDE
"""Side of the canvas: drawn at twice the size, then halved, so that edges are smooth."""

BAD_SHOTS = 0.1
"""Share of pictures blurred, faint and noisy: more training images do not make them recognisable."""


@dataclass(frozen=True)
class Thing:
    """Something that pictures are taken of."""

    draw: Callable[[Pen, Dice], None]
    scale: Point
    """Pixels a unit, as a share of the canvas, from and to; things are about two units wide."""
    height: float
    """Usual height in units."""
    outdoors: float
    """Share of the pictures that are taken outdoors."""


THINGS = {
    "Cars": Thing(draw_car, scale=(0.32, 0.5), height=0.75, outdoors=0.8),
    "Cats": Thing(draw_cat, scale=(0.27, 0.5), height=1.15, outdoors=0.5),
    "Trucks": Thing(draw_truck, scale=(0.33, 0.52), height=1.15, outdoors=0.8),
}


def picture(name: str, *seed: int) -> Pixels:
    """Return (32, 32, 3) uint8, a picture of one thing; a function of the arguments.

    Parameters
    ----------
    name : {"Cars", "Cats", "Trucks"}
        What it shows.
    *seed : int
        Not negative.
    """
    return photograph(THINGS[name], Dice(list(THINGS).index(name), *seed))


def photograph(thing: Thing, dice: Dice) -> Pixels:
    """Return (32, 32, 3) uint8, a picture of a thing; a function of the thing and of dice not yet thrown."""
    image = Image.new("RGB", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(image)
    pen = _stand(draw, dice, thing)
    horizon = min(pen.y, CANVAS) - CANVAS * dice.between(0.03, 0.4)
    (_outdoors if dice.chance(thing.outdoors) else _indoors)(draw, dice, horizon)
    _clutter(draw, dice, horizon, most=4)
    thing.draw(pen, dice)
    _occluder(draw, dice)
    return _developed(image, dice)


def encoded(pixels: Pixels) -> bytes:
    """Return a PNG file of (h, w, 3) uint8 pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _stand(draw: ImageDraw.ImageDraw, dice: Dice, thing: Thing) -> Pen:
    """Return the pen of a thing of random size and pose, about in the middle of the picture."""
    scale = CANVAS * dice.between(*thing.scale)
    return Pen(
        draw,
        x=CANVAS * dice.between(0.4, 0.6),
        y=CANVAS * dice.between(0.4, 0.6) + scale * thing.height / 2,
        scale=scale,
        angle=dice.between(-0.12, 0.12),
        stretch=dice.between(0.85, 1.2) * (1 if dice.chance(0.5) else -1),
    )


def _outdoors(draw: ImageDraw.ImageDraw, dice: Dice, horizon: float) -> None:
    """Paint sky, what stands at the horizon, and ground."""
    sky = dice.colour((0.0, 0.5), (0.6, 1.0), (0.5, 0.65))
    draw.rectangle((0, 0, CANVAS, CANVAS), fill=sky)
    for band in range(4):
        top = horizon * band / 4
        draw.rectangle((0, top, CANVAS, horizon), fill=blend(sky, (245, 245, 245), band * 0.15))
    _skyline(draw, dice, horizon)
    ground = dice.pick(
        [
            dice.colour((0.0, 0.08), (0.3, 0.65)),
            dice.colour((0.0, 0.08), (0.3, 0.65)),
            dice.colour((0.3, 0.7), (0.25, 0.65), (0.2, 0.35)),
            dice.colour((0.15, 0.45), (0.5, 0.85), (0.08, 0.13)),
            dice.colour((0.0, 0.06), (0.85, 1.0)),
        ]
    )
    draw.rectangle((0, horizon, CANVAS, CANVAS), fill=ground)
    if dice.chance(0.4):
        kerb = dice.between(horizon, CANVAS)
        draw.rectangle((0, kerb, CANVAS, kerb + dice.between(1, 5)), fill=shade(ground, dice.between(0.6, 1.5)))


def _skyline(draw: ImageDraw.ImageDraw, dice: Dice, horizon: float) -> None:
    kind = dice.pick(["none", "houses", "trees", "wall"])
    if kind == "wall":
        draw.rectangle(
            (0, horizon * dice.between(0.0, 0.6), CANVAS, horizon), fill=dice.colour((0.0, 0.6), (0.25, 0.9))
        )
    x = -4.0
    while kind in ("houses", "trees") and x < CANVAS:
        width = dice.between(6, 22)
        top = horizon * dice.between(0.1, 0.85)
        if kind == "houses":
            colour = dice.colour((0.0, 0.5), (0.25, 0.85), (0.0, 0.15))
            draw.rectangle((x, top, x + width, horizon), fill=colour)
            for y in range(int(top) + 3, int(horizon) - 3, 6):
                draw.rectangle((x + 3, y, x + width - 3, y + 2), fill=shade(colour, 0.6))
        else:
            draw.ellipse((x, top, x + width, 2 * horizon - top), fill=dice.colour((0.3, 0.7), (0.15, 0.5), (0.2, 0.4)))
        x += width * dice.between(0.7, 1.2)


def _indoors(draw: ImageDraw.ImageDraw, dice: Dice, floor: float) -> None:
    """Paint a wall and a floor, or a plain studio."""
    wall = dice.colour((0.0, 0.5), (0.2, 1.0))
    draw.rectangle((0, 0, CANVAS, CANVAS), fill=wall)
    if dice.chance(0.3):
        return
    colour = dice.colour((0.2, 0.6), (0.25, 0.8), (0.04, 0.12)) if dice.chance(0.6) else dice.colour((0.0, 0.7))
    draw.rectangle((0, floor, CANVAS, CANVAS), fill=colour)
    if dice.chance(0.5):
        gap = dice.between(4, 12)
        for step in range(int(CANVAS / gap) + 1):
            draw.line((step * gap, floor, step * gap * 1.4 - 10, CANVAS), fill=shade(colour, 0.8))
    if dice.chance(0.5):
        stripe, gap = shade(wall, dice.between(0.75, 1.2)), dice.between(5, 16)
        for step in range(int(CANVAS / gap) + 1):
            draw.rectangle((step * gap, 0, step * gap + gap / 3, floor), fill=stripe)


def _clutter(draw: ImageDraw.ImageDraw, dice: Dice, horizon: float, most: int) -> None:
    """Paint a few things of no class: boxes, balls, poles, cushions."""
    for _ in range(int(dice.between(0, most + 1))):
        x, y = dice.between(0, CANVAS), horizon + dice.between(-14, 16)
        width, height = dice.between(2, 14), dice.between(3, 16)
        colour = dice.colour((0.0, 0.9), (0.1, 0.95))
        if dice.chance(0.4):
            draw.ellipse((x - width, y - height, x + width, y), fill=colour)
        elif dice.chance(0.5):
            draw.rectangle((x - width, y - height, x + width, y), fill=colour)
        else:
            tip = dice.between(-width, width)
            draw.polygon([(x - width, y), (x + tip, y - 1.5 * height), (x + width, y)], fill=colour)


def _occluder(draw: ImageDraw.ImageDraw, dice: Dice) -> None:
    """Now and then, put something in front."""
    if not dice.chance(0.3):
        return
    colour: Colour = dice.colour((0.0, 0.8), (0.1, 0.9))
    kind = dice.pick(["post", "hedge", "block", "branch"])
    if kind == "post":
        x = dice.between(0, CANVAS)
        draw.rectangle((x, 0, x + dice.between(2, 8), CANVAS), fill=colour)
    elif kind == "hedge":
        top = CANVAS * dice.between(0.72, 0.95)
        for step in range(9):
            middle = step * CANVAS / 8
            draw.ellipse((middle - 7, top + dice.between(-3, 3), middle + 7, CANVAS + 8), fill=colour)
    elif kind == "block":
        side = CANVAS * dice.between(0.2, 0.42)
        x, y = dice.pick([-side * 0.2, CANVAS - side * 0.8]), dice.between(0.2, 0.9) * CANVAS
        draw.rectangle((x, y, x + side, y + side), fill=colour)
    else:
        ends = (0, dice.between(0, CANVAS), CANVAS, dice.between(0, CANVAS))
        draw.line(ends, fill=colour, width=round(dice.between(2, 6)))


def _developed(image: Image.Image, dice: Dice) -> Pixels:
    """Return the halved picture after light, blur and noise; a few shots are bad ones that no one could be sure of."""
    bad = dice.chance(BAD_SHOTS)
    if bad or dice.chance(0.3):
        reach = dice.between(3.0, 5.5) if bad else dice.between(0.3, 1.7)
        image = image.filter(ImageFilter.GaussianBlur(reach))
    values = np.asarray(image.reduce(CANVAS // SIDE), dtype=np.float32) / 255
    slope = np.linspace(-1, 1, SIDE, dtype=np.float32)
    light = 1 + dice.between(-0.2, 0.2) * slope[:, None] + dice.between(-0.2, 0.2) * slope
    tint = np.array([dice.between(0.92, 1.08) for _ in range(3)], dtype=np.float32)
    values = values * light[..., None] * tint
    contrast = dice.between(0.3, 0.6) if bad else dice.between(0.65, 1.15)
    values = (values - 0.5) * contrast + 0.5 + dice.between(-0.1, 0.1)
    if dice.chance(0.06):
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    noise = dice.generator.standard_normal(values.shape, dtype=np.float32)
    values += noise * (dice.between(0.02, 0.05) if bad else dice.between(0.0, 0.05))
    pixels: Pixels = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    return pixels
