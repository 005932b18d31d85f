"""Which classes are mixed up in the labels: the pairs, how many images, and how sure that is."""

import numpy as np
import pytest

from evenhand.auditing.confused import confused_pairs
from evenhand.auditing.labels import LabelModel
from evenhand.records.values import Interval

CLASSES = ("a", "b", "c")


def model(posterior: np.ndarray, *wrong: float) -> LabelModel:
    k, total = posterior.shape[1], Interval(*(wrong or (0, 0, 0)))
    return LabelModel(posterior, np.zeros((k, k)), total, 1.0, np.zeros(k), np.zeros(k, dtype=bool))


def certain(*labels: int) -> np.ndarray:
    return np.eye(3)[list(labels)]


def test_sure_errors_are_counted_by_pair_most_first_and_without_doubt() -> None:
    given = np.array([0, 0, 0, 0, 1, 2])
    found = confused_pairs(model(certain(0, 1, 1, 2, 1, 0)), given, CLASSES)
    assert [(pair.given, pair.true) for pair in found] == [("a", "b"), ("a", "c"), ("c", "a")]
    assert [(pair.estimated, pair.low, pair.high) for pair in found] == [(2, 2, 2), (1, 1, 1), (1, 1, 1)]


def test_doubt_about_single_images_widens_the_interval_and_never_beyond_what_there_is() -> None:
    doubtful = np.tile([0.5, 0.5, 0.0], (4, 1))
    (pair,) = confused_pairs(model(doubtful), np.zeros(4, dtype=np.int64), CLASSES)
    assert pair.estimated == 2.0
    assert pair.low == pytest.approx(0.0, abs=0.1)
    assert pair.high == pytest.approx(4.0, abs=0.1)
    (alone,) = confused_pairs(model(doubtful[:1]), np.zeros(1, dtype=np.int64), CLASSES)
    assert (alone.estimated, alone.low, alone.high) == (0.5, 0.0, 1.0)


def test_doubt_about_the_rates_of_errors_reaches_every_pair() -> None:
    found = confused_pairs(model(certain(*[1] * 6, *[0] * 30, 2, 2), 8, 4, 16), np.array([0] * 36 + [1] * 2), CLASSES)
    assert [(pair.given, pair.true, pair.estimated, pair.low, pair.high) for pair in found] == [
        ("a", "b", 6, 2.5, 12.9),
        ("b", "c", 2, 0, 2),  # there are no more than two images labelled b
    ]


@pytest.mark.parametrize(("share", "named"), [(0.0, False), (0.0002, False), (0.002, True), (0.02, True)])
def test_a_pair_is_named_when_half_an_image_is_estimated_or_one_may_be_there(share: float, named: bool) -> None:
    posterior = np.tile([1 - share, share, 0.0], (200, 1))
    found = confused_pairs(model(posterior), np.zeros(200, dtype=np.int64), CLASSES)
    assert [(pair.given, pair.true) for pair in found] == ([("a", "b")] if named else [])


def test_correct_labels_confuse_nothing() -> None:
    assert confused_pairs(model(certain(0, 1, 2)), np.array([0, 1, 2]), CLASSES) == ()
