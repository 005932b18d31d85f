import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.evaluation.metrics import evaluate
from evenhand.records.audit import Audit, ConfusedPair, Duplicate, Finding, LabelIssue, OddImage
from evenhand.records.comparison import Curve, RemedyResult
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Interval, canonical_json, digest

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece")


def evaluation(classes: tuple[str, ...] = ("قطة", "b, c", "d")) -> Evaluation:
    labels = np.array([0, 0, 1, 1, 2, 2])
    probabilities = np.full((6, 3), 0.1)
    probabilities[np.arange(6), [0, 1, 1, 1, 2, 0]] = 0.8
    return evaluate(labels, probabilities, classes)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_the_digest_knows_the_value_and_not_the_order(value: dict[str, Any]) -> None:
    turned = dict(reversed(list(value.items())))
    assert canonical_json(value) == canonical_json(turned)
    assert json.loads(canonical_json(value)) == value
    assert digest(value) == digest(turned)
    assert len(digest(value)) == 20
    assert digest(value) != digest(value | {"one more": 1})


def test_what_is_no_number_has_no_digest() -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest({"loss": float("nan")})


def test_an_evaluation_survives_json_and_says_what_the_contract_names() -> None:
    found = evaluation()
    told = json.loads(json.dumps(found.to_json()))
    assert Evaluation.from_json(told) == found
    assert set(told) >= {"n", "classes", "per_class", "confusion"} | {
        f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")
    }
    assert all(told[f"{name}_low"] <= told[name] <= told[f"{name}_high"] for name in FIGURES)
    assert set(told["per_class"]["قطة"]) == {"precision", "recall", "f1", "support", "reading"}
    # Rows are labels, columns predictions, in the order of the classes.
    assert told["classes"] == ["قطة", "b, c", "d"]
    assert told["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]


def test_an_audit_counts_what_the_contract_names() -> None:
    audit = Audit(
        classes=("a", "b"),
        counts={"train": {"a": 3, "b": 2}, "val": {"a": 0, "b": 0}, "test": {"a": 1, "b": 0}},
        findings=(Finding("x.png", "empty", "the file is empty"),),
        duplicates=tuple(
            Duplicate(group, path, "train", "a", False, leaked, kind)
            for group, path, leaked, kind in (
                (1, "p", True, "exact"),
                (1, "q", False, "exact"),
                (2, "r", True, "near"),
                (2, "s", False, "exact"),
                (2, "t", False, "exact"),
            )
        ),
        issues=(LabelIssue("p", "a", "b", 0.9, True), LabelIssue("q", "a", "a", 0.1, False)),
        wrong_labels=Interval(1.5, 0.5, 3.0),
        pairs=(ConfusedPair("a", "b", 1.2, 0.4, 2.0),),
        odd=(OddImage("q", "train", "blank", 2.5),),
    )
    assert (audit.exact_groups, audit.near_groups) == (1, 1)
    assert audit.to_json() == {
        "n": 6,
        "classes": ["a", "b"],
        "counts": audit.counts,
        "unreadable": 1,
        "duplicate_groups": 2,
        "near_duplicate_groups": 1,
        "leaked": 2,
        "odd_images": 1,
        "label_issues": 1,
        "wrong_labels_estimate": {"value": 1.5, "low": 0.5, "high": 3.0},
        "pairs": [{"given": "a", "true": "b", "value": 1.2, "low": 0.4, "high": 2.0}],
        "notes": [],
    }


@pytest.mark.parametrize(
    ("repair", "name"),
    [
        ("none", "smote"),
        ("drop", "smote, suspects left out"),
        ("relabel", "smote, suspects relabelled"),
        ("soft", "smote, suspects softened"),
    ],
)
def test_a_row_is_called_as_people_say_it(repair: str, name: str) -> None:
    nothing = np.zeros((0, 2), dtype=np.float32)
    row = RemedyResult("smote", repair, "simple", evaluation(), nothing, np.zeros(0, np.int64), (1, 1), Curve((), ()))
    assert row.name == name
