"""Counts, samples, suspects and copies as the page shows them."""

from dataclasses import replace
from types import ModuleType

import numpy as np

from evenhand.records.audit import ConfusedPair, OddImage
from evenhand.reporting.data_view import (
    SAMPLED_CLASSES,
    class_counts,
    copies,
    count_scale,
    leak_method,
    leak_views,
    oddities,
    pair_counts,
    samples,
    suspects,
)


def test_counts_hold_every_class_and_the_splits_that_hold_images(made_up: ModuleType) -> None:
    found = class_counts(made_up.report_data().audit)
    assert found.splits == ("train", "test")
    assert [(row.label, row.counts) for row in found.rows] == [
        ("Cars", (420, 50)),
        ("Trucks", (60, 30)),
        ("Cats", (30, 20)),
    ]
    assert found.totals == (510, 100)
    assert sum(row.share for row in found.rows) == 1
    assert 'width="100.0%"' in found.rows[0].chart
    assert f'width="{round(100 * 60 / 420, 2)}%"' in found.rows[1].chart


def test_few_images_get_whole_ticks_alone() -> None:
    assert count_scale([2, 1]).ticks == (0, 1, 2)
    assert count_scale([0.6]).ticks == (0,)
    assert count_scale([420, 3]).ticks == (0, 200, 400)


def test_counts_of_nothing_at_all(made_up: ModuleType) -> None:
    audit = made_up.report_data().audit
    none = replace(audit, counts={split: dict.fromkeys(audit.classes, 0) for split in audit.counts})
    assert class_counts(none).totals == (0,)


def test_samples_are_training_images_of_their_class_and_the_same_every_time(made_up: ModuleType) -> None:
    listing = made_up.manifest(("a", "b", "c"), (50, 3, 0), (9, 9, 9))
    found = samples(listing, 8)
    assert found == samples(listing, 8)
    assert [(label, len(rows)) for label, rows in found] == [("a", 8), ("b", 3), ("c", 0)]
    for place, (_, rows) in enumerate(found):
        assert (listing.given[list(rows)] == place).all()
        assert (listing.split[list(rows)] == "train").all()


def test_of_very_many_classes_the_largest_and_the_smallest_are_sampled(made_up: ModuleType) -> None:
    sizes = [3 + n % 7 for n in range(3 * SAMPLED_CLASSES)]
    found = samples(made_up.manifest([str(n) for n in range(len(sizes))], sizes, [0] * len(sizes)), 2)
    assert len(found) == SAMPLED_CLASSES
    half = SAMPLED_CLASSES // 2
    assert sorted(sizes[int(label)] for label, _ in found) == [*sorted(sizes)[:half], *sorted(sizes)[-half:]]


def test_suspects_are_the_worst_flagged_ones_with_their_rows(made_up: ModuleType) -> None:
    data = made_up.report_data()
    found = suspects(data.dataset.manifest, data.audit, 5)
    assert [one.issue for one in found] == list(data.audit.flagged[:5])
    assert [data.dataset.manifest.paths[one.row] for one in found] == [issue.path for issue in data.audit.flagged[:5]]
    assert suspects(data.dataset.manifest, data.audit, 0) == ()


def test_copies_show_contradictions_first_and_find_the_split_they_are_in(made_up: ModuleType) -> None:
    data = made_up.report_data()
    listing = replace(data.dataset.manifest, paths=tuple(f"{n % 510}.png" for n in range(610)))
    listing.split[:] = np.array(["train"] * 510 + ["test"] * 100)
    first, second = data.audit.duplicates[0], data.audit.duplicates[2]
    groups = (
        replace(second, group=1, split="train", path="7.png", leaked=True),
        replace(second, group=1, split="test", path="7.png"),
        replace(first, group=2, split="test", path="3.png", conflict=True),
    )
    found = copies(listing, replace(data.audit, duplicates=groups), 9)
    assert [(one.rows, one.conflict, one.leaked, one.near, len(one.members)) for one in found] == [
        ((513,), True, False, False, 1),
        ((7,), False, True, False, 2),
    ]


def test_near_duplicates_are_shown_side_by_side_each_look_once(made_up: ModuleType) -> None:
    data = made_up.report_data()
    listing = data.dataset.manifest
    hashes = ("same",) * 2 + listing.pixel_sha256[2:]
    group = tuple(
        replace(data.audit.duplicates[0], group=1, path=listing.paths[row], kind="exact" if row < 2 else "near")
        for row in range(7)
    )
    found = copies(replace(listing, pixel_sha256=hashes), replace(data.audit, duplicates=group), 9)
    assert [(one.rows, one.near) for one in found] == [((0, 2, 3, 4), True)]


def test_the_oddest_images_are_shown_with_their_rows(made_up: ModuleType) -> None:
    data = made_up.report_data()
    listing = data.dataset.manifest
    odd = tuple(OddImage(listing.paths[row], str(listing.split[row]), "blank", 3.0) for row in (512, 9, 4))
    found = oddities(listing, replace(data.audit, odd=odd), 2)
    assert [(one.row, one.image) for one in found] == [(512, odd[0]), (9, odd[1])]
    assert oddities(listing, data.audit, 9) == ()


def test_pairs_of_less_than_half_an_image_are_left_out(made_up: ModuleType) -> None:
    pairs = (ConfusedPair("a", "b", 9.6, 5, 14), ConfusedPair("b", "a", 0.4, 0, 2))
    audit = replace(made_up.report_data().audit, pairs=pairs)
    found = pair_counts(audit)
    assert [(row.given, row.true, row.value) for row in found.rows] == [("a", "b", "10")]
    assert pair_counts(replace(audit, pairs=())).rows == ()


def test_what_leaks_are_worth_is_told_with_a_table_for_each_way(made_up: ModuleType) -> None:
    into, between = leak_views(made_up.leakage())
    assert (into.title, between.title) == ("Into the test", "Between folds")
    assert [(row.images, row.figure) for row in into.rows] == [
        ("All 100 test images", "balanced accuracy"),
        ("The same", "accuracy"),
        ("The 12 that leak", "accuracy"),
        ("The other 88", "balanced accuracy"),
    ]
    assert (into.rows[2].leaky, into.rows[2].safe) == ("96.0\u00a0%", "60.0\u00a0%")
    assert (into.rows[3].difference, into.rows[3].reach) == ("−1.0", "−3.0 to +1.0")
    # Where everything judged leaks, there are no others.
    assert len(between.rows) == 3
    assert "71.0\u00a0%" in into.lines[1]
    assert "(95\u00a0% interval −1.0 to" in between.lines[1]
    assert "pairs of trainings" in leak_method(made_up.leakage())[0]


def test_without_leaks_a_sentence_says_so_and_there_is_no_table(made_up: ModuleType) -> None:
    into, between = leak_views(replace(made_up.leakage(), test=None, folds=None, grouped=0))
    assert into.rows == between.rows == ()
    assert "no leak into the test to measure" in into.lines[0]
    assert leak_method(replace(made_up.leakage(), test=None, folds=None)) == ()
    assert leak_views(None) == leak_method(None) == ()
