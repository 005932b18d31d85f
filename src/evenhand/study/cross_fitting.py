"""Parameters of a remedy that are chosen on out-of-fold predictions: for each fold on those of the other folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evenhand.records.values import Ints

Figure = Callable[[int, Ints, Ints], float]
"""From a fold to be left out, positions among the training images and their predicted classes, to how good they are."""


def cross_fitted(
    texts: Sequence[str], predicted: Mapping[tuple[str, int, int], tuple[Ints, Ints]], figure: Figure, whole: int
) -> dict[int, str]:
    """Return for each fold the text whose predictions of the other folds are best, and under `whole` the best of all.

    So no fold has a say in what it is judged with. Where nothing tells the texts apart, as with a single fold, it is
    the first of them.

    Parameters
    ----------
    texts : sequence of str
        Remedies that differ in the parameter to be chosen, the usual value first.
    predicted : mapping
        From (text, seed, fold) to the positions of the fold's images and the classes predicted for them.
    figure : callable
        The larger the better; it must not use the labels of the fold that it is told to leave out.
    whole : int
        Stands for leaving no fold out.
    """
    seeds = sorted({seed for _, seed, _ in predicted})
    folds = sorted({fold for _, _, fold in predicted})
    chosen = {}
    for scope in (*folds, whole):
        others = [fold for fold in folds if fold != scope]
        figures = [
            float(np.mean([_pooled(predicted, text, seed, others, figure, scope) for seed in seeds])) if others else 0.0
            for text in texts
        ]
        # Rounded, so that equals are equal: which of them comes first must not hang on the last bit.
        chosen[scope] = texts[int(np.argmax(np.round(figures, 12)))]
    return chosen


def _pooled(
    predicted: Mapping[tuple[str, int, int], tuple[Ints, Ints]],
    text: str,
    seed: int,
    folds: Sequence[int],
    figure: Figure,
    scope: int,
) -> float:
    parts = [predicted[text, seed, fold] for fold in folds]
    return figure(scope, np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
