"""Two models on the same labelled images: who is right where the other is wrong, and what that proves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.evaluation.intervals import mcnemar_exact
from evenhand.evaluation.resampling import paired_difference
from evenhand.records.values import Interval, Ints


@dataclass(frozen=True)
class Paired:
    """Two models judged on the same images."""

    n: int
    both_right: int
    only_first: int
    """Images that only the first model names rightly."""
    only_second: int
    both_wrong: int
    p: float
    """McNemar's exact two-sided p: of the images that one model alone gets right, as many should be either's."""
    balanced_accuracy: Interval
    """Balanced accuracy of the first model minus that of the second, with its 95 % interval."""

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        found = asdict(self)
        interval = found.pop("balanced_accuracy")
        return found | {
            "balanced_accuracy_difference": interval["value"],
            "balanced_accuracy_difference_low": interval["low"],
            "balanced_accuracy_difference_high": interval["high"],
        }


def compare_models(
    labels: Ints, first: Ints, second: Ints, n_classes: int, *, seed: int = 0, resamples: int = 2000
) -> Paired:
    """Return what two models' answers to the same images tell of their difference.

    McNemar's test counts images, so common classes dominate it; the difference of the balanced accuracies counts
    classes. Both can differ: a model that gains on a rare class what it loses on a common one has more mistakes and the
    higher balanced accuracy.

    Parameters
    ----------
    labels : (n,) int64
        In 0..K-1.
    first, second : (n,) int64
        The classes that each model names.
    n_classes : int
        K.
    seed, resamples : int
        Of the bootstrap behind the interval, in which images are drawn class by class, both answers to one together.

    Raises
    ------
    ValueError
        When there is no image, or the three are not equally long.
    """
    if not len(labels) or not len(labels) == len(first) == len(second):
        raise ValueError(
            f"Both models must be judged on the same images, at least one: {len(labels)} labels, {len(first)} and "
            f"{len(second)} answers."
        )
    one, other = first == labels, second == labels
    return Paired(
        n=len(labels),
        both_right=int((one & other).sum()),
        only_first=int((one & ~other).sum()),
        only_second=int((~one & other).sum()),
        both_wrong=int((~one & ~other).sum()),
        p=mcnemar_exact(one, other),
        balanced_accuracy=balanced_difference(one, other, labels, n_classes, seed=seed, resamples=resamples),
    )


def balanced_difference(
    first_right: NDArray[np.bool_],
    second_right: NDArray[np.bool_],
    labels: Ints,
    n_classes: int,
    *,
    seed: int,
    resamples: int,
) -> Interval:
    """Return the first model's balanced accuracy minus the second's, with its class-stratified paired bootstrap.

    Parameters
    ----------
    first_right, second_right : (n,) bool
        Whether each model is right about each image.
    labels : (n,) int64
        The number of images a class stays as it is; classes without any do not count.
    n_classes, seed, resamples : int
    """
    present = np.bincount(labels, minlength=n_classes) > 0
    return paired_difference(
        first_right[None], second_right[None], labels, present / present.sum(), seed=seed, resamples=resamples
    )
