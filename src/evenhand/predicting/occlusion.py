"""Occlusion: what hiding each part of a picture does to the answer. It works with any model that can be asked."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from evenhand.predicting.asking import Answering
from evenhand.records.values import Floats, Pixels

PATCH = 6
"""The side of the picture is so many patches long."""
_LEAST = 1e-6


def log_odds(probabilities: Floats) -> NDArray[np.float64]:
    """Return log(p / (1 - p)), which still changes where a probability is nearly 1."""
    kept = np.clip(probabilities.astype(np.float64), _LEAST, 1 - _LEAST)
    found: NDArray[np.float64] = np.log(kept) - np.log1p(-kept)
    return found


def occlusion(model: Answering, pixels: Pixels, label: int) -> NDArray[np.float64]:
    """Return an (h, w) map: by how much the log-odds of a class fall when what lies around a pixel is hidden.

    Square patches, half overlapping, are painted over one after the other in the picture's mean colour (Zeiler and
    Fergus 2014, section 4.2); a pixel gets the mean over the patches that cover it. Positive parts speak for the class.

    Parameters
    ----------
    model : Answering
    pixels : (h, w, 3) uint8
        Of the model's size.
    label : int
        The class.
    """
    height, width = pixels.shape[:2]
    rows, columns = _windows(height), _windows(width)
    grey = pixels.reshape(-1, 3).mean(axis=0).round().astype(np.uint8)
    hidden = np.repeat(pixels[None], len(rows) * len(columns) + 1, axis=0)
    windows = [(row, column) for row in rows for column in columns]
    for number, (row, column) in enumerate(windows, 1):
        hidden[number, row, column] = grey
    found = log_odds(model.probabilities(hidden)[:, label])
    falls, covered = np.zeros((height, width)), np.zeros((height, width))
    for fall, (row, column) in zip(found[0] - found[1:], windows, strict=True):
        falls[row, column] += fall
        covered[row, column] += 1
    return falls / covered


def _windows(side: int) -> list[slice]:
    """Return half-overlapping windows that cover a side."""
    patch = max(1, math.ceil(side / PATCH))
    step = max(1, patch // 2)
    return [slice(first, min(side, first + patch)) for first in range(0, max(1, side - patch + step), step)]
