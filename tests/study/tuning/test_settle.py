from dataclasses import replace
from typing import Any

import pytest

from evenhand.evaluation.intervals import corrected_resampled_t
from evenhand.study.judging import Candidate, judge
from evenhand.study.tuning.figures import BETTER, FINISHED, SAME, TIED, WORSE, Tried
from evenhand.study.tuning.settle import changes, rivals, settled
from evenhand.training.recipe import Recipe, recipe


def tried(number: int = 4) -> Tried:
    return Tried(number, FINISHED, 0.9, 3, {}, "none", 0.02, 1.0)


def test_the_best_stands_beside_the_default_and_the_recipe_it_came_from(study: Any) -> None:
    bench = study.bench(seed=5)
    good = replace(study.recipe, epochs=4, learning_rate=0.05)
    broken = replace(study.recipe, learning_rate=1e-8)
    best, default = Candidate("sampler", "none", good), Candidate("none", "none", broken)
    found = settled(bench, None, (tried(), best), rivals(best, default, good), trust=0.5, seeds=2)
    assert (found.number, found.remedy, found.searched, found.seed) == (4, "sampler", 0.9, 5)
    assert (found.folds, found.seeds, len(found.by_fold)) == (3, 2, 6)
    first, second = found.rivals
    assert (first.name, second.name) == ("default", "recipe")
    # What is trained alike is not trained twice, and there is no difference.
    assert (second.verdict, second.difference.value, second.p) == (SAME, 0.0, 1.0)
    one, other = judge(bench, [best, default], None, trust=0.5, seeds=2, title="")
    mean, low, high, p = corrected_resampled_t((one.by_fold - other.by_fold).ravel(), 1 / 2)
    assert (first.difference.value, first.p) == (pytest.approx(mean), pytest.approx(p))
    assert first.difference.low == pytest.approx(max(-1, low))
    assert first.difference.high == pytest.approx(min(1, high))
    assert first.verdict == (BETTER if low > 0 else TIED)
    assert found.verdict == first.verdict
    assert Recipe.from_json(found.recipe) == good


def test_a_default_that_is_better_is_said_to_be(study: Any) -> None:
    bench = study.bench()
    good = replace(study.recipe, epochs=4, learning_rate=0.05)
    broken = replace(study.recipe, learning_rate=1e-8)
    best, default = Candidate("none", "none", broken), Candidate("sampler", "none", good)
    found = settled(bench, None, (tried(), best), rivals(best, default, good), trust=0.5, seeds=2)
    assert found.rivals[0].difference.value < 0
    assert found.verdict in (WORSE, TIED)


def test_changes_are_a_recipe_again() -> None:
    base = recipe("standard", "simple")
    made = replace(
        base,
        optimiser="sgd",
        learning_rate=0.0123,
        batch=16,
        augmentation=replace(base.augmentation, policy="trivial", brightness=0.2),
    )
    assert recipe("standard", "simple", **changes(made)) == made
