"""The table of true classes and labels as filed."""

from collections import Counter
from dataclasses import replace
from types import ModuleType

from evenhand.records.audit import ConfusedPair, LabelIssue
from evenhand.reporting.truth import MOST_PAIRS, truth


def issues(**counts: int) -> tuple[LabelIssue, ...]:
    return tuple(
        LabelIssue(f"{name}{n}", name, name, 0.1, False) for name, count in counts.items() for n in range(count)
    )


def test_columns_add_up_to_the_labels_and_rows_to_what_is_estimated(made_up: ModuleType) -> None:
    data = made_up.report_data()
    pairs = (ConfusedPair("Cars", "Cats", 40.0, 30.0, 52.4), ConfusedPair("Cats", "Cars", 0.4, 0.0, 2.0))
    audit = replace(data.audit, issues=issues(Cars=400, Trucks=60, Cats=30), pairs=pairs)
    found = truth(replace(data, audit=audit))
    assert [[cell.value for cell in row] for row in found.cells] == [
        ["360", "0", "0"],
        ["0", "60", "0"],
        ["40", "0", "30"],
    ]
    assert [[cell.reach for cell in row] for row in found.cells] == [
        ["", "", "0 to 2"],
        ["", "", ""],
        ["30 to 52", "", ""],
    ]
    assert found.filed == ("400", "60", "30")
    assert found.shown == ("360", "60", "70")
    assert [[cell.right for cell in row] for row in found.cells] == [[a == b for b in range(3)] for a in range(3)]
    assert found.cells[2][0].share == 40 / 69.6
    # Less than half an image is a number in the table, and no mix-up to be listed.
    assert [(pair.given, pair.true) for pair in found.pairs] == [("Cars", "Cats")]
    assert not found.decided


def test_decisions_are_certain_and_stand_under_the_label_as_it_was_filed(made_up: ModuleType) -> None:
    data = made_up.report_data()
    # The audit saw the labels after the edits: five Cars had been called Cats, and are Cats by now.
    audit = replace(
        data.audit,
        issues=issues(Cars=395, Trucks=60, Cats=35),
        pairs=(ConfusedPair("Cars", "Cats", 10.0, 8.0, 13.0),),
    )
    found = truth(replace(data, audit=audit, relabelled=(("Cars", "Cats", 5), ("Trucks", "Cats", 0))))
    assert found.filed == ("400", "60", "30")
    assert found.shown == ("385", "60", "45")
    assert (found.cells[2][0].value, found.cells[2][0].reach) == ("15", "13 to 18")
    assert found.decided


def test_of_many_classes_the_commonest_mix_ups_are_listed(made_up: ModuleType) -> None:
    names = [f"c{number:02}" for number in range(30)]
    data = made_up.report_data(names, [12] * 30, [2] * 30, side=(8, 8), remedies=made_up.REMEDIES[:1])
    pairs = tuple(ConfusedPair(names[n], names[n + 1], 1.0 + n / 10, 0.0, 5.0) for n in range(29))
    found = truth(replace(data, audit=replace(data.audit, pairs=pairs)))
    assert found.cells == ()
    assert [pair.given for pair in found.pairs] == names[28 : 28 - MOST_PAIRS : -1]
    assert sum(map(int, found.filed)) == sum(Counter(issue.given for issue in data.audit.issues).values())
