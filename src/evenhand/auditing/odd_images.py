"""Odd images: blank, very dark, very bright, blurred, or with next to nothing in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.near_duplicates import chunks
from evenhand.data.manifest import Dataset
from evenhand.records import Floats, OddImage, Pixels

BLANK = 3.0
"""Contrast in grey levels (of 256) below which an image is blank."""
DARK, BRIGHT = 40.0, 215.0
"""A dark image has hardly a pixel above the first, a bright one hardly a pixel below the second, in grey levels."""
POOR = 1.5
"""Information in bits a pixel (of at most 5) below which an image may be called poor in content."""
FAR = 5.0
"""Robust standard deviations from the middle of the data set from which an image is odd."""
UNUSUAL = 3.0
"""The same for brightness: what is dark or bright by the limits above need not be as far from the others."""
FEWEST = 50
"""In smaller data sets there is no telling what is usual: only blank images are named."""

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_LEVELS = 32


@dataclass(frozen=True)
class Looks:
    """What is measured of each image; columns of length n."""

    brightness: Floats
    """Mean grey level, 0 to 255."""
    low: Floats
    """Grey level above which 95 % of the pixels lie."""
    high: Floats
    """Grey level below which 95 % of the pixels lie."""
    contrast: Floats
    """Standard deviation of the grey levels, or of a colour channel where that is larger."""
    sharpness: Floats
    """Logarithm of the Laplacian's variance over the variance: lower is smoother, whatever the contrast."""
    information: Floats
    """Entropy of the grey levels in bits, 0 to 5."""


def looks(pixels: Pixels) -> Looks:
    """Return what can be measured of (n, height, width, 3) uint8 images, read chunk by chunk."""
    columns = np.zeros((6, len(pixels)), dtype=np.float32)
    for part in chunks(pixels):
        columns[:, part] = _measured(np.asarray(pixels[part]))
    return Looks(*columns)


def _measured(pixels: Pixels) -> Floats:
    count = len(pixels)
    colours = pixels.reshape(count, -1, 3)
    grey = colours @ _GREY
    # Rounded values: what arithmetic adds to an even area must not look like detail.
    levels = np.rint(grey).astype(np.uint8)
    place = np.arange(count)[:, None] * 256
    shares = np.bincount((place + levels).ravel(), minlength=count * 256).reshape(count, 256) / levels.shape[1]
    below = shares.cumsum(axis=1)
    contrast = colours.std(axis=1, dtype=np.float32).max(axis=1)
    coarse = shares.reshape(count, _LEVELS, -1).sum(axis=2)
    information = -(coarse * np.log2(np.where(coarse > 0, coarse, 1))).sum(axis=1)
    return np.stack(
        [
            grey.mean(axis=1),
            (below >= 0.05).argmax(axis=1),
            (below >= 0.95).argmax(axis=1),
            contrast,
            _sharpness(grey.reshape(pixels.shape[:3])),
            information,
        ]
    ).astype(np.float32)


def _sharpness(grey: Floats) -> Floats:
    if min(grey.shape[1:]) < 3:
        return np.zeros(len(grey), dtype=np.float32)
    middle = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    ratio = (around - 4 * middle).var(axis=(1, 2)) / np.maximum(grey.var(axis=(1, 2)), 1e-3)
    found: Floats = np.log(np.maximum(ratio, 1e-6))
    return found


def odd_images(dataset: Dataset) -> tuple[OddImage, ...]:
    """Return the images that are odd, the oddest first, each with its most telling reason.

    An image is blank by itself; dark, bright, blurred or poor in content it is only where the other images of the data
    set are not: a set of night shots has no dark images.
    """
    manifest, seen = dataset.manifest, looks(dataset.pixels)
    scores = _scores(seen)
    reasons = list(scores)
    table = np.stack(list(scores.values()))
    rows = np.flatnonzero((table >= 1).any(axis=0))
    # The first reason that holds is the one told: a black image is dark and blurred too.
    found = [
        OddImage(manifest.paths[row], str(manifest.split[row]), reasons[first], round(float(table[first, row]), 2))
        for row in rows.tolist()
        if (first := int((table[:, row] >= 1).argmax())) >= 0
    ]
    return tuple(sorted(found, key=lambda image: (-image.score, image.split, image.path)))


def _scores(seen: Looks) -> dict[str, NDArray[np.float64]]:
    """Return for each reason how far each image is beyond its limit, (n,): odd from 1 on."""
    blank = BLANK / np.maximum(seen.contrast.astype(np.float64), BLANK / 10)
    if len(blank) < FEWEST:
        return {"blank": blank}
    brightness = _distance(seen.brightness, least=10.0)
    return {
        "blank": np.where(seen.contrast < BLANK, blank, 0),
        "very dark": np.where(seen.high < DARK, -brightness, 0) / UNUSUAL,
        "very bright": np.where(seen.low > BRIGHT, brightness, 0) / UNUSUAL,
        "hardly any content": np.where(seen.information < POOR, -_distance(seen.information, least=0.2), 0) / FAR,
        "blurred": -_distance(seen.sharpness, least=0.25) / FAR,
    }


def _distance(values: Floats, least: float) -> NDArray[np.float64]:
    """Return how far each value is from the median, in robust standard deviations of its own side.

    `least` is the smallest deviation that counts as one: where all images are alike, trifles are not odd.
    """
    off = values.astype(np.float64) - np.median(values)
    sides = [np.median(np.abs(side)) * 1.4826 if len(side := off[mine]) else 0.0 for mine in (off <= 0, off >= 0)]
    low, high = (max(float(side), least) for side in sides)
    return np.where(off < 0, off / low, off / high)
