"""Which images an epoch holds and in which order: a function of (plan, seed, epoch, image)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenhand.data.batches import occurrences, uniform
from evenhand.records.values import Ints
from evenhand.remedies.plan import Draw


def epoch_order(draw: Draw | None, targets: NDArray[np.float64], identity: Ints, *, seed: int, epoch: int) -> Ints:
    """Return the positions of the images of one epoch, in the order they are trained on.

    Parameters
    ----------
    draw : Draw or None
        What the plan asks for; None takes every image once.
    targets : (n, K) float64
        One-hot or soft labels.
    identity : (n,) int64
        Identity of each image, the same whatever else is in the training set.
    seed, epoch : int
        Of the trial and the epoch, counted from 0.
    """
    chosen = _DRAWS[draw.method](draw, targets, identity, seed, epoch) if draw else np.arange(len(identity))
    repeated = identity[chosen] + (occurrences(identity[chosen]) << 40)
    order: Ints = np.asarray(chosen[np.argsort(uniform("order", seed, epoch, repeated), kind="stable")], dtype=np.int64)
    return order


def _weighted(draw: Draw, targets: NDArray[np.float64], identity: Ints, seed: int, epoch: int) -> Ints:
    weights = targets @ np.asarray(draw.values)
    edges = np.cumsum(weights)
    picks = uniform("draw", seed, epoch, np.arange(draw.length, dtype=np.int64)) * edges[-1]
    found: Ints = np.minimum(np.searchsorted(edges, picks, side="right"), len(identity) - 1).astype(np.int64)
    return found


def _counts(draw: Draw, targets: NDArray[np.float64], identity: Ints, seed: int, epoch: int) -> Ints:
    labels = targets.argmax(axis=1)
    lottery = uniform("draw", seed, epoch, identity)
    chosen = []
    for label, wanted in enumerate(draw.values):
        members = np.flatnonzero(labels == label)
        if len(members) == 0:
            continue
        whole, rest = divmod(round(wanted), len(members))
        lucky = members[np.argsort(lottery[members], kind="stable")][:rest]
        chosen.append(np.r_[np.tile(members, whole), lucky])
    return np.concatenate(chosen).astype(np.int64)


_DRAWS = {"weighted": _weighted, "counts": _counts}
