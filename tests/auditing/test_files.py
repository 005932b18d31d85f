"""The audit's folder: what is written reads back, and anything else is refused with a word."""

from pathlib import Path

import pytest

from evenhand.auditing.files import read_audit, write_audit
from evenhand.data.manifest import SPLITS
from evenhand.errors import EvenhandError
from evenhand.records.audit import Audit, ConfusedPair, Duplicate, Finding, LabelIssue, OddImage
from evenhand.records.values import Interval

AUDIT = Audit(
    classes=("z", "قطة"),
    counts={split: {"z": 3, "قطة": 1} for split in SPLITS},
    findings=(Finding("a\n,b.png", "empty", 'the "file" is empty'),),
    duplicates=(
        Duplicate(1, "x.png", "train", "z", True, False, "near"),
        Duplicate(1, "y.png", "test", "قطة", True, False),
    ),
    issues=(LabelIssue("x.png", "z", "قطة", 0.75, True),),
    wrong_labels=Interval(1.5, 1.0, 2.0),
    pairs=(ConfusedPair("z", "قطة", 1.5, 1.0, 2.0),),
    notes=("A note.",),
    odd=(OddImage("y.png", "test", "blank", 2.5),),
)


def test_an_audit_reads_back(tmp_path: Path) -> None:
    write_audit(tmp_path, AUDIT)
    assert read_audit(tmp_path) == AUDIT


@pytest.mark.parametrize("name", ["summary.json", "duplicates.csv", "odd_images.csv", "label_issues.csv"])
@pytest.mark.parametrize("content", [None, "", "group,path\n1,x\n", "{}"])
def test_a_damaged_or_foreign_audit_is_refused(tmp_path: Path, name: str, content: str | None) -> None:
    write_audit(tmp_path, AUDIT)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content, encoding="utf-8")
    if content in ("", "{}") and name.endswith(".csv"):
        # A table without rows holds no contradiction.
        assert read_audit(tmp_path) != AUDIT
        return
    with pytest.raises(EvenhandError, match="cannot be read"):
        read_audit(tmp_path)
