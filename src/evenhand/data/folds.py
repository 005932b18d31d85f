"""Folds: stratified by label, groups kept together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenhand.data.batches import uniform
from evenhand.errors import DataError
from evenhand.records.values import Ints


def fold_of(labels: Ints, groups: Ints, folds: int, seed: int, classes: Sequence[str] | None = None) -> Ints:
    """Return the fold of each image.

    Groups are dealt out class by class, largest first, each to the fold that has fewest images of its class (then
    fewest images in all); ties and the order of equal groups are drawn from the seed. A group of several classes
    counts for its most common one. Only the order of the images and of the group numbers matters, not their values.

    Parameters
    ----------
    labels : (n,) int64
        Given labels, from 0.
    groups : (n,) int64
        Images of one group end up in one fold.
    folds : int
        Number of folds, at least 2.
    seed : int
        Of the draws.
    classes : sequence of str, optional
        Names of all classes; each of them must then have images.

    Returns
    -------
    (n,) int64 in 0..folds-1

    Raises
    ------
    DataError
        When a class has fewer than two groups, so that it cannot be both trained on and judged.
    """
    n_classes = max(len(classes or ()), int(labels.max(initial=-1)) + 1)
    _, member = np.unique(groups, return_inverse=True)
    count = int(member.max(initial=-1)) + 1
    # Each class of each group with the number of its images: as many rows as there are, not groups times classes.
    pairs, images = np.unique(member * max(1, n_classes) + labels, return_counts=True)
    group, label = np.divmod(pairs, max(1, n_classes))
    _refuse_small(labels, np.bincount(label, minlength=n_classes), classes)
    first = np.searchsorted(group, np.arange(count + 1))
    main = label[np.lexsort((label, -images, group))][first[:-1]]
    lottery = uniform("folds", seed, 0, np.arange(count, dtype=np.int64))
    order = np.lexsort((lottery, -np.bincount(member, minlength=count), main))
    turn = uniform("fold-order", seed, 0, np.arange(folds, dtype=np.int64)).argsort(kind="stable").tolist()
    held = [[0] * n_classes for _ in range(folds)]
    size = [0] * folds
    fold_of_group = np.zeros(count, dtype=np.int64)
    for number in order.tolist():
        own = int(main[number])
        best = min(turn, key=lambda fold: (held[fold][own], size[fold]))
        fold_of_group[number] = best
        for row in range(first[number], first[number + 1]):
            held[best][label[row]] += int(images[row])
            size[best] += int(images[row])
    result: Ints = fold_of_group[member]
    return result


def separated(fold: Ints, labels: Ints, groups: Ints, folds: int, seed: int) -> Ints:
    """Return folds that ignore groups, and otherwise differ from `fold` as little as can be.

    The images of groups change places at random with one another and with a few single images of their class, so every
    class keeps its number of images in each fold. What a comparison of both then shows comes from the groups, as far as
    chance allows, and not from other folds.

    Parameters
    ----------
    fold : (n,) int64
        As `fold_of` deals them.
    labels, groups : (n,) int64
        Given labels, and the groups that `fold` keeps together.
    folds : int
        Number of folds.
    seed : int
        Of the draws.
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    grouped = sizes[member] > 1
    lottery, places = (uniform(stream, seed, 0, np.arange(len(fold))) for stream in ("separate", "separate-places"))
    found = fold.copy()
    for label in np.unique(labels[grouped]):
        mine, single = (np.flatnonzero((labels == label) & which) for which in (grouped, ~grouped))
        # With as many singles a fold, an image of a group is as likely to end up in any fold as in its own.
        partners = single[np.argsort(lottery[single], kind="stable")][: (folds - 1) * len(mine)]
        pool = np.concatenate([mine, partners])
        found[np.sort(pool)] = found[pool[np.argsort(places[pool], kind="stable")]]
    return found


def _refuse_small(labels: Ints, groups: Ints, classes: Sequence[str] | None) -> None:
    """Refuse a class of which one fold would have all there is; `groups` holds the number of groups a class."""
    wanted = np.arange(len(groups)) if classes else np.unique(labels)
    for number in wanted[groups[wanted] < 2].tolist():
        name = classes[number] if classes else f"number {number + 1}"
        which = _said(int((labels == number).sum()))
        raise DataError(
            f"The class {name} has {which} to train on. Cross-validation needs at least 2 different images of every "
            "class; 10 are a useful start. Add images, or leave the class out with --classes."
        )


def _said(total: int) -> str:
    if total < 2:
        return ("no image", "1 image")[total]
    return f"{total} images, but all of one group (of the same pixels, or of one value in the group column),"
