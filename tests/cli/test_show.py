"""What an audit says on the terminal."""

from evenhand.cli.show import audit_lines
from evenhand.records import Audit, Duplicate, OddImage


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
