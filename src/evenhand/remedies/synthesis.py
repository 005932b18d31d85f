"""Images, or features of images, made from the training part: altered copies, and points between neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evenhand.data.batches import occurrences, uniform
from evenhand.records.values import Floats, Ints, Pixels
from evenhand.remedies.neighbours import Draw, between
from evenhand.remedies.plan import Synthesis

ADDED = 1 << 33
"""Identities of images that a step added, for the step after it; far above any row of a manifest."""
COPY_ROWS = 512
"""Copies altered at once; bounds the memory of the float32 intermediate."""
SMOTE_VALUES = 1_000_000
"""Pixel values interpolated at once; imbalanced-learn needs about 24 bytes for each."""

Labels = TypeVar("Labels", Ints, Floats)


@dataclass(frozen=True)
class _Pool:
    """What one step is made from."""

    pixels: Pixels
    labels: Ints
    identity: Ints
    seed: int
    step: int

    def draw(self, stream: str, index: Ints) -> NDArray[np.float64]:
        return uniform(f"synthesis-{stream}", self.seed, self.step, index)


def synthesise(
    synthesis: Synthesis, pixels: Pixels, labels: Labels, seed: int, *, identity: Ints | None = None
) -> tuple[Pixels, Labels]:
    """Return the added images only, and their labels, class by class.

    A copy depends on the seed and on its source alone: leaving other images out does not change it, if `identity` is
    given. A copy has the label of its source; a SMOTE image has its class.

    Parameters
    ----------
    synthesis : Synthesis
        What to make.
    pixels : (n, height, width, 3) uint8
        Images of the training part, or float32 pictures of features; not changed.
    labels : (n,) int64, or (n, K) float soft labels
        An image with a soft label is used for its most probable class.
    seed : int
        Of the trial.
    identity : (n,) int64, optional
        Of each image, the same whatever else is in the training part; by default its position.

    Returns
    -------
    pixels : (m, height, width, 3) uint8
    labels : (m,) or (m, K), as the labels given
        m is the sum of the counts over all steps, less those of classes without an image.
    """
    identity = np.arange(len(labels), dtype=np.int64) if identity is None else identity
    found_pixels, found_labels = [pixels[:0]], [labels[:0]]
    for number, step in enumerate(synthesis.steps()):
        hard = labels if labels.ndim == 1 else labels.argmax(axis=1)
        pool = _Pool(pixels, hard.astype(np.int64), identity, seed, number)
        made, made_labels = _MAKERS[step.method](step, pool, labels)
        found_pixels.append(made)
        found_labels.append(made_labels)
        if step.then is not None:
            pixels, labels = np.concatenate([pixels, made]), np.concatenate([labels, made_labels])
            identity = np.concatenate([identity, (number + 1) * ADDED + np.arange(len(made), dtype=np.int64)])
    return np.concatenate(found_pixels), np.concatenate(found_labels)


def synthesise_features(synthesis: Synthesis, features: Floats, labels: Labels, seed: int) -> tuple[Floats, Labels]:
    """Return the added features only, and their labels, class by class.

    Parameters
    ----------
    synthesis : Synthesis
        What to make: one step, of a method that needs vectors alone (not copies).
    features : (n, D) float32
        Of the training part.
    labels : (n,) int64, or (n, K) float soft labels
        Features with a soft label are used for their most probable class.
    seed : int
        Of the trial.

    Returns
    -------
    features : (m, D) float32
    labels : (m,) or (m, K), as the labels given
    """
    hard = (labels if labels.ndim == 1 else labels.argmax(axis=1)).astype(np.int64)
    wanted = _wanted(synthesis, hard)
    found = [features[:0].astype(np.float32)]
    for label, count in enumerate(wanted):
        if count:
            found.append(_vectors(synthesis, features, hard, label, count, _drawer(seed, 0)))
    return np.concatenate(found), _named(wanted, labels)


def _vectors(step: Synthesis, points: Any, labels: Ints, label: int, count: int, draw: Draw) -> Floats:
    return between(step.method, points, labels, label, count, dict(step.parameters), draw)


def _drawer(seed: int, step: int) -> Draw:
    return lambda stream, index: uniform(f"synthesis-{stream}", seed, step, index)


def _wanted(step: Synthesis, labels: Ints) -> list[int]:
    """Return how many are to be made of each class; none of a class that is not there."""
    sizes = np.bincount(labels, minlength=len(step.counts))
    return [count if size else 0 for count, size in zip(step.counts, sizes, strict=True)]


def _named(made: list[int], labels: Labels) -> Labels:
    """Return the labels of what was made, of the kind of the labels given."""
    added = np.repeat(np.arange(len(made)), made)
    return added.astype(labels.dtype) if labels.ndim == 1 else np.eye(len(made), dtype=labels.dtype)[added]


def _copies(step: Synthesis, pool: _Pool, labels: Labels) -> tuple[Pixels, Labels]:
    settings = dict(step.parameters)
    rows = _sources(step, pool)
    made = np.empty((len(rows), *pool.pixels.shape[1:]), dtype=pool.pixels.dtype)
    keys = pool.identity[rows] + (occurrences(pool.identity[rows]) << 40)
    for first in range(0, len(rows), COPY_ROWS):
        here = slice(first, first + COPY_ROWS)
        moved = _moved(pool, rows[here], keys[here], crop=settings["crop"], flip=bool(settings["flip"]))
        # Features have no brightness.
        made[here] = _jittered(moved, pool, keys[here], settings["jitter"]) if made.dtype == np.uint8 else moved
    return made, labels[rows]


def _sources(step: Synthesis, pool: _Pool) -> Ints:
    """Return the row each copy is made from: every image as often as fits whole, the rest distinct and random."""
    chosen = [np.empty(0, dtype=np.int64)]
    for label, wanted in enumerate(step.counts):
        members = np.flatnonzero(pool.labels == label)
        if len(members) and wanted:
            times, rest = divmod(wanted, len(members))
            lottery = pool.draw("pick", pool.identity[members])
            chosen += [np.tile(members, times), members[np.argsort(lottery, kind="stable")][:rest]]
    return np.concatenate(chosen).astype(np.int64)


def _moved(pool: _Pool, rows: Ints, keys: Ints, *, crop: float, flip: bool) -> Pixels:
    height, width = pool.pixels.shape[1:3]
    down = _positions(pool.draw("crop-y", keys), height, crop)
    across = _positions(pool.draw("crop-x", keys), width, crop)
    if flip:
        across = np.where((pool.draw("flip", keys) < 0.5)[:, None], across[:, ::-1], across)
    moved: Pixels = pool.pixels[rows[:, None, None], down[:, :, None], across[:, None, :]]
    return moved


def _positions(shift: NDArray[np.float64], side: int, crop: float) -> Ints:
    """Return (n, side) source positions of a shift within the reach of the crop, reflected at the border."""
    reach = min(round(crop * side / 32), side - 1)
    moved = np.abs(np.arange(side) + (np.floor(shift * (2 * reach + 1)) - reach)[:, None]).astype(np.int64)
    reflected: Ints = np.where(moved >= side, 2 * (side - 1) - moved, moved)
    return reflected


def _jittered(images: Pixels, pool: _Pool, keys: Ints, jitter: float) -> Pixels:
    """Return the images with mean, and contrast about it, multiplied by factors from 1 - jitter to 1 + jitter."""
    brightness, contrast = (
        (1 + jitter * (2 * pool.draw(name, keys) - 1)).astype(np.float32)[:, None, None, None]
        for name in ("brightness", "contrast")
    )
    mean = images.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)
    changed = (images - mean) * contrast + mean * brightness
    whole: Pixels = np.rint(changed).clip(0, 255).astype(np.uint8)
    return whole


def _smote(step: Synthesis, pool: _Pool, labels: Labels) -> tuple[Pixels, Labels]:
    neighbours = int(dict(step.parameters)["neighbours"])

    def fill(made: Pixels, label: int) -> None:
        members = pool.pixels[pool.labels == label].reshape(-1, made.shape[1])
        _between(members, made, neighbours, pool, label)

    return _filled(step, pool, labels, fill)


def _guided(step: Synthesis, pool: _Pool, labels: Labels) -> tuple[Pixels, Labels]:
    """Return images as `_smote` does, made where the neighbours of other classes say."""
    points = pool.pixels.reshape(len(pool.pixels), -1)

    def fill(made: Pixels, label: int) -> None:
        made[:] = _like(made, _vectors(step, points, pool.labels, label, len(made), pool.draw))

    return _filled(step, pool, labels, fill)


def _filled(step: Synthesis, pool: _Pool, labels: Labels, fill: Callable[[Pixels, int], None]) -> tuple[Pixels, Labels]:
    """Return what `fill` makes for each class, given its rows of the result as flat pixels, and the labels."""
    wanted = _wanted(step, pool.labels)
    made = np.empty((sum(wanted), *pool.pixels.shape[1:]), dtype=pool.pixels.dtype)
    first = 0
    for label, count in enumerate(wanted):
        if count:
            fill(made[first : first + count].reshape(count, -1), label)
            first += count
    return made, _named(wanted, labels)


def _like(made: Pixels, values: Floats) -> Floats:
    """Return values to be put into an array: pixels are whole numbers, features need not be."""
    return np.rint(values) if made.dtype == np.uint8 else values


def _between(members: Pixels, made: Pixels, neighbours: int, pool: _Pool, label: int) -> None:
    """Fill the rows of `made` with points between the members and their neighbours, from imbalanced-learn's SMOTE."""
    from imblearn.over_sampling import SMOTE

    size, values = members.shape
    if size == 1:  # no neighbour, so no line to lie on: the class still gets its count, as copies
        made[:] = members
        return
    # A second class is compulsory; one blank row serves, and keeps the other classes' pixels out of memory.
    points = np.concatenate([members, np.zeros_like(members[:1])]).astype(np.float32)
    sides = np.r_[np.ones(size, dtype=np.int64), 0]
    together = max(size, SMOTE_VALUES // values)
    for part, first in enumerate(range(0, len(made), together)):
        here = made[first : first + together]
        key = np.array([label + (part << 32)], dtype=np.int64)
        method = SMOTE(
            sampling_strategy={1: size + len(here)},
            k_neighbors=min(neighbours, size - 1),
            random_state=int(pool.draw("smote", key)[0] * 2**32),
        )
        found, _ = method.fit_resample(points, sides)
        here[:] = _like(here, found[size + 1 :])


_MAKERS: dict[str, Callable[[Synthesis, _Pool, Any], tuple[Pixels, Any]]] = {
    "copies": _copies,
    "smote": _smote,
    "borderline": _guided,
    "adasyn": _guided,
}
