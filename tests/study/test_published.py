from evenhand.remedies.catalogue import canonical
from evenhand.settings.presets import PRESETS
from evenhand.study.published import published


def test_the_table_is_the_studys() -> None:
    theirs = published()
    assert (theirs.tested_on, theirs.trained_on) == (625, 5625)
    assert (sum(theirs.training), sum(theirs.testing)) == (5625, 625)
    assert [row.examples for row in theirs.experiments] == [5625, 11250, 5625, 5625, 5625, 14847]
    assert theirs.experiments[-1].accuracy == 0.8784
    assert theirs.experiments[2].per_class["Cat"] == {"precision": 0.275, "recall": 0.826, "f1": 0.413}


def test_its_figures_agree_with_each_other() -> None:
    """Accuracy follows from recalls, F1 from precision and recall, macro F1 from F1: no figure is mistyped."""
    theirs = published()
    for row in theirs.experiments:
        found = sum(row.per_class[name]["recall"] * n for name, n in zip(theirs.classes, theirs.testing, strict=True))
        assert abs(found / theirs.tested_on - row.accuracy) < 0.001, row.name
        f1 = []
        for figures in row.per_class.values():
            both = figures["precision"] + figures["recall"]
            made = 2 * figures["precision"] * figures["recall"] / both if both else 0.0
            assert abs(figures.get("f1", made) - made) < 0.002, row.name
            f1.append(made)
        assert abs(sum(f1) / 3 - row.macro_f1) < 0.002, row.name


def test_the_preset_compares_what_the_study_compared() -> None:
    assert [canonical(row.remedy) for row in published().experiments] == [
        canonical(remedy) for remedy in PRESETS["reference"].remedies
    ]


def test_classes_are_matched_by_name_or_not_at_all() -> None:
    theirs = published()
    assert theirs.named(["Cars", "Cats", "Trucks"]) == {"Car": "Cars", "Truck": "Trucks", "Cat": "Cats"}
    assert theirs.named(["cat", "car", "truck", "dog"]) == {"Car": "car", "Truck": "truck", "Cat": "cat"}
    assert theirs.named(["Cars", "Cats", "Dogs"]) == {}
