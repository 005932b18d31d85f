"""Parts of the training images: nested, of the same shares of every class, and never parting a group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenhand.data.batches import uniform
from evenhand.records.values import Ints

Mask = NDArray[np.bool_]


def nested_part(
    labels: Ints, groups: Ints, folds: Ints, among: Mask, share: float, seed: int, *, only: int | None = None
) -> Mask:
    """Return which of some images belong to a part of them.

    The groups of a class are put in an order that goes through the folds evenly and is otherwise drawn from the seed;
    a part takes them from its beginning, so that a smaller part lies within a larger one. A group counts for its most
    common class. Each class keeps at least one group.

    Parameters
    ----------
    labels, groups, folds : (n,) int64
        Of all images.
    among : (n,) bool
        The images that a part is taken of.
    share : float in (0, 1]
        Of the images of each class, as near as whole groups allow.
    seed : int
        Of the order.
    only : int, optional
        The class that is reduced; all others are kept whole. Without it, all are reduced.

    Returns
    -------
    (n,) bool
        False wherever `among` is.
    """
    kept = np.zeros(len(labels), dtype=bool)
    here = np.flatnonzero(among)
    if not len(here):
        return kept
    first, member, images = _groups(groups[here])
    main = _main_classes(member, labels[here], len(first))
    # By its first image among all, a group draws the same lot whatever else it is looked at with.
    place = here[first]
    lot = uniform("part", seed, 0, place)
    taken = np.ones(len(first), dtype=bool)
    for label in np.unique(main).tolist():
        if only is not None and label != only:
            continue
        mine = np.flatnonzero(main == label)
        order = mine[_evenly(folds[place[mine]], lot[mine])]
        total = np.cumsum(images[order])
        number = 1 + int(np.argmin(np.abs(total - share * total[-1])))
        taken[order[number:]] = False
    kept[here] = taken[member]
    return kept


def _groups(groups: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the first image of each group, the group of each image, and the number of images of each group."""
    _, first, member, images = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    return first, member, images


def _main_classes(member: Ints, labels: Ints, count: int) -> Ints:
    """Return the most common class of each group; of equally common ones the first."""
    classes = int(labels.max()) + 1
    pairs, images = np.unique(member * classes + labels, return_counts=True)
    group, label = np.divmod(pairs, classes)
    order = np.lexsort((label, -images, group))
    main: Ints = label[order][np.searchsorted(group, np.arange(count))]
    return main


def _evenly(folds: Ints, lot: NDArray[np.float64]) -> Ints:
    """Return an order that takes from every fold in proportion to what it has, within a fold by lot."""
    turn = np.zeros(len(folds))
    for fold in np.unique(folds).tolist():
        mine = np.flatnonzero(folds == fold)
        turn[mine[np.argsort(lot[mine], kind="stable")]] = (np.arange(len(mine)) + 0.5) / len(mine)
    order: Ints = np.lexsort((lot, turn))
    return order
