"""A second opinion on labels: what the images that look most alike to a network are believed to be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evenhand.records.values import Floats, Ints

Doubles = NDArray[np.float64]
Block = tuple[Ints, Floats]
"""Positions (m,) of images that one network has predicted out of fold, and their features (m, d) of length 1."""

NEIGHBOURS = 10
"""Images asked about each image. Ten to thirty serve about equally well; a rare class has no more to give."""
_CHUNK = 1024


def neighbour_votes(posterior: Doubles, blocks: Sequence[Block], *, neighbours: int = NEIGHBOURS) -> Doubles:
    """Return (n, K) what the nearest images are believed to be, averaged over the networks; rows sum to 1.

    A network that has learnt from wrong labels by heart is wrong about single images; it still lays images of one kind
    side by side (distance to others of the class helps where the loss does not: Wei et al. 2021, "Robust long-tailed
    learning under label noise"). Neighbours are looked for among the images that the same network has not trained on,
    because features of images that it has trained on know their labels.

    One vote of the whole data set's proportions is added to those of the neighbours, so that ten of ten is not taken
    for certainty; an image that no network has predicted has these proportions alone.

    Parameters
    ----------
    posterior : (n, K) float64
        What is believed about each image so far.
    blocks : sequence of Block
        One a network; their positions may overlap.
    neighbours : int
        Images that vote on each image, fewer in a smaller block; itself never.
    """
    overall = posterior.mean(axis=0)
    total = np.zeros_like(posterior)
    heard = np.zeros(len(posterior))
    for positions, features in blocks:
        count = min(neighbours, len(positions) - 1)
        if count < 1:
            continue
        total[positions] += (count * _mean_of_nearest(posterior[positions], features, count) + overall) / (count + 1)
        heard[positions] += 1
    votes: Doubles = np.where(heard[:, None] > 0, total / np.maximum(heard, 1)[:, None], overall)
    return votes


def _mean_of_nearest(posterior: Doubles, features: Floats, count: int) -> Doubles:
    """Return (m, K) the mean belief about the `count` most similar other images, by the cosine of their features."""
    wide = features.astype(np.float32)
    found = np.empty_like(posterior)
    for first in range(0, len(wide), _CHUNK):
        likeness = wide[first : first + _CHUNK] @ wide.T
        here = np.arange(len(likeness))
        likeness[here, first + here] = -np.inf
        nearest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        found[first + here] = posterior[nearest].mean(axis=1)
    return found


def heard_together(logits: Floats, temperature: float, votes: Doubles, overall: Doubles) -> Floats:
    """Return (n, K) float32 logits that count the networks' opinion and that of the neighbours alike.

    Parameters
    ----------
    logits : (n, K) float
        Of networks for a uniform prior.
    temperature : float
        By which they have to be divided to be calibrated.
    votes : (n, K) float64
        From `neighbour_votes`.
    overall : (K,) float64
        The proportions by which the votes are divided: neighbours are drawn from a lopsided set, the networks'
        opinion is for a uniform prior.
    """
    least = np.maximum(votes, 1e-12) / np.maximum(overall, 1e-12)
    together: Floats = (logits / temperature + np.log(least)).astype(np.float32)
    return together
