"""Random numbers an image: functions of (seed, what for, image), whatever other images are attacked with it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.data.batches import uniform
from evenhand.records.values import Ints


def identities(images: NDArray[Any]) -> Ints:
    """Return (n,) int64 names of images that depend on their content alone, not on their place."""
    rows = (np.ascontiguousarray(image).tobytes() for image in images)
    hashes = [int.from_bytes(hashlib.blake2b(row, digest_size=8).digest(), "little") >> 1 for row in rows]
    return np.array(hashes, dtype=np.int64)


def uniforms(stream: str, seed: int, number: int, identity: Ints, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return (n, *shape) numbers in [0, 1).

    Parameters
    ----------
    stream : str
        What the numbers are for.
    seed : int
        Of the attack.
    number : int
        Which draw of the stream: a restart, a step.
    identity : (n,) int64
        Names of the images.
    shape : tuple of int
        Of the numbers of one image.
    """
    count = int(np.prod(shape))
    # Every image gets a stretch of counters of its own, somewhere among 2^62.
    start = (uniform(f"{stream}-start", seed, number, identity) * 2.0**53).astype(np.int64) << 9
    return uniform(stream, seed, number, start[:, None] + np.arange(count)).reshape(len(identity), *shape)


def normals(stream: str, seed: int, number: int, identity: Ints, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return (n, *shape) numbers of the standard normal distribution (Box and Muller 1958), drawn as `uniforms` are."""
    radius = np.sqrt(-2 * np.log1p(-uniforms(f"{stream}-radius", seed, number, identity, shape)))
    drawn: NDArray[np.float64] = radius * np.cos(2 * np.pi * uniforms(f"{stream}-angle", seed, number, identity, shape))
    return drawn
