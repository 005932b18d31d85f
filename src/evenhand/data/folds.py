"""Folds: stratified by label, groups kept together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evenhand.data.batches import uniform
from evenhand.errors import DataError
from evenhand.records import Ints


def fold_of(labels: Ints, groups: Ints, folds: int, seed: int, classes: Sequence[str] | None = None) -> Ints:
    """Return the fold of each image.

    Groups are dealt out class by class, largest first, each to the fold that has fewest images of its class (then
    fewest images in all); ties and the order of equal groups are drawn from the seed. A group of several classes
    counts for its most common one.

    Parameters
    ----------
    labels : (n,) int64
        Given labels.
    groups : (n,) int64
        Images of one group end up in one fold.
    folds : int
        Number of folds, at least 2.
    seed : int
        Of the draws.
    classes : sequence of str, optional
        Names for the message.

    Returns
    -------
    (n,) int64 in 0..folds-1

    Raises
    ------
    DataError
        When a class has fewer than two groups, so that it cannot be both trained on and judged.
    """
    _, member = np.unique(groups, return_inverse=True)
    count = int(member.max()) + 1 if len(member) else 0
    n_classes = len(classes) if classes else int(labels.max()) + 1 if len(labels) else 0
    table = np.zeros((count, n_classes), dtype=np.int64)
    np.add.at(table, (member, labels), 1)
    main = table.argmax(axis=1)
    total = table.sum(axis=0)
    for label in range(n_classes):
        if (table[:, label] > 0).sum() < 2 and (total[label] or classes):
            name = classes[label] if classes else f"number {label + 1}"
            raise DataError(
                f"The class {name} has {_how_many(int(total[label]))} to train on. Cross-validation needs at least 2 "
                "different images of every class; 10 are a useful start. Add images, or leave the class out with "
                "--classes."
            )
    lottery = uniform("folds", seed, 0, np.arange(count, dtype=np.int64))
    order = np.lexsort((lottery, -table.sum(axis=1), main))
    held = np.zeros((folds, n_classes), dtype=np.int64)
    turn = uniform("fold-order", seed, 0, np.arange(folds, dtype=np.int64)).argsort(kind="stable")
    fold_of_group = np.zeros(count, dtype=np.int64)
    size = np.zeros(folds, dtype=np.int64)
    for group in order:
        label = main[group]
        best = min(turn, key=lambda fold: (held[fold, label], size[fold]))
        fold_of_group[group] = best
        held[best] += table[group]
        size[best] += table[group].sum()
    result: Ints = fold_of_group[member]
    return result


def _how_many(images: int) -> str:
    if images < 2:
        return ("no image", "1 image")[images]
    return f"{images} images, but all of one group (of the same pixels, or of one value in the group column),"
