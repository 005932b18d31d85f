from dataclasses import replace
from typing import Any

import pytest

from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError
from evenhand.remedies.catalogue import canonical
from evenhand.study.judging import Candidate
from evenhand.study.tuning.space import USUAL, Setting, rounded, space_of
from evenhand.training.recipe import RECIPES, recipe
from tune_study import Random

REMEDIES = ("none", "sampler", "class-weights", "balanced-softmax", "logit-adjust")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("model", ["simple", "resnet"])
def test_the_recipe_as_it_is_lies_in_the_space_and_means_itself(name: str, model: str) -> None:
    base = recipe(name, model)
    space = space_of(base, REMEDIES, ("none", "drop"))
    starts = space.starts("balanced-softmax")
    assert starts[0]["remedy"] == "balanced-softmax"
    assert {str(point["remedy"]) for point in starts} == set(REMEDIES)
    for point in starts:
        assert space.candidate(point) == Candidate(str(point["remedy"]), "none", base)
        for setting in space.settings:
            if setting.name in point and not setting.choices:
                assert setting.low <= float(point[setting.name]) <= setting.high


def test_points_drawn_at_random_are_recipes_that_can_be_written_down_and_read_back() -> None:
    space = space_of(recipe("standard", "simple"), REMEDIES, ("none", "drop"))
    seen = set()
    for seed in range(200):
        point = space.point(Random(seed))
        found = space.candidate(point)
        seen.add(found)
        made = found.recipe
        assert found.remedy == canonical(found.remedy)
        assert float(f"{made.learning_rate:.3g}") == made.learning_rate
        usual = USUAL[made.optimiser]
        assert 0.0999 * usual <= made.learning_rate <= 10.01 * usual
        assert (made.epochs, made.model) == (10, "simple")
        # Parameters of a remedy are asked for only where it is the remedy.
        own = {name.partition(":")[0] for name in point if ":" in name}
        assert own <= {str(point["remedy"])}
    assert len(seen) > 190
    assert {one.repair for one in seen} == {"none", "drop"}
    assert {one.recipe.optimiser for one in seen} == {"sgd", "adamw"}
    assert len({one.recipe.augmentation for one in seen}) == 5


def test_what_somebody_fixed_is_not_searched() -> None:
    base = replace(recipe("standard", "simple"), learning_rate=0.7, augmentation=Augmentation(cutout=3))
    space = space_of(
        base,
        ["sampler:q=0.5"],
        ["none"],
        fixed={"learning_rate", "optimiser", "augmentation.cutout"},
    )
    assert {setting.name for setting in space.settings if setting.open} == {
        "momentum", "weight_decay", "batch", "schedule",
    }  # fmt: skip
    for seed in range(20):
        found = space.candidate(space.point(Random(seed)))
        assert found.remedy == "sampler:q=0.5"
        assert (found.recipe.learning_rate, found.recipe.optimiser) == (0.7, "adamw")
        assert found.recipe.augmentation == Augmentation(cutout=3)


def test_an_augmentation_of_ones_own_is_one_of_the_choices() -> None:
    base = replace(recipe("standard", "simple"), augmentation=Augmentation(cutout=3))
    space = space_of(base, ["none"], ["none"])
    (start,) = space.starts("none")
    assert start["augmentation"] == "as given"
    assert space.candidate(start).recipe == base


def test_parameters_of_composed_remedies_belong_to_all_that_have_them() -> None:
    space = space_of(recipe("standard", "simple"), ["sampler", "mixup+sampler", "none"], ["none"])
    own = {setting.name: setting for setting in space.settings}
    assert own["sampler:q"].remedies == ("sampler", "sampler+mixup")
    assert own["mixup:alpha"].remedies == ("sampler+mixup",)
    assert own["mixup:alpha"].log
    found: Any = {**space.starts("none")[0], "remedy": "sampler+mixup", "sampler:q": 0.123456, "mixup:alpha": 0.2}
    assert space.candidate(found).remedy == "sampler:q=0.123+mixup:alpha=0.2"


def test_a_parameter_that_is_tuned_by_other_means_is_refused() -> None:
    with pytest.raises(UsageError, match="write logit-adjust alone"):
        space_of(recipe("standard", "simple"), ["logit-adjust:tau=tuned"], ["none"])
    with pytest.raises(UsageError, match="no remedy 'smite'"):
        space_of(recipe("standard", "simple"), ["smite"], ["none"])


def test_settings_survive_json_and_numbers_are_rounded() -> None:
    space = space_of(recipe("standard", "simple"), REMEDIES, ("none",))
    assert tuple(Setting.from_json(setting.to_json()) for setting in space.settings) == space.settings
    assert rounded(0.00123456) == 0.00123
    assert rounded(12) == 12
    assert rounded("cosine") == "cosine"
    assert rounded(0.0) == 0.0
