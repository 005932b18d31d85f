"""Unrelated images: a page of text or a chart among photographs. Judged by the company that each image keeps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.near_duplicates import thumbnails
from evenhand.records.values import Floats, Ints, Pixels

SIDE = 32
"""Height and width at which images are described."""
NEAREST = 5
"""So many of the most alike images are an image's company: a few copies of a strange picture do not hide it."""
COMPARED = 4000
"""Images, evenly picked, among which company is sought: in larger data more would only take longer."""
CLIPPED = 12.0
"""Robust standard deviations beyond which a single figure says no more."""
LEAST_SPREAD = 0.15
"""Least spread of the logarithms of the distances: where all images are alike, trifles are not strange."""
FAINT = 0.003
"""Directions in which images differ less than this, as a share of the largest, count as noise."""

Doubles = NDArray[np.float64]

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_FLAT = 2.0
_AT_ONCE = 256


def strangeness(features: Floats) -> tuple[Doubles, Doubles]:
    """Return how strange each image is, and how many times the usual its distance to its company is; both (n,).

    Strangeness is counted in robust standard deviations of the logarithm of that distance, from the median of the
    data set. Images of many kinds are no strangers to each other as long as each kind has a few members.

    Parameters
    ----------
    features : (n, d) float
        What is known of each image, by `descriptors` or by a network. Features of one network only are comparable:
        those of several folds are to be judged fold by fold. Rows that are not finite are not judged: 0 and 1.
    """
    score, times = np.zeros(len(features)), np.ones(len(features))
    rows = np.flatnonzero(np.isfinite(features).all(axis=1))
    if len(rows) <= NEAREST + 1:
        return score, times
    distance = _company(_whitened(features[rows].astype(np.float64)))
    off = np.log(np.maximum(distance, 1e-9))
    off -= np.median(off)
    spread = 1.4826 * np.median(off[off >= 0])
    score[rows], times[rows] = off / max(spread, LEAST_SPREAD), np.exp(off)
    return score, times


def _whitened(features: Doubles) -> Doubles:
    """Return the features along their main directions, in each of which images differ as much as in the others."""
    off = features - np.median(features, axis=0)
    low, high = np.quantile(off, [0.05, 0.95], axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(off), axis=0), (high - low) / 6)
    # A figure that is the same for nearly all images says little where it differs by a trifle.
    spread = np.maximum(spread, max(0.1 * float(np.median(spread)), 1e-6))
    off = np.clip(off / spread, -CLIPPED, CLIPPED)
    off -= off.mean(axis=0)
    size, directions = np.linalg.eigh(off.T @ off / len(off))
    kept = size > FAINT * size[-1]
    # With few images the smallest directions are chance: what is added makes them count less.
    chance = size[kept].sum() / len(features)
    found: Doubles = off @ directions[:, kept] / np.sqrt(size[kept] + chance)
    return found


def _company(places: Doubles) -> Doubles:
    """Return (n,) mean distances to the nearest of the others."""
    picked = np.unique(np.linspace(0, len(places) - 1, min(COMPARED, len(places))).astype(int))
    others = places[picked]
    lengths = (others**2).sum(axis=1)
    found = np.empty(len(places))
    for start in range(0, len(places), 1024):
        part = slice(start, start + 1024)
        squares = (places[part] ** 2).sum(axis=1)[:, None] + lengths - 2 * places[part] @ others.T
        itself = np.arange(len(places))[part, None] == picked
        squares[itself] = np.inf
        found[part] = np.sqrt(np.maximum(np.partition(squares, NEAREST - 1, axis=1)[:, NEAREST - 1], 0))
    return found


def descriptors(pixels: Pixels) -> Floats:
    """Return (n, d) float32 figures of the kind of picture that each of (n, h, w, 3) images is, whatever it shows.

    Photographs, drawings, pages, charts, screens and noise differ in how brightness changes from pixel to pixel, in
    their lines, tones and number of colours. Two photographs of different things need not differ.
    """
    parts = []
    for start in range(0, len(pixels), _AT_ONCE):
        images = np.asarray(pixels[start : start + _AT_ONCE])
        images = images if images.shape[1:3] == (SIDE, SIDE) else thumbnails(images, SIDE)
        grey = images.astype(np.float32) @ _GREY
        parts.append(
            np.stack([*_textures(grey), *_lines(grey), *_tones(grey), *_colours(images, grey), *_rim(grey)], axis=1)
        )
    found: Floats = np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 1), dtype=np.float32)
    return found


