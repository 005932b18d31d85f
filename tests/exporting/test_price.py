import json

import numpy as np
import pytest

from evenhand.exporting.price import price


def rows(labels: list[int]) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[labels]


def test_the_price_is_told_class_by_class() -> None:
    labels = np.repeat([0, 1, 2], [40, 40, 1])
    before = labels.copy()
    before[:4] = 1
    after = before.copy()
    after[40:60] = 2  # half of the second class is lost
    after[0] = 0  # and one of the first is won
    words = {"sizes": (4000, 1000), "calibrated_on": "training images"}
    found = price(labels, rows(before.tolist()), rows(after.tolist()), ["a", "b", "c"], **words)  # type: ignore[arg-type]
    assert (found.n, found.other_class) == (81, 21)
    first, second, third = found.per_class
    assert (first.before.value, first.after.value) == (0.9, 0.925)
    assert second.difference.value == -0.5
    assert second.difference.high < 0
    assert (third.support, third.difference.value) == (1, 0)
    assert "b pays most: its recall falls from 1.000 to 0.500" in found.sentences()[1]
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert list(told["per_class"]) == ["a", "b", "c"]
    assert told["per_class"]["b"]["difference"]["value"] == -0.5


def test_where_nothing_changes_that_is_said() -> None:
    labels = np.repeat([0, 1, 2], 5)
    same = rows(labels.tolist())
    found = price(labels, same, same, ["a", "b", "c"], sizes=(4, 1), calibrated_on="x")
    assert found.other_class == 0
    assert found.sentences()[1].startswith("No class is known to lose recall")
    assert found.largest == pytest.approx(0)
