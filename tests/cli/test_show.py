"""What an audit says on the terminal."""

import pytest

from evenhand.cli.show import audit_lines, paired_lines
from evenhand.evaluation.paired import Paired
from evenhand.records.audit import Audit, Duplicate, OddImage
from evenhand.records.values import Interval


def test_copies_and_odd_images_are_told() -> None:
    kinds = [(1, "exact"), (1, "exact"), (2, "near"), (2, "near"), (3, "near"), (3, "near")]
    audit = Audit(
        classes=("a", "b"),
        counts={split: {"a": 5, "b": 5} for split in ("train", "val", "test")},
        findings=(),
        duplicates=tuple(
            Duplicate(group, f"{place}.png", "train", "a", False, place == 2, kind)
            for place, (group, kind) in enumerate(kinds)
        ),
        issues=(),
        wrong_labels=None,
        notes=("A note.",),
        odd=tuple(
            OddImage(f"{place}.png", "train", reason, 2.0) for place, reason in enumerate(["dim", "dim", "flat"])
        ),
    )
    assert audit_lines(audit) == [
        "Groups of images with the same pixels: 1; with the same picture in other pixels: 2. "
        "Copies of test images outside the test: 1.",
        "Images unlike the others: 3 (2 dim, 1 flat); see audit/odd_images.csv.",
        "A note.",
    ]


@pytest.mark.parametrize(
    ("interval", "p", "words"),
    [
        (Interval(0.031, 0.012, 0.05), 0.00001, ("+3.1 points", "+1.2 to +5.0", "is better by it", "p under .0001")),
        (Interval(-0.031, -0.05, -0.01), 0.0312, ("-3.1 points", "is worse by it", "p = .0312")),
        (Interval(0.004, -0.01, 0.02), 1.0, ("cannot be told apart by it", "p = 1.0000")),
    ],
)
def test_two_models_are_compared_in_words(interval: Interval, p: float, words: tuple[str, ...]) -> None:
    said = " ".join(paired_lines(Paired(100, 80, 12, 5, 3, p, interval), "old/model"))
    assert "Against old/model, on the same 100 images" in said
    assert "right about 12 images, only the other about 5, both about 80, neither about 3" in said
    for word in words:
        assert word in said