def _textures(grey: Floats) -> list[Floats]:
    """Return how much brightness changes at four scales, and how evenly: grain, edges, or flat areas."""
    variance = grey.var(axis=(1, 2)) + 4
    found = []
    for scale in range(4):
        for axis in (1, 2):
            change = np.diff(grey, axis=axis)
            energy = (change**2).mean(axis=(1, 2)) + 1
            found.append(np.log(energy / variance))
            if scale < 2:
                size = np.abs(change)
                found.append(np.log((size.mean(axis=(1, 2)) + 0.5) / np.sqrt(energy)))
                found.append(2 * (size < _FLAT).mean(axis=(1, 2)))
        rows = grey[:, ::2] + grey[:, 1::2]
        grey = np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4, dtype=np.float32)
    return found


def _lines(grey: Floats) -> list[Floats]:
    """Return how much of the edges is upright, level or slanting, and how they are spread over rows and columns."""
    down, right = np.diff(grey, axis=1), np.diff(grey, axis=2)
    upright, level = right[:, 1:] ** 2, down[:, :, 1:] ** 2
    both = upright + level
    whole = np.maximum(both.sum(axis=(1, 2)), 1)
    straight = np.where(np.maximum(upright, level) > 0.95 * both, both, 0).sum(axis=(1, 2)) / whole
    slanting = np.where(np.abs(upright - level) < 0.3 * both, both, 0).sum(axis=(1, 2)) / whole
    found = [straight, slanting]
    for steps, axis in ((down, 2), (right, 1)):
        line = np.abs(steps).mean(axis=axis) + 0.2
        found += [np.log((line.std(axis=1) + 0.2) / line.mean(axis=1)), np.log(line.max(axis=1) / line.mean(axis=1))]
        found.append(grey.mean(axis=axis).var(axis=1) / (grey.var(axis=(1, 2)) + 4))
    return found


def _tones(grey: Floats) -> list[Floats]:
    """Return five quantiles of the brightness, and how much is nearly white or black."""
    below = _shares(np.rint(grey).astype(np.int64), 256).cumsum(axis=1)
    found = [(below >= part).argmax(axis=1) / 64 for part in (0.05, 0.25, 0.5, 0.75, 0.95)]
    return [*found, 2 * (1 - below[:, 240]), 2 * below[:, 15]]


def _shares(codes: Ints, count: int) -> Floats:
    """Return (n, count) how much of each image has each of the codes from 0 to `count`."""
    codes = codes.reshape(len(codes), -1)
    place = codes + count * np.arange(len(codes))[:, None]
    found = np.bincount(place.ravel(), minlength=count * len(codes)).reshape(len(codes), count)
    return (found / codes.shape[1]).astype(np.float32)


def _colours(images: Pixels, grey: Floats) -> list[Floats]:
    """Return how colours change beside brightness, and how many there are."""
    red, green, blue = np.moveaxis(images, 3, 0).astype(np.float32, order="C")
    tints = (red - green, green - blue)
    change = [sum((np.diff(one, axis=axis) ** 2).mean(axis=(1, 2)) for axis in (1, 2)) for one in (*tints, grey)]
    spread = sum(tint.var(axis=(1, 2)) for tint in tints)
    coarse = np.moveaxis(images >> 5, 3, 0).astype(np.int64, order="C")
    shares = _shares(coarse[0] * 64 + coarse[1] * 8 + coarse[2], 512)
    information = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)
    return [
        np.log((change[0] + change[1] + 2) / (change[2] + 2)),
        np.log((spread + 4) / (grey.var(axis=(1, 2)) + 4)),
        information,
        np.log((shares > 0).sum(axis=1)),
        2 * shares.max(axis=1),
        2 * _three_largest(shares),
    ]


def _three_largest(shares: Floats) -> Floats:
    rest, total, rows = shares.copy(), np.zeros(len(shares), dtype=np.float32), np.arange(len(shares))
    for _ in range(3):
        largest = rest.argmax(axis=1)
        total += rest[rows, largest]
        rest[rows, largest] = 0
    return total


def _rim(grey: Floats) -> list[Floats]:
    """Return how bright the outermost pixels are, and how even: the margin of a page, a backdrop, or anything."""
    rim = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], axis=1)
    return [rim.mean(axis=1) / 64, np.log((rim.std(axis=1) + 2) / (grey.std(axis=(1, 2)) + 2))]
