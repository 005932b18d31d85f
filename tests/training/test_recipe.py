import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from evenhand.data.batches import POLICIES, Augmentation
from evenhand.errors import UsageError
from evenhand.training.optimisers import OPTIMISERS, SCHEDULES
from evenhand.training.recipe import OPTIMISERS as OPTIMISER_NAMES
from evenhand.training.recipe import RECIPES, Recipe, read_change, recipe
from evenhand.training.recipe import SCHEDULES as SCHEDULE_NAMES


def test_the_reference_recipe_is_the_studys() -> None:
    found = recipe("reference", "simple")
    assert (found.optimiser, found.learning_rate, found.momentum, found.weight_decay) == ("sgd", 0.001, 0.9, 0.0)
    assert (found.batch, found.epochs, found.schedule) == (4, 10, "constant")
    assert (found.augmentation, found.label_smoothing, found.early_stopping) == (Augmentation(), 0.0, 0)
    assert found.precision == "float32"


@pytest.mark.parametrize(("name", "model"), [(name, model) for name in RECIPES for model in RECIPES[name]])
def test_recipes_survive_json_and_never_flip_vertically(name: str, model: str) -> None:
    found = recipe(name, model)
    assert Recipe.from_json(found.to_json()) == found
    assert found.model == model
    assert not found.augmentation.flip_vertical


def test_a_recipe_lends_its_settings_to_a_model_it_does_not_know() -> None:
    assert recipe("reference", "resnet") == replace(recipe("reference", "simple"), model="resnet")


def test_settings_can_be_changed_one_by_one() -> None:
    assert recipe("quick", "simple", epochs=3).epochs == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser": "sdg"}, "sgd"),
        ({"schedule": "cosin"}, "cosine"),
        ({"precision": "float64"}, "float32"),
        ({"epochs": 0}, "epochs must be 1"),
        ({"learning_rate": -1}, "learning_rate must be 0"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"ema": 1.0}, "ema must be 0"),
        ({"augmentation.policy": "trivail"}, "trivial"),
        ({"epoch": 3}, "epochs"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_hint(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        recipe("standard", "simple", **changes)


def test_settings_are_read_from_text() -> None:
    words = {"ema": "0.99", "width": "16", "augmentation.policy": "trivial", "augmentation.brightness": "0.2"}
    found = recipe("quick", "resnet", **{name: read_change(name, text) for name, text in words.items()})
    assert (found.ema, found.width) == (0.99, 16)
    assert (found.augmentation.policy, found.augmentation.brightness, found.augmentation.crop) == ("trivial", 0.2, 4)


def test_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="standard"):
        recipe("standart", "simple")


def test_every_name_a_recipe_accepts_is_carried_out() -> None:
    assert set(OPTIMISERS) == set(OPTIMISER_NAMES)
    assert set(SCHEDULES) == set(SCHEDULE_NAMES)


def test_schedules_by_hand() -> None:
    assert [SCHEDULES["constant"](part) for part in (0, 0.5, 1)] == [1, 1, 1]
    assert [SCHEDULES["cosine"](part) for part in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [SCHEDULES["one-cycle"](part) for part in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_every_setting_is_documented_and_nothing_that_is_none() -> None:
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    settings = [part.name for part in fields(Recipe) if part.name != "augmentation"]
    settings += [f"augmentation.{part.name}" for part in fields(Augmentation)]
    assert sorted(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)) == sorted(settings)
    for names in (OPTIMISER_NAMES, SCHEDULE_NAMES, POLICIES):
        for name in names:
            assert re.search(rf"\b{name}\b", page), name
