"""What is wrong with the data, in sentences."""

from dataclasses import replace
from types import ModuleType

import pytest
from markupsafe import Markup

from evenhand.records.audit import Audit, ConfusedPair, Duplicate, Finding, LabelIssue, OddImage
from evenhand.records.values import Interval
from evenhand.reporting.faults import (
    fault_sentences,
    imbalance,
    label_sentences,
    odd_sentence,
    times,
    wrong_labels_found,
    wrong_labels_unknown,
)


def audit(**changes: object) -> Audit:
    """Return an audit without any fault."""
    clean = Audit(
        classes=("a", "b"),
        counts={"train": {"a": 100, "b": 90}, "val": {"a": 0, "b": 0}, "test": {"a": 10, "b": 10}},
        findings=(),
        duplicates=(),
        issues=(),
        wrong_labels=Interval(0.2, 0.0, 3.0),
    )
    return replace(clean, **changes)  # type: ignore[arg-type]


def counts(**train: int) -> dict[str, dict[str, int]]:
    return {"train": train, "val": dict.fromkeys(train, 0), "test": dict.fromkeys(train, 0)}


def text(sentences: list[Markup]) -> list[str]:
    return [sentence.striptags().replace("\u00a0", " ") for sentence in sentences]


def test_data_without_a_fault() -> None:
    assert text(fault_sentences(audit())) == [
        "The classes are about equally large.",
        "Few training labels or none are wrong: the estimate is 0 of 190 (95 % interval 0 to 3). "
        "No images are named as suspects.",
    ]


def test_lopsided_counts_are_told_with_their_ratio() -> None:
    found = text(fault_sentences(audit(counts=counts(Cars=4949, Trucks=449, Cats=227))))
    assert found[0] == (
        "The classes are lopsided: 4,949 training images of Cars, but only 227 of Cats, a ratio of 22 to 1."
    )


def test_a_class_without_training_images_is_named_and_does_not_divide_by_zero() -> None:
    empty = audit(counts=counts(a=10, b=0, c=5))
    assert imbalance(empty) == ("a", "c", 2.0)
    assert "No training image at all: b." in text(fault_sentences(empty))
    assert imbalance(audit(counts=counts(a=10))) is None
    assert imbalance(audit(counts=counts(a=0, b=0))) is None


def test_wrong_labels_are_told_with_interval_suspects_and_kind() -> None:
    flagged = tuple(LabelIssue(f"{number}.png", "Cars", "Cats", 0.9, True) for number in range(431))
    found = text(
        label_sentences(
            audit(
                counts=counts(Cars=4949, Trucks=449, Cats=227),
                wrong_labels=Interval(458, 420, 493),
                issues=flagged,
                pairs=(
                    ConfusedPair("Cars", "Cats", 450.0, 0, 500),
                    ConfusedPair("Trucks", "Cars", 47.7, 0, 500),
                    ConfusedPair("Trucks", "Cats", 44.0, 0, 500),
                    ConfusedPair("Cats", "Trucks", 0.2, 0, 500),
                ),
            )
        )
    )
    assert found == [
        "About 458 of 5,625 training labels are wrong (95 % interval 420 to 493). 431 images are named as suspects.",
        "Most of them are Cats filed as Cars (about 450) and Cars filed as Trucks (about 48).",
    ]


def test_an_estimate_that_says_nothing_is_said_to_say_nothing() -> None:
    vague = audit(wrong_labels=Interval(4, 0, 130))
    assert wrong_labels_unknown(vague)
    assert text(label_sentences(vague))[0].startswith(
        "How many training labels are wrong cannot be told: the estimate is 4 of 190 (95 % interval 0 to 130)."
    )
    assert not wrong_labels_unknown(audit())


def test_labels_that_were_not_checked_are_said_to_be_so() -> None:
    unchecked = audit(wrong_labels=None)
    assert text(label_sentences(unchecked)) == ["The labels were not checked."]
    assert not wrong_labels_found(unchecked)


def member(group: int, label: str, *, conflict: bool = False, leaked: bool = False, kind: str = "exact") -> Duplicate:
    return Duplicate(group, f"{label}{group}.png", "train", label, conflict, leaked, kind)


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ([member(1, "a"), member(1, "a")], ["One group of images has exactly the same pixels."]),
        (
            [member(1, "a", conflict=True), member(1, "b", conflict=True)],
            ["One group of images has exactly the same pixels, but labels that contradict each other."],
        ),
        (
            [member(1, "a", conflict=True), member(1, "b", conflict=True), member(2, "a", leaked=True), member(2, "a")],
            [
                "Two groups of images have exactly the same pixels, one of them with labels that contradict each "
                "other.",
                "One copy of test images lies among the other images; trained on, they would flatter the test.",
            ],
        ),
        (
            [member(1, "a", kind="near"), member(1, "a", kind="near")],
            ["One group of images shows the same picture with other pixels."],
        ),
        (
            [member(1, "a"), member(1, "a"), member(2, "a", kind="near"), member(3, "b"), member(3, "b", kind="near")],
            [
                "One group of images has exactly the same pixels and two more show the same picture with other pixels.",
            ],
        ),
    ],
)
def test_copies(copies: list[Duplicate], expected: list[str]) -> None:
    assert text(fault_sentences(audit(duplicates=tuple(copies))))[2:] == expected


def test_odd_images_are_counted_by_reason() -> None:
    odd = [OddImage("x", "train", reason, 2.0) for reason in ("blurred", "blank", "blurred")]
    assert text(fault_sentences(audit(odd=tuple(odd))))[-1] == (
        "Three images are unlike the others: 2 blurred and 1 blank."
    )
    assert text([odd_sentence(audit(odd=tuple(odd[:1])))]) == ["One image is unlike the others: 1 blurred."]


def test_files_are_counted_by_kind() -> None:
    files = [Finding("x", kind, "") for kind in ("empty", "truncated", "empty", "duplicate_name")]
    assert text(fault_sentences(audit(findings=tuple(files))))[-1] == (
        "Four files could not be taken as they are: 2 empty, 1 truncated and 1 duplicate name."
    )
    assert text(fault_sentences(audit(findings=tuple(files[:1]))))[-1] == (
        "One file could not be taken as it is: 1 empty."
    )


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, "1"), (1.84, "1.8"), (21.8, "22"), (5000.0, "5,000")])
def test_ratios(ratio: float, expected: str) -> None:
    assert times(ratio) == expected


def test_names_are_escaped_and_isolated(made_up: ModuleType) -> None:
    found = fault_sentences(audit(counts=counts(**{"<script>": 100, "قطة": 10})))
    assert "<bdi>&lt;script&gt;</bdi>" in found[0]
    assert "<bdi>قطة</bdi>" in found[0]
