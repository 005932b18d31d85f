"""Odd images: blank, misshapen, very dark or bright, blurred, nearly empty, or another kind of picture altogether."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from evenhand.auditing.near_duplicates import chunks
from evenhand.auditing.unrelated import descriptors, strangeness
from evenhand.data.manifest import Dataset
from evenhand.records.audit import OddImage
from evenhand.records.values import Floats, Ints, Pixels

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
STRETCHED = 2.0
"""How many times as wide or as high as nearly all others an image is that has an odd shape."""
USUAL_SHAPES = 0.05
"""Share of the images at either end whose shapes are not what is usual."""
TELLING = 8
"""Height and width in pixels from which kinds of pictures can be told apart."""
CHANCE = 0.02
"""Images that may be taken for another kind of picture where there is none."""
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


def odd_images(dataset: Dataset, sizes: Ints | None = None, features: Floats | None = None) -> tuple[OddImage, ...]:
    """Return the images that are odd, the oddest first, each with its most telling reason and the number behind it.

    An image is blank by itself; everything else it is only where the other images of the data set are not: a set of
    night shots has no dark images.

    Parameters
    ----------
    dataset : Dataset
        All images.
    sizes : (n, 2) int64, optional
        Heights and widths of the images in their files; without them no shape is odd.
    features : (n, d) float32, optional
        What one network makes of the images, to tell other kinds of pictures by; NaN where it has not seen one. By
        default `descriptors` of the pixels.
    """
    manifest, seen = dataset.manifest, looks(dataset.pixels)
    if features is None and min(dataset.size) >= TELLING:
        features = descriptors(dataset.pixels)
    marks = _marks(seen, sizes, features)
    scores = np.stack([mark.score for mark in marks])
    # The first reason that holds is the one told: a black image is dark and blurred too.
    first = (scores >= 1).argmax(axis=0)
    found = [
        OddImage(
            manifest.paths[row],
            str(manifest.split[row]),
            marks[first[row]].reason,
            round(float(scores[first[row], row]), 2),
            marks[first[row]].detail(row),
        )
        for row in np.flatnonzero((scores >= 1).any(axis=0)).tolist()
    ]
    return tuple(sorted(found, key=lambda image: (-image.score, image.split, image.path)))


@dataclass(frozen=True)
class _Mark:
    """One way to be odd: how far each image, (n,), is beyond the limit, odd from 1 on; and a row's number in words."""

    reason: str
    score: NDArray[np.float64]
    detail: Callable[[int], str]


def _marks(seen: Looks, sizes: Ints | None, features: Floats | None) -> list[_Mark]:
    contrast = seen.contrast.astype(np.float64)
    blank = np.where(contrast < BLANK, BLANK / np.maximum(contrast, BLANK / 10), 0)
    marks = [_Mark("blank", blank, lambda row: f"its contrast is {contrast[row]:.1f} grey levels of 256")]
    if len(contrast) < FEWEST:
        return marks
    if sizes is not None:
        marks += _shapes(sizes)
    marks += [*_light(seen), *_substance(seen)]
    return marks if features is None else [*marks, _another_kind(features)]


def _shapes(sizes: Ints) -> list[_Mark]:
    shape = np.log(sizes[:, 1] / sizes[:, 0])
    low, high = np.quantile(shape, [USUAL_SHAPES, 1 - USUAL_SHAPES])
    ends = sorted({f"{np.exp(end):.2g}" for end in (low, high)}, key=float)
    usual = f"nearly all others have {' to '.join(ends)}"

    def told(row: int) -> str:
        height, width = sizes[row].tolist()
        return f"{width}x{height} pixels (width x height): the ratio is {width / height:.2g}, {usual}"

    far = np.log(STRETCHED)
    return [_Mark("very wide", (shape - high) / far, told), _Mark("very high", (low - shape) / far, told)]


def _light(seen: Looks) -> list[_Mark]:
    brightness = _distance(seen.brightness, least=10.0)
    dark = np.where(seen.high < DARK, -brightness, 0) / UNUSUAL
    bright = np.where(seen.low > BRIGHT, brightness, 0) / UNUSUAL
    return [
        _Mark("very dark", dark, lambda row: f"19 of 20 pixels are darker than grey level {seen.high[row]:.0f} of 255"),
        _Mark(
            "very bright",
            bright,
            lambda row: f"19 of 20 pixels are brighter than grey level {seen.low[row]:.0f} of 255",
        ),
    ]


def _substance(seen: Looks) -> list[_Mark]:
    poor = np.where(seen.information < POOR, -_distance(seen.information, least=0.2), 0) / FAR
    usual = float(np.median(seen.information))
    smooth = -_distance(seen.sharpness, least=0.25) / FAR
    middle = float(np.median(seen.sharpness))
    return [
        _Mark(
            "hardly any content",
            poor,
            lambda row: f"{seen.information[row]:.1f} bits of information a pixel, where {usual:.1f} are usual",
        ),
        _Mark(
            "blurred",
            smooth,
            lambda row: f"{np.exp(middle - seen.sharpness[row]):.0f} times less fine detail than usual",
        ),
    ]


def _another_kind(features: Floats) -> _Mark:
    score, times = strangeness(features)
    limit = float(ndtri(1 - CHANCE / len(features)))
    return _Mark(
        "another kind of picture",
        score / limit,
        lambda row: f"{times[row]:.1f} times as far as usual from the pictures most like it",
    )


def _distance(values: Floats, least: float) -> NDArray[np.float64]:
    """Return how far each value is from the median, in robust standard deviations of its own side.

    `least` is the smallest deviation that counts as one: where all images are alike, trifles are not odd.
    """
    off = values.astype(np.float64) - np.median(values)
    sides = [np.median(np.abs(side)) * 1.4826 if len(side := off[mine]) else 0.0 for mine in (off <= 0, off >= 0)]
    low, high = (max(float(side), least) for side in sides)
    return np.where(off < 0, off / low, off / high)
