import numpy as np
import pytest

from evenhand.auditing.labels import LabelModel
from evenhand.auditing.repair import REPAIRS, repair
from evenhand.errors import UsageError
from evenhand.records.values import Interval

GIVEN = np.array([0, 0, 0, 1, 2])
POSTERIOR = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.4, 0.35, 0.25], [0.0, 1.0, 0.0], [0.0, 0.45, 0.55]])


def model() -> LabelModel:
    return LabelModel(POSTERIOR, np.eye(3), Interval(1, 0, 2), 1.0, np.zeros(3), np.zeros(3, dtype=bool))


def test_drop_leaves_out_suspects_and_changes_no_label() -> None:
    keep, labels = repair("drop", model(), GIVEN, 0.5)
    assert keep.tolist() == [True, False, False, True, True]
    assert labels is GIVEN


def test_relabel_changes_clear_suspects_and_leaves_out_unclear_ones() -> None:
    keep, labels = repair("relabel", model(), GIVEN, 0.5)
    assert keep.tolist() == [True, True, False, True, True]
    assert labels[keep].tolist() == [0, 1, 1, 2]


def test_soft_gives_suspects_their_posterior() -> None:
    keep, labels = repair("soft", model(), GIVEN, 0.5)
    assert keep.all()
    np.testing.assert_allclose(labels[[0, 1, 3]], [[1, 0, 0], [0.2, 0.8, 0], [0, 1, 0]])


def test_trust_is_the_suspicion_from_which_a_label_is_acted_on() -> None:
    assert repair("drop", model(), GIVEN, 0.7)[0].tolist() == [True, False, True, True, True]
    assert repair("drop", model(), GIVEN, 0.9)[0].all()


@pytest.mark.parametrize("method", sorted(REPAIRS))
def test_no_class_is_lost(method: str) -> None:
    certain = LabelModel(
        np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]), np.eye(2), Interval(1, 0, 2), 1, np.zeros(2), np.zeros(2, bool)
    )
    keep, labels = repair(method, certain, np.array([0, 1, 1]), 0.5)
    present = labels[keep] if labels.ndim == 1 else labels[keep].argmax(axis=1)
    assert keep.any()
    assert 1 in present
    if method == "drop":
        assert set(present) == {0, 1}


def test_unknown_repair_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="relabel"):
        repair("relable", model(), GIVEN, 0.5)
