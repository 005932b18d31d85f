"""Pictures that look like a picture: by coarse colours, and by what networks think of them."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from evenhand.records.values import Floats, Ints, Pixels

SIDE = 8
CHUNK = 4096


class Neighbours:
    """Finds the pictures most like one, by brute force: 50,000 are compared in a few milliseconds.

    The features are made in the background, so that the page need not wait for them.

    Parameters
    ----------
    pixels : (n, h, w, 3) uint8
        All pictures.
    probabilities : (n, K) float
        NaN where there are none; then colours alone decide.
    """

    def __init__(self, pixels: Pixels, probabilities: Floats) -> None:
        self._features: Floats | None = None
        self._known: tuple[int, Floats] = (-1, np.empty(0, dtype=np.float32))
        self._worker = threading.Thread(target=self._prepare, args=(pixels, probabilities), daemon=True)
        self._worker.start()

    def ready(self, timeout: float = 0.0) -> bool:
        """Return whether questions are answered already, after waiting for `timeout` seconds at most."""
        self._worker.join(timeout)
        return self._features is not None

    def nearest(self, row: int, allowed: NDArray[np.bool_], count: int) -> Ints:
        """Return up to `count` rows among the allowed ones, the most alike first; none before everything is ready."""
        if self._features is None:
            return np.empty(0, dtype=np.int64)
        distance = np.where(allowed, self._distances(row), np.inf)
        few = np.argpartition(distance, count)[:count] if len(distance) > count else np.arange(len(distance))
        found: Ints = few[np.argsort(distance[few], kind="stable")].astype(np.int64)
        return found[np.isfinite(distance[found])]

    def _distances(self, row: int) -> Floats:
        """Return what all pictures' distances go by; several questions about one picture share the answer."""
        known, distance = self._known
        if known != row:
            assert self._features is not None  # noqa: S101 - asked when everything is ready
            distance = self._lengths - 2 * (self._features @ self._features[row])
            distance[row] = np.inf
            self._known = (row, distance)
        return distance

    def _prepare(self, pixels: Pixels, probabilities: Floats) -> None:
        colours = np.concatenate([_coarse(pixels[start : start + CHUNK]) for start in range(0, len(pixels), CHUNK)])
        colours -= colours.mean(axis=0)
        colours /= max(1e-6, float(np.sqrt((colours**2).sum(axis=1).mean())))
        opinion = np.nan_to_num(np.sqrt(probabilities)).astype(np.float32)
        features = np.concatenate([colours, opinion], axis=1)
        self._lengths = (features**2).sum(axis=1)
        self._features = features


def _coarse(pixels: Pixels) -> Floats:
    """Return (n, SIDE * SIDE * 3) mean colours of a grid laid over each picture."""
    n, height, width = pixels.shape[:3]
    rows, columns = (np.unique(np.linspace(0, side, SIDE, endpoint=False).astype(int)) for side in (height, width))
    sums = np.add.reduceat(np.add.reduceat(pixels.astype(np.float32), rows, axis=1), columns, axis=2)
    area = np.diff(np.r_[rows, height])[:, None] * np.diff(np.r_[columns, width])[None, :]
    found: Floats = (sums / area[None, :, :, None]).reshape(n, -1)
    return found
