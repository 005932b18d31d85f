"""Which classes are mixed up in the labels: for each pair of them, how many images, with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.labels import LabelModel
from evenhand.records.audit import ConfusedPair
from evenhand.records.values import Interval, Ints

Doubles = NDArray[np.float64]

LEAST = 0.5
"""Estimated images from which a pair is worth naming: half an image rounds to one."""
PERHAPS = 1.0
"""Upper end of the interval from which it is named too, although less is estimated: there may be one such image."""
TRACE = 0.1
"""Estimated images below which the interval is not even asked for."""
_Z = 1.96


def confused_pairs(model: LabelModel, given: Ints, classes: Sequence[str]) -> tuple[ConfusedPair, ...]:
    """Return the pairs of classes that are mixed up in the labels, those of most images first.

    Named are the pairs of which at least half an image is estimated, and those whose interval reaches one image.

    Parameters
    ----------
    model : LabelModel
        What is believed about the true labels. Its posterior decides how many images are estimated, so images that
        somebody has settled count as they were settled.
    given : (n,) int64
        Labels that the model was told, in 0..K-1.
    classes : sequence of str
        Names of the K classes.
    """
    expected = np.zeros((len(classes), len(classes)))
    np.add.at(expected, given, model.posterior)
    np.fill_diagonal(expected, 0)
    found = []
    for label, true in np.argwhere(expected >= TRACE):
        value = float(expected[label, true])
        interval = _interval(model, given, int(label), int(true), value)
        if value >= LEAST or interval.high >= PERHAPS:
            ends = (round(max(0.0, end), 1) for end in (interval.value, interval.low, interval.high))
            found.append(ConfusedPair(classes[label], classes[true], *ends))
    return tuple(sorted(found, key=lambda pair: -pair.estimated))


def _interval(model: LabelModel, given: Ints, label: int, true: int, value: float) -> Interval:
    """Return the estimate with its 95 % interval, which reaches as far as the wider of two doubts.

    One is which of the images are wrong, given the rates of errors; the other is the rates themselves, of which the
    interval of all wrong labels tells. Of that a pair gets the share that its estimate has in the square, as if the
    pairs erred independently; where they err together it is less.
    """
    doubt: Doubles = model.posterior[given == label, true]
    reach = _Z * float(np.sqrt((doubt * (1 - doubt)).sum()))
    low, high = value - reach, value + reach
    if model.wrong.value > 0:
        share = float(np.sqrt(value / model.wrong.value))
        low = min(low, value - share * (model.wrong.value - model.wrong.low))
        high = max(high, value + share * (model.wrong.high - model.wrong.value))
    return Interval(value, low, min(high, float(len(doubt))))
