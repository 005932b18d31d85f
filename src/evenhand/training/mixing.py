"""Images mixed in pairs: partner, part and place as functions of (seed, epoch, image), applied to whole batches."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evenhand.data.batches import occurrences, uniform
from evenhand.records.values import Ints
from evenhand.remedies.plan import Mixing

Doubles = NDArray[np.float64]


class Mixer:
    """The partners of the images of one epoch, and what becomes of each pair.

    Parameters
    ----------
    mixing : Mixing
        What the plan asks for.
    order : (n,) int64
        Positions in the training set of the images of the epoch.
    targets : (N, K) float64
        Label rows of the training set.
    identity : (N,) int64
        Of each image of the training set.
    size : tuple of int
        Height and width of the images.
    seed, epoch : int
        Of the trial and the epoch.
    """

    def __init__(
        self,
        mixing: Mixing,
        order: Ints,
        targets: Doubles,
        identity: Ints,
        size: tuple[int, int],
        *,
        seed: int,
        epoch: int,
    ) -> None:
        own = identity[order] + (occurrences(identity[order]) << 40)
        labels = targets.argmax(axis=1)

        def draw(stream: str, index: Ints = own) -> Doubles:
            return uniform(f"mixing-{stream}", seed, epoch, index)

        if mixing.partners is None:
            self.partners: Ints = order[_next_on_ring(draw("ring"), draw("partner"))]
        else:
            ring = draw("ring", identity)
            self.partners = _weighted(mixing.partners, labels, ring, draw("class"), draw("partner"))
        part = symmetric_beta(mixing.alpha, draw("lambda-1"), draw("lambda-2"), draw("lambda-3"))
        part = np.where(draw("chance") < mixing.chance, part, 1.0)
        self._patch = mixing.method == "patch"
        if self._patch:
            self._box = patches(part, draw("down"), draw("across"), size)
            top, bottom, left, right = self._box
            part = 1 - (bottom - top) * (right - left) / (size[0] * size[1])
        self.part = part.astype(np.float32)
        """(n,) how much of each image is its own, lambda."""
        self.label_part = label_parts(mixing, part, labels[order], labels[self.partners]).astype(np.float32)
        """(n,) how much of its label is its own."""

    def images(self, own: Tensor, partners: Tensor, first: int) -> Tensor:
        """Return the mixed images number `first` and following of the epoch; `own` may be changed.

        Parameters
        ----------
        own, partners : (n, 3, height, width) float32
        first : int
            Position in the epoch.
        """
        here = slice(first, first + len(own))
        if not self._patch:
            part = torch.from_numpy(1 - self.part[here]).to(own.device)
            return own.lerp_(partners, part[:, None, None, None])
        top, bottom, left, right = torch.from_numpy(self._box[:, here]).to(own.device)[..., None]
        down, across = (torch.arange(side, device=own.device)[None] for side in own.shape[2:])
        inside = ((down >= top) & (down < bottom))[:, :, None] & ((across >= left) & (across < right))[:, None, :]
        return torch.where(inside[:, None], partners, own)

    def labels(self, own: Tensor, partners: Tensor, first: int) -> Tensor:
        """Return the mixed (n, K) label rows of the images number `first` and following of the epoch."""
        part = torch.from_numpy(self.label_part[first : first + len(own)]).to(own.device)[:, None]
        return own * part + partners * (1 - part)


def _next_on_ring(ring: Doubles, place: Doubles) -> Ints:
    """Return for each place in [0, 1) which of the points on a ring comes next.

    Chosen so, a partner stays the same when other images join or leave the training set.
    """
    order = np.argsort(ring, kind="stable")
    found: Ints = order[np.searchsorted(ring[order], place, side="right") % len(ring)]
    return found


def _weighted(weights: tuple[float, ...], labels: Ints, ring: Doubles, kind: Doubles, place: Doubles) -> Ints:
    """Return partners from the training set, one of class k with a weight of ``weights[k]``."""
    edges = np.cumsum(np.bincount(labels, minlength=len(weights)) * np.asarray(weights))
    classes = np.searchsorted(edges, kind * edges[-1], side="right")
    found = np.zeros(len(place), dtype=np.int64)
    for label in np.unique(classes):
        members, here = np.flatnonzero(labels == label), classes == label
        found[here] = members[_next_on_ring(ring[members], place[here])]
    return found


def symmetric_beta(alpha: float, first: Doubles, second: Doubles, third: Doubles) -> Doubles:
    """Return numbers of the distribution Beta(alpha, alpha) from three uniform ones each.

    Devroye (1996), Random variate generation in one line of code: a ratio as that of Student's t distribution.

    Parameters
    ----------
    alpha : float
        Positive.
    first, second, third : (n,) float64 in [0, 1)
        Independent.
    """
    # u^(-1/alpha) - 1 with u = 1 - first in (0, 1]; e^700 is near the largest number there is.
    spread = np.expm1(np.minimum(-np.log1p(-first) / alpha, 700)) * np.cos(2 * np.pi * second) ** 2
    away = np.sqrt(spread / (1 + spread))
    return np.asarray(0.5 + np.where(third < 0.5, -0.5, 0.5) * away)


def patches(part: Doubles, down: Doubles, across: Doubles, size: tuple[int, int]) -> Ints:
    """Return (4, n) top, bottom, left, right of rectangles of 1 - `part` of the image around a random place.

    Cut off at the border, as by Yun et al. (2019, section 3.1); bottom and right are the first pixels outside.

    Parameters
    ----------
    part : (n,) float64 in [0, 1]
        What is left of the image where the rectangle lies wholly inside.
    down, across : (n,) float64 in [0, 1)
        Where the middle is.
    size : tuple of int
        Height and width.
    """
    edges = []
    for place, side in ((down, size[0]), (across, size[1])):
        middle, half = np.floor(place * side), np.floor(side * np.sqrt(1 - part)) / 2
        edges += [np.floor(middle - half + 0.5), np.floor(middle + half + 0.5)]
    sides = np.array([[size[0]], [size[0]], [size[1]], [size[1]]])
    return np.asarray(np.clip(np.stack(edges), 0, sides), dtype=np.int64)


def label_parts(mixing: Mixing, part: Doubles, own: Ints, partners: Ints) -> Doubles:
    """Return how much of each mixed label is the image's own: `part`, unless the rarer class gets all of it.

    Chou et al. (2020), eq. 8.

    Parameters
    ----------
    mixing : Mixing
        With `shares`, its `kappa` and `tau` count.
    part : (n,) float64
        How much of each image is its own.
    own, partners : (n,) int64
        Classes.
    """
    if mixing.shares is None:
        return part
    shares = np.asarray(mixing.shares)
    ratio = shares[own] / shares[partners]
    to_partner = (ratio >= mixing.kappa) & (part < mixing.tau)
    to_own = (ratio <= 1 / mixing.kappa) & (1 - part < mixing.tau)
    return np.where(to_partner & (own != partners), 0.0, np.where(to_own & (own != partners), 1.0, part))
