from typing import Any

import numpy as np
import pytest

from evenhand.attacks.attacking import attack
from evenhand.attacks.success import accuracy_curve, success_matrix
from evenhand.errors import UsageError

NAMES = ("a", "b", "c", "d")


def test_a_matrix_without_targets_counts_where_attacks_land(trained: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "pgd:steps=20", eps=24 / 255)
    matrix = success_matrix(result, NAMES)
    assert not matrix.aimed
    assert (matrix.tried == 15).all()
    assert matrix.reached.sum() == result.fooled.sum()
    assert (matrix.reached.diagonal() == 0).all()
    rows = matrix.table()
    assert len(rows) == 12
    first = rows[0]
    assert (first["source"], first["target"]) == ("a", "b")
    assert first["share"] == first["reached"] / first["tried"]
    assert first["low"] <= first["share"] <= first["high"]


def test_an_aimed_matrix_has_no_share_where_nothing_was_tried(trained: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "pgd:steps=10", eps=0.1, target=2)
    rows = {(row["source"], row["target"]): row for row in success_matrix(result, NAMES).table()}
    assert rows["a", "b"]["share"] is None
    assert rows["a", "c"]["tried"] == 15


def test_the_curve_falls_from_the_clean_accuracy_to_nothing(trained: Any) -> None:
    labels = trained.labels.clone()
    labels[:6] = (labels[:6] + 1) % 4
    result = attack(trained.network, trained.images, labels, "fmn:steps=40", eps=None)
    curve = accuracy_curve(result)
    assert len(curve.eps) == 20
    assert curve.accuracy[0] == pytest.approx(0.9)
    assert (np.diff(curve.accuracy) <= 0).all()
    assert curve.accuracy[-1] == 0
    assert np.allclose(np.diff(curve.eps[:-1], 2), 0, atol=1e-9)
    assert curve.eps[-1] == result.size[result.attempted].max()
    assert ((curve.low <= curve.accuracy) & (curve.accuracy <= curve.high)).all()
    at = accuracy_curve(result, [16 / 255, 0])
    assert at.eps.tolist() == [0, pytest.approx(16 / 255)]
    assert at.accuracy[1] == ((result.size > 16 / 255) & result.clean_right).mean()
    assert list(at.table()[0]) == ["eps", "accuracy", "low", "high"]


def test_a_curve_needs_the_smallest_noise(trained: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "fgsm", eps=0.1)
    with pytest.raises(UsageError, match="smallest noise"):
        accuracy_curve(result)
