"""Learning curves of a small study: what is trained, what is shared, and what cannot be told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.auditing.labels import LabelModel
from evenhand.records.comparison import Choice, Judged
from evenhand.records.values import Interval
from evenhand.settings.presets import PRESETS
from evenhand.study.judging import Candidate, judge
from evenhand.study.label_audit import LabelAudit
from evenhand.study.next_steps import WhatNext
from evenhand.study.what_next import FEWEST, Extent, extent, measure_what_next
from evenhand.training.recipe import RECIPES, Recipe

PRESET = replace(PRESETS["standard"], folds=3, seeds=1)
COUNTS = (72, 30, 20)
GIVEN = np.repeat(np.arange(3), COUNTS).astype(np.int64)
N = len(GIVEN)
GROUPS = np.arange(N, dtype=np.int64) // 2
"""Twins everywhere, each of one class."""
RECIPE = Recipe(epochs=2, batch=16, precision="float32", channels_last=False)


@pytest.fixture
def bench(study: Any) -> Any:
    colours = np.array([[160, 90, 90], [90, 160, 90], [90, 90, 160]])[GIVEN]
    noise = np.random.default_rng(0).normal(0, 40, (N, 16, 16, 3))
    names = tuple(f"{number:03}.png" for number in range(N))
    return study.bench(
        pictures=np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8),
        rows=np.arange(N, dtype=np.int64),
        paths=names,
        file_sha256=names,
        pixel_sha256=names,
        split=np.array(["train"] * N),
        given=GIVEN,
        corrected=GIVEN,
        group=GROUPS,
    )


def sure(bench: Any, doubts: dict[int, int]) -> LabelAudit:
    """Return an audit that takes some images for another class, in every scope."""
    models, members = {}, {}
    for scope in (-1, *bench.judged):
        mine = np.flatnonzero(bench.fold != scope)
        posterior = np.eye(3)[bench.given]
        for row, label in doubts.items():
            posterior[row] = np.eye(3)[label] * 0.9 + np.eye(3)[bench.given[row]] * 0.1
        few = np.zeros(3, dtype=bool)
        wrong = Interval(len(doubts) * 1.0, 0.0, len(doubts) * 2.0)
        models[scope] = LabelModel(posterior[mine], np.eye(3), wrong, 1.0, np.zeros(3), few)
        members[scope] = mine
    return LabelAudit(models, members)


def measured(bench: Any, repair: str = "none", **changes: Any) -> WhatNext:
    words: dict[str, Any] = {"audits": None, "size": Extent(3, 3, 1), "preset": PRESET, "judged": ()}
    words |= changes
    return measure_what_next(
        bench,
        GROUPS,
        "simple",
        RECIPE,
        words["preset"],
        Choice("balanced-softmax", repair, "simple", ""),
        words["judged"],
        words["audits"],
        trust=0.5,
        size=words["size"],
        title="Drawing learning curves",
    )


def test_the_trainings_on_all_pictures_are_those_of_the_comparison(bench: Any) -> None:
    judge(bench, [Candidate("balanced-softmax", "none", RECIPE)], None, trust=0.5, seeds=1, title="")
    before = {trial.key for _, trial in bench.engine.given}
    bench.engine.given.clear()
    found = measured(bench)
    new = [trial for _, trial in bench.engine.given]
    assert len(new) == found.trainings == Extent(3, 3, 1).trainings == 24
    assert not before & {trial.key for trial in new}
    # Once more: everything is there.
    bench.engine.given.clear()
    assert measured(bench) == found
    assert bench.engine.given == []


def test_parts_keep_groups_whole_and_take_as_many_steps(bench: Any) -> None:
    measured(bench)
    seen = set()
    for _, trial in bench.engine.given:
        targets = bench.workplace.targets(trial.targets)
        part = targets.keep
        full = bench.fold != trial.held[0]
        if part.all():
            continue
        assert not (part & ~full).any()
        assert (part[::2] == part[1::2]).all(), "twins stay together"
        assert trial.recipe.epochs == round(RECIPE.epochs * full.sum() / part.sum())
        counts, whole = (np.bincount(bench.given[which], minlength=3) for which in (part, full))
        seen.add(tuple(np.round(4 * counts / whole) / 4))
    assert seen == {
        (share, share, share) if only is None else tuple(share if label == only else 1.0 for label in range(3))
        for only in (None, 0, 1, 2)
        for share in (0.25, 0.5)
    }


def test_curves_speak_of_the_pictures_there_are(bench: Any) -> None:
    found = measured(bench)
    assert [(curve.name, curve.images) for curve in found.curves] == [("", N), ("c", 20), ("b", 30), ("a", 72)]
    assert found.unmeasured == ()
    for curve in found.curves:
        images = [point.images for point in curve.points]
        assert images == sorted(set(images))
        assert images[-1] == curve.images
        assert [gain.factor for gain in curve.gains] == [1.5, 2.0]
        assert curve.doubled.images == curve.images
        assert curve.course[-1].images == 2 * curve.images
        assert all(reach.low <= reach.value <= reach.high for reach in curve.course)
        assert all(0 <= point.score <= 1 for point in curve.points)
        assert (curve.doubled.recall is None) == (curve.name == "")
    assert len({curve.points[-1].score for curve in found.curves}) == 1, "all end in the same trainings"
    assert found.figure == "balanced accuracy"


def test_the_present_score_is_that_of_the_comparison(bench: Any) -> None:
    score = judge(bench, [Candidate("balanced-softmax", "none", RECIPE)], None, trust=0.5, seeds=1, title="")[0]
    assert measured(bench).curves[0].points[-1].score == pytest.approx(score.by_fold.mean())


def test_a_repair_stays_in_force_on_parts(bench: Any) -> None:
    doubts = dict.fromkeys(range(0, 12), 2)
    audit = sure(bench, doubts)
    found = measured(bench, "drop", audits=(audit, audit))
    assert found.figure == "expected balanced accuracy"
    assert [curve.images for curve in found.curves] == [N - 12, 20, 30, 60]
    for _, trial in bench.engine.given:
        assert not bench.workplace.targets(trial.targets).keep[:12][bench.fold[:12] != trial.held[0]].any()
    assert found.settle.suspects == 12
    assert found.settle.back == {"a": 1, "c": 11}
    assert found.settle.returned


def test_small_classes_have_no_curve_of_their_own(bench: Any) -> None:
    assert min(COUNTS) >= FEWEST
    doubts = dict.fromkeys(range(N - 6, N), 0)
    audit = sure(bench, doubts)
    found = measured(bench, "drop", audits=(audit, audit))
    assert [curve.name for curve in found.curves] == ["", "b", "a"]
    assert found.unmeasured == ("c",)


def test_the_rarest_classes_come_first_where_not_all_are_measured(bench: Any) -> None:
    found = measured(bench, size=Extent(1, 2, 1))
    assert [curve.name for curve in found.curves] == ["", "c"]
    assert found.unmeasured == ("a", "b")
    assert (found.trainings, found.repetitions) == (8, 2)


def test_without_folds_to_compare_no_curve_is_drawn(bench: Any) -> None:
    found = measured(bench, size=None)
    assert found.curves == ()
    assert found.advice() == "It cannot be told what would help"
    assert bench.engine.given == []


def test_the_larger_network_is_compared_over_the_candidates_that_both_judged(bench: Any) -> None:
    def one(remedy: str, model: str, *by_fold: float) -> Judged:
        return Judged(remedy, "drop", model, Interval(by_fold[0], 0.0, 1.0), by_fold)

    rows = [
        one("sampler", "simple", 0.7, 0.71, 0.72),
        one("sampler", "resnet", 0.8, 0.8, 0.83),
        one("smote", "simple", 0.6, 0.6, 0.6),
        one("smote", "resnet", 0.66, 0.66, 0.66),
        one("none", "simple", 0.1, 0.1, 0.1),
    ]
    found = measured(bench, size=None, judged=rows).larger
    assert (found.small, found.large, found.candidates) == ("simple", "resnet", 2)
    assert found.gain
    assert found.gain.value == pytest.approx((0.1 + 0.09 + 0.11 + 3 * 0.06) / 6)
    assert found.gain.low < found.gain.value < found.gain.high
    stopped = [*rows, one("augment", "simple", 0.5, 0.5, 0.5), one("augment", "resnet", 0.9, 0.9)]
    assert measured(bench, size=None, judged=stopped).larger == found
    alone = measured(bench, size=None, judged=rows, preset=PRESETS["quick"]).larger
    assert (alone.large, alone.gain) == ("", None)


def named(name: str) -> Callable[[str], Recipe]:
    return lambda model: RECIPES[name][model]


def test_the_share_of_the_work_decides_how_much_is_measured() -> None:
    recipes = named("standard")
    standard = PRESETS["standard"]
    three = extent(standard, 3, recipes)
    assert three
    assert three.classes == 3
    assert 2 <= three.folds <= standard.folds
    more = extent(PRESETS["thorough"], 3, recipes)
    assert more
    assert more.folds == PRESETS["thorough"].folds
    many = extent(standard, 40, recipes)
    assert many
    assert 3 <= many.classes < 40
    assert many.trainings <= three.trainings + 8
    # So small a study is asked for by name: the least that can tell anything.
    assert extent(PRESETS["quick"], 3, named("quick")) == Extent(3, 2, 1)
    assert extent(PRESETS["quick"], 2, named("quick")) == Extent(2, 2, 1)
    assert extent(PRESETS["reference"], 3, lambda model: RECIPES["reference"]["simple"]) is None
