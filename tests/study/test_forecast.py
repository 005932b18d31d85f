"""What is said before a run against what a run then does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.auditing.duplicates import training_rows
from evenhand.settings.groups import Group
from evenhand.settings.presets import PRESETS, Preset
from evenhand.study.compare import finalists
from evenhand.study.forecast import MARGIN, Forecast, forecast, stages_of
from evenhand.study.judging import candidates, judge, with_recipe
from evenhand.study.label_audit import audit_labels
from evenhand.study.leakage import Leaks, find_leaks, measure_leakage
from evenhand.study.what_next import extent
from evenhand.training.recipe import Recipe

SMALL = replace(
    PRESETS["standard"],
    folds=3,
    leak_folds=None,
    seeds=2,
    finalists=2,
    members=3,
    stretch=2.0,
    rounds=2,
    remedies=("none", "logit-adjust", "sampler", "augment"),
    repairs=("none", "drop"),
    what_next=False,
)


def foretold(study: Any, preset: Preset, command: str = "run", **words: Any) -> Forecast:
    plain: dict[str, Any] = {"jobs": 1, "refit": False, "speed": lambda _: 0.001}
    return forecast(
        study.labels, 3, preset, lambda name, **_: replace(study.recipe, model=name), command=command, **plain | words
    )


@pytest.mark.parametrize("rounds", [1, 2])
def test_the_trainings_are_counted_as_they_are_carried_out(study: Any, rounds: int) -> None:
    bench, preset = study.bench(), replace(SMALL, rounds=rounds, model="simple")
    audit = audit_labels(bench, study.recipe, [1] * rounds, nested=True)
    asked = candidates(preset.remedies, preset.repairs, study.recipe)
    screened = judge(bench, asked, audit, trust=0.5, seeds=preset.seeds, title="")
    larger = with_recipe(finalists(screened, preset.finalists), replace(study.recipe, batch=8))
    judge(bench, larger, audit, trust=0.5, seeds=preset.seeds, title="")
    # An audit that finds nothing leaves the same targets, whose trials are done once: the forecast is an upper bound.
    done = len(set(bench.engine.given))
    assert done <= foretold(study, preset, "compare").trainings
    most = {1: 6, 2: 6 + 9}[rounds] + 3 * 2 * 2 * 3 + 2 * 2 * 3
    assert foretold(study, preset, "compare").trainings == most
    assert foretold(study, preset).trainings == most + preset.members
    assert foretold(study, preset, refit=True).trainings == most + 2 * preset.members
    alone = replace(preset, alone=(2,) * rounds)
    assert foretold(study, alone, "audit").trainings == 3 * 2 * rounds


def test_a_second_training_takes_room_and_no_training(study: Any) -> None:
    plain = replace(SMALL, remedies=("none", "mixup"), repairs=("none",), rounds=0, finalists=0)
    twice = replace(plain, remedies=("none", "crt", "tau-norm", "mislas", "logit-adjust"))
    one, other = (foretold(study, preset, "compare") for preset in (plain, twice))
    assert other.trainings == one.trainings
    assert other.seconds == one.seconds
    # Two trunks in three folds and so many seeds, each with all images in it.
    assert other.bytes - one.bytes == pytest.approx(2 * 3 * plain.seeds * study.n * 800, abs=2)


LEAKS = Leaks(*(np.arange(n, dtype=np.int64) for n in (30, 6, 8, 10)))
"""30 test images, 8 of which belong to 6 training images; 10 others share a group."""


def test_what_leaks_are_measured_with_is_counted(study: Any) -> None:
    plain = foretold(study, SMALL).trainings
    # Two seeds with the leak and without, and folds that part groups; those that keep them together are the
    # comparison's where it has the same remedy.
    assert foretold(study, SMALL, leaks=LEAKS).trainings == plain + 2 * 2 + 2 * 2 * 3
    sharing = replace(SMALL, remedies=("none", "balanced-softmax"))
    more = foretold(study, sharing, leaks=LEAKS).trainings - foretold(study, sharing).trainings
    assert more == 2 * 2 + 2 * 3
    for held, folds in ((2, 2 * 2), (0, 0)):
        kept = replace(sharing, leak_folds=held)
        assert foretold(study, kept, leaks=LEAKS).trainings - foretold(study, kept).trainings == 2 * 2 + folds
    none = np.zeros(0, dtype=np.int64)
    assert foretold(study, SMALL, leaks=Leaks(LEAKS.tests, none, none, none)).trainings == plain
    work = replace(SMALL, seeds=1, leak_views=6_600, leak_folds=0)
    seconds = foretold(study, work, leaks=LEAKS).seconds - foretold(study, work).seconds
    # Two pairs of one epoch each: 66 images with the leak, 60 without, at a thousandth of a second.
    assert seconds == pytest.approx(MARGIN * 0.001 * 2 * (66 + 60))


def test_the_measuring_of_leaks_is_foretold(study: Any) -> None:
    group = np.arange(study.n)
    group[1::12] = group[0::12]
    split = np.where(np.arange(study.n) % 10 == 9, "test", "train")
    group[9] = group[2]
    listing = study.manifest(group=group, split=split)
    preset = replace(SMALL, remedies=("none",))

    def benches(rows: Any = None, **words: Any) -> Any:
        return study.bench(rows=training_rows(listing) if rows is None else rows, **vars(listing), **words)

    leaks = find_leaks(listing)
    assert len(leaks.copies)
    assert len(leaks.grouped)
    measure_leakage(benches, listing, study.recipe, preset, title="")
    done = len(list((study.folder / "run/trials").iterdir()))
    assert done == foretold(study, preset, leaks=leaks).trainings - foretold(study, preset).trainings


def test_the_time_by_hand() -> None:
    labels = np.repeat([0, 1], [60, 30])
    preset = replace(
        SMALL, rounds=0, seeds=1, finalists=0, folds=3, members=1, stretch=2.0, remedies=("none",), repairs=("none",)
    )
    recipe = Recipe(epochs=5, precision="float32")

    def seconds(jobs: int, how: Recipe = recipe, kind: Preset = preset) -> float:
        return forecast(labels, 2, kind, lambda _: how, lambda _: 0.1, jobs=jobs, command="run", refit=False).seconds

    # Three folds of 60 images for 5 epochs, and 90 images for 10.
    assert seconds(1) == pytest.approx(MARGIN * 0.1 * (3 * 60 * 5 + 90 * 10))
    assert seconds(2) == pytest.approx(seconds(1) / 2)
    # Over-sampling makes an epoch of 120 images out of 90, unless every remedy sees as many.
    more = replace(preset, remedies=("oversample",), members=0)
    free = replace(recipe, equal_work=False)
    assert seconds(1, free, more) == pytest.approx(MARGIN * 0.1 * 3 * 60 * 5 * 120 / 90)
    assert seconds(1, recipe, more) == pytest.approx(MARGIN * 0.1 * 3 * 60 * 5)
    # Seven steps of a search and one of learning: eight ways through the network for each image.
    hard = replace(preset, remedies=("none", "pgd-train"), members=0)
    assert seconds(1, recipe, hard) == pytest.approx(MARGIN * 0.1 * 3 * 60 * 5 * (1 + 8))
    # It may be chosen, as far as is known.
    more = seconds(1, recipe, replace(hard, members=1)) - seconds(1, recipe, hard)
    assert more == pytest.approx(MARGIN * 0.1 * 90 * 10 * 8)


@pytest.mark.parametrize(("chosen", "passes"), [("", 8), ("none", 1), ("pgd-train", 8)])
def test_once_a_remedy_is_chosen_its_own_time_counts(chosen: str, passes: int) -> None:
    preset = replace(SMALL, remedies=("none", "pgd-train"), repairs=("none",), rounds=0)
    labels = np.repeat([0, 1], [60, 30])
    stages = stages_of(labels, 2, preset, lambda _: Recipe(), command="run", refit=False, chosen=chosen)
    assert [work.passes for work in stages["final"]] == [passes]
    assert [work.passes for work in stages["screening"]] == [1, 8]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "less than a minute"), (61, "about 2 minutes"), (1800, "about 30 minutes"), (7200, "about 2.0 hours")],
)
def test_it_is_said_in_words(seconds: float, words: str) -> None:
    assert (
        Forecast(7, seconds, 12_400_000).sentence()
        == f"7 trainings: {words} from the start, and 12 MB in the run folder."
    )


def test_learning_curves_are_counted_and_said(study: Any) -> None:
    without, drawn = foretold(study, SMALL), foretold(study, replace(SMALL, what_next=True))
    size = extent(replace(SMALL, what_next=True), 3, lambda name: replace(study.recipe, model=name))
    assert size
    assert drawn.curves == drawn.trainings - without.trainings == size.trainings
    assert drawn.share == pytest.approx((drawn.seconds - without.seconds) / drawn.seconds)
    assert (
        f"{drawn.curves} of them, about {100 * drawn.share:.0f} % of the time, draw learning curves" in drawn.sentence()
    )
    assert "curves" not in without.sentence()
    for command in ("train", "audit"):
        assert foretold(study, replace(SMALL, what_next=True), command).curves == 0


def test_groups_are_counted_by_their_own_remedies_and_recipes(study: Any) -> None:
    groups = (
        Group("a", ("none", "sampler"), ("none", "drop"), "simple", "quick"),
        Group("b", ("none",), ("none",), "simple", "quick"),
    )
    preset = replace(SMALL, groups=groups, remedies=("none", "sampler"), finalists=0, rounds=0, repairs=("none",))
    asked: list[Group | None] = []

    def recipes(model: str, group: Group | None = None) -> Recipe:
        asked.append(group)
        return replace(study.recipe, model=model)

    found = forecast(study.labels, 3, preset, recipes, lambda _: 0.001, jobs=1, command="compare", refit=False)
    # Nobody looks at the labels, so no group can repair: two remedies and one, in three folds with two seeds.
    assert found.trainings == (2 + 1) * 3 * 2
    assert [group for group in asked if group] == list(groups)


def test_a_replay_trains_every_remedy_once_more_on_everything(study: Any) -> None:
    preset = replace(SMALL, rounds=0, repairs=("none",), finalists=0, judged=1, seeds=1)
    without, replayed = (foretold(study, preset, "compare", replayed=images) for images in (0, 40))
    # Adjusted afterwards, plain training is not trained again.
    assert replayed.trainings == without.trainings + len(SMALL.remedies) - 1
    # On all images, where the comparison holds a third of them out.
    assert replayed.seconds - without.seconds == pytest.approx(without.seconds * 3 / 2)
