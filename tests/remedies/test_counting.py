from __future__ import annotations

import numpy as np
import pytest

from evenhand.errors import DataError
from evenhand.remedies.counting import at_least_one, class_counts, expected_counts, missing, trained_counts, whole
from evenhand.remedies.plan import Draw, Loss, Plan, Stage, Synthesis

LABELS = np.array([0, 0, 0, 0, 1, 1, 2])


def test_labels_are_counted_and_a_missing_class_is_zero():
    assert class_counts(LABELS, 4).tolist() == [4, 2, 1, 0]


def test_soft_labels_count_by_column_sums():
    soft = np.array([[0.5, 0.5, 0.0], [0.25, 0.0, 0.75]], dtype=np.float32)
    assert class_counts(soft, 3).tolist() == [0.75, 0.5, 0.75]


def test_no_label_at_all_is_a_data_error():
    with pytest.raises(DataError, match="no training image"):
        class_counts(np.empty(0, dtype=np.int64), 3)


@pytest.mark.parametrize(
    "labels",
    [np.array([0, 3]), np.array([-1, 0]), np.full((2, 2), 0.5), np.full((2, 3), 0.5), np.array([[2.0, -1.0, 0.0]])],
)
def test_labels_outside_the_classes_are_refused(labels: np.ndarray):
    with pytest.raises(ValueError, match="labels must be"):
        class_counts(labels, 3)


def test_fractions_round_to_whole_images_but_never_to_none():
    assert whole(np.array([2.6, 0.2, 0.0])).tolist() == [3, 1, 0]
    assert at_least_one(np.array([2.6, 0.2, 0.0])).tolist() == [2.6, 1, 1]


def test_a_plain_epoch_holds_every_image_once():
    assert trained_counts(Plan(), LABELS, 3) == (4, 2, 1)
    assert trained_counts(Plan(loss=Loss(logit_offsets=(0.0, 1.0, 2.0))), LABELS, 3) == (4, 2, 1)


def test_added_images_count():
    chain = Synthesis("smote", (0, 2, 3), then=Synthesis("copies", (4, 4, 4)))
    assert trained_counts(Plan(synthesis=chain), LABELS, 3) == (8, 8, 8)


def test_draws_by_count_skip_classes_without_images():
    assert trained_counts(Plan(draw=Draw("counts", (5.0, 5.0, 5.0, 5.0), 15)), LABELS, 4) == (5, 5, 5, 0)


def test_weighted_draws_are_expectations():
    # Weights 1, 2 and 4 an image on 4, 2 and 1 images: a third of the draws each.
    plan = Plan(draw=Draw("weighted", (1.0, 2.0, 4.0), 10))
    assert expected_counts(plan, LABELS, 3) == pytest.approx([10 / 3] * 3)
    assert trained_counts(plan, LABELS, 3) == (3, 3, 3)


def test_weighted_draws_see_the_added_images():
    plan = Plan(synthesis=Synthesis("copies", (0, 2, 0)), draw=Draw("weighted", (1.0, 1.0, 1.0), 18))
    assert trained_counts(plan, LABELS, 3) == (8, 8, 2)


def test_draws_that_change_late_count_by_their_share_of_the_training():
    # Four fifths plain, 4, 2 and 1; one fifth of 7 draws, a third each.
    late = Draw("weighted", (0.5, 1.0, 2.0), 7)
    plan = Plan(stages=(Stage(0.8, draw=late),))
    assert expected_counts(plan, LABELS, 3) == pytest.approx([3.2 + 7 / 15, 1.6 + 7 / 15, 0.8 + 7 / 15])
    assert trained_counts(Plan(stages=(Stage(0.8, class_weights=(1.0, 1.0, 1.0)),)), LABELS, 3) == (4, 2, 1)


def test_what_classes_lack_of_the_largest():
    assert missing(np.array([4.6, 2.0, 0.2, 0.0])) == (0, 3, 4, 0)
