"""Points between a point and its neighbours of the same class: SMOTE, Borderline-SMOTE and ADASYN on any vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.records.values import Floats, Ints

QUERIES, POINTS = 256, 4096
"""Vectors compared at once; bounds the memory of the search."""

Draw = Callable[[str, Ints], NDArray[np.float64]]
"""From the name of a stream and numbers to values in [0, 1)."""
Vectors = NDArray[Any]
"""(n, D) of any number type."""


def nearest(queries: Vectors, points: Vectors, k: int, *, own: Ints | None = None) -> Ints:
    """Return (q, k) which of the points are nearest to each query, by Euclidean distance, the nearest first.

    Parameters
    ----------
    queries : (q, D)
    points : (n, D)
    k : int
        At most n, or n - 1 with `own`.
    own : (q,) int64, optional
        The point that each query is, which is not its own neighbour.
    """
    found = np.empty((len(queries), k), dtype=np.int64)
    lengths = np.concatenate([_lengths(points[first : first + POINTS]) for first in range(0, len(points), POINTS)])
    for first in range(0, len(queries), QUERIES):
        here = queries[first : first + QUERIES].astype(np.float32)
        # |a - b|^2 without |a|^2, which is the same for all points.
        apart = np.empty((len(here), len(points)), dtype=np.float32)
        for start in range(0, len(points), POINTS):
            part = slice(start, start + POINTS)
            apart[:, part] = lengths[part] - 2 * (here @ points[part].astype(np.float32).T)
        if own is not None:
            apart[np.arange(len(here)), own[first : first + QUERIES]] = np.inf
        close = np.argpartition(apart, k - 1, axis=1)[:, :k]
        order = np.lexsort((close, np.take_along_axis(apart, close, axis=1)), axis=1)
        found[first : first + QUERIES] = np.take_along_axis(close, order, axis=1)
    return found


def _lengths(points: Vectors) -> Floats:
    wide = points.astype(np.float32)
    return np.asarray(np.einsum("nd,nd->n", wide, wide))


def strangers(points: Vectors, labels: Ints, members: Ints, k: int) -> NDArray[np.float64]:
    """Return which share of the k nearest points of each member, of whatever class, is of another class than it is.

    Parameters
    ----------
    points : (n, D)
    labels : (n,) int64
    members : (m,) int64
        Of one class.
    k : int
        Fewer where there are fewer points.
    """
    k = min(k, len(points) - 1)
    if k < 1:
        return np.zeros(len(members))
    close = nearest(points[members], points, k, own=members)
    return np.asarray((labels[close] != labels[members][:, None]).mean(axis=1))


def starts(method: str, points: Vectors, labels: Ints, members: Ints, count: int, settings: dict[str, float]) -> Ints:
    """Return how many new points start from each member: (m,) int64, or nothing where chance alone decides.

    ``borderline``: an equal chance for the members in danger, of whose neighbours at least half but not all are
    strangers. ``adasyn``: a number that goes with the share of strangers, rounded so that they sum to `count`.

    Returns
    -------
    (count,) int64
        Positions among the members; empty where all members have an equal chance.
    """
    if method == "borderline":
        share = strangers(points, labels, members, int(settings["watched"]))
        return np.flatnonzero((share >= 0.5) & (share < 1))
    share = strangers(points, labels, members, int(settings["neighbours"]))
    if share.sum() == 0:
        return np.empty(0, dtype=np.int64)
    exact = share / share.sum() * count
    whole = np.floor(exact).astype(np.int64)
    rest = count - whole.sum()
    whole[np.argsort(whole - exact, kind="stable")[:rest]] += 1
    return np.repeat(np.arange(len(members)), whole)


def between(
    method: str, points: Vectors, labels: Ints, label: int, count: int, settings: dict[str, float], draw: Draw
) -> Floats:
    """Return (count, D) float32 points x + u (x_nn - x) of one class, u uniform, x_nn one of its nearest neighbours.

    Parameters
    ----------
    method : str
        smote, borderline or adasyn: where the points start from, see `starts`.
    points : (n, D)
        Of all classes.
    labels : (n,) int64
    label : int
        The class; it has at least one point. A class of one point gets copies of it.
    count : int
        At least 1.
    settings : dict
        ``neighbours`` of the same class, and what `starts` needs.
    draw : callable
        Decides where chance does, as a function of class and number.
    """
    members = np.flatnonzero(labels == label)
    own = points[members].astype(np.float32)
    if len(members) == 1:
        return np.repeat(own, count, axis=0)
    number = np.arange(count, dtype=np.int64) + (label << 32)
    pool = (
        np.empty(0, dtype=np.int64) if method == "smote" else starts(method, points, labels, members, count, settings)
    )
    if method != "adasyn" or not len(pool):
        pool = pool if len(pool) else np.arange(len(members))
        pool = pool[np.floor(draw("start", number) * len(pool)).astype(np.int64)]
    k = min(int(settings["neighbours"]), len(members) - 1)
    used, place = np.unique(pool, return_inverse=True)
    close = nearest(own[used], own, k, own=used)
    end = close[place, np.floor(draw("neighbour", number) * k).astype(np.int64)]
    share = draw("share", number).astype(np.float32)[:, None]
    return np.asarray(own[pool] + share * (own[end] - own[pool]), dtype=np.float32)
