"""Corruptions of the sensor and of what became of the file: noise, brightness, contrast, coarse pixels, JPEG."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from evenhand.records.values import Pixels

Picture = NDArray[np.float32]
"""(height, width, channels) in [0, 1]."""
REFERENCE_SIDE = 224
"""Side of the images that severities are written for; lengths grow with the side of an image."""


def length(pixels: float, picture: Picture) -> float:
    """Return a length that is `pixels` in an image of 224 pixels, in pixels of this image."""
    return float(pixels * min(picture.shape[:2]) / REFERENCE_SIDE)


def amplitude(value: float, picture: Picture) -> float:
    """Return an amplitude of noise for this image: in a small image less noise hides the same thing."""
    return value * float(np.sqrt(min(1.0, min(picture.shape[:2]) / REFERENCE_SIDE)))


def gaussian_noise(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture as in poor light: noise of one strength everywhere."""
    strength = amplitude((0.10, 0.15, 0.21, 0.29, 0.40)[level], picture)
    return picture + strength * dice.standard_normal(picture.shape, dtype=np.float32)


def shot_noise(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture made of few photons: noise grows with brightness."""
    photons = 1 / amplitude((0.14, 0.20, 0.29, 0.44, 0.58)[level], picture) ** 2
    return (dice.poisson(np.clip(picture, 0, 1) * photons) / photons).astype(np.float32)


def impulse_noise(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture with some values black or white: broken cells, bits lost on the way."""
    share = amplitude((0.04, 0.07, 0.11, 0.18, 0.28)[level], picture)
    drawn = dice.random(picture.shape)
    return np.where(drawn < share / 2, 0, np.where(drawn > 1 - share / 2, 1, picture)).astype(np.float32)


def brightness(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture exposed too long."""
    del dice
    return picture + np.float32((0.1, 0.2, 0.3, 0.4, 0.5)[level])


def contrast(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture with its values drawn towards their mean."""
    del dice
    middle = picture.mean(axis=(0, 1), keepdims=True)
    kept = np.float32((0.5, 0.38, 0.28, 0.18, 0.1)[level])
    flat: Picture = (picture - middle) * kept + middle
    return flat


def pixelate(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture made of fewer, larger pixels."""
    del dice
    share = (0.75, 0.6, 0.5, 0.4, 0.3)[level]
    height, width = picture.shape[:2]
    small = (max(1, round(width * share)), max(1, round(height * share)))
    coarse = to_image(picture).resize(small, Image.Resampling.BOX)
    return from_image(coarse.resize((width, height), Image.Resampling.NEAREST))


def jpeg_compression(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture saved as a small JPEG file and read again."""
    del dice
    content = io.BytesIO()
    to_image(picture).save(content, "JPEG", quality=(40, 28, 20, 14, 8)[level])
    return from_image(Image.open(content))


def elastic_transform(picture: Picture, level: int, dice: np.random.Generator) -> Picture:
    """Return the picture on a sheet of rubber, pulled here and there."""
    reach, smooth = length((6, 9, 12, 16, 20)[level], picture), length(24, picture)
    height, width = picture.shape[:2]
    shifts = []
    for _ in range(2):
        field = ndimage.gaussian_filter(dice.uniform(-1, 1, (height, width)), smooth, mode="reflect")
        shifts.append(reach * field / max(1e-9, float(np.abs(field).max())))
    rows, columns = np.mgrid[:height, :width]
    places = [rows + shifts[0], columns + shifts[1]]
    channels = [
        ndimage.map_coordinates(picture[..., channel], places, order=1, mode="reflect")
        for channel in range(picture.shape[2])
    ]
    return np.stack(channels, axis=2)


def to_image(picture: Picture) -> Image.Image:
    """Return the picture as Pillow holds it, grey or in colour, in 8 bits."""
    values: Pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[2] == 1 else values)


def from_image(image: Image.Image) -> Picture:
    """Return what `to_image` was given, rounded to 8 bits."""
    values = np.asarray(image, dtype=np.float32) / np.float32(255)
    return values[..., None] if values.ndim == 2 else values
