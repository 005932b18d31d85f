import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from evenhand.errors import UsageError
from evenhand.models.catalogue import MODELS
from evenhand.remedies.catalogue import canonical
from evenhand.settings.commands import Evaluate, Settings
from evenhand.settings.costs import Costs
from evenhand.settings.groups import Group
from evenhand.settings.presets import PRESETS
from evenhand.settings.resolving import resolved
from evenhand.training.recipe import recipe


def settings(**words: Any) -> Settings:
    return Settings(data=Path("data"), out=Path("out"), **words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"preset": "quik"}, "no preset 'quik'. Did you mean 'quick'"),
        ({"engine": "rai"}, "no engine 'rai'. Did you mean 'ray'"),
        ({"address": "host:1"}, "--address names a Ray cluster; say --engine ray with it"),
        ({"time_limit": 0.0}, "--time-limit must be above 0 seconds, not 0.0"),
        ({"refit": "al"}, "no refit 'al'. Did you mean 'all'"),
        ({"repairs": ("none", "rop")}, "no repair 'rop'. Did you mean 'drop'"),
        ({"folds": 1}, "--folds must be at least 2, not 1"),
        ({"seeds": 0}, "--seeds must be at least 1"),
        ({"jobs": 0}, "--jobs must be at least 1"),
        ({"trust": 0.0}, "--trust must be above 0 and at most 1"),
        ({"trust": float("nan")}, "--trust must be above 0 and at most 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        settings(**words)
    assert caught.value.exit_code == 2


def test_a_split_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no split 'tests'\. Did you mean 'test'"):
        Evaluate(Path("model"), Path("data"), split="tests")


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_names_what_there_is(name: str) -> None:
    preset = PRESETS[name]
    for remedy in preset.remedies:
        assert canonical(remedy)
    for model in (preset.screen, preset.model):
        assert model in MODELS
        assert recipe(preset.recipe, model).model == model
    assert preset.remedies[0] == "none", "every comparison needs its baseline"


def test_the_words_of_the_user_win_over_the_preset() -> None:
    plain = resolved(settings(preset="standard"))
    assert plain == PRESETS["standard"]
    told = resolved(
        settings(preset="standard", folds=7, seeds=2, remedies=("smote",), repairs=("soft",), recipe="quick")
    )
    assert (told.folds, told.seeds, told.remedies, told.repairs, told.recipe) == (7, 2, ("smote",), ("soft",), "quick")
    assert (told.model, told.finalists) == (plain.model, plain.finalists)


def test_a_model_that_is_named_is_the_only_one() -> None:
    told = resolved(settings(preset="standard", model="simple"))
    assert (told.screen, told.model, told.finalists) == ("simple", "simple", 0)
    assert told.examiner == "simple"


def test_a_repair_makes_somebody_look_for_suspects() -> None:
    assert resolved(settings(preset="reference")).rounds == 0
    for repairs in (("drop",), ("none", "relabel")):
        told = resolved(settings(preset="reference", repairs=repairs))
        assert (told.repairs, told.rounds) == (repairs, 1)
    assert resolved(settings(preset="standard", repairs=("soft",))).rounds == PRESETS["standard"].rounds
    assert resolved(settings(preset="standard", repairs=("none",))).rounds == PRESETS["standard"].rounds


def test_folds_that_are_asked_for_are_all_judged() -> None:
    assert resolved(settings(preset="reference")).judged == 1
    assert resolved(settings(preset="reference", folds=3)).judged is None


def test_the_settings_of_a_run_are_json_and_know_neither_place_nor_machine() -> None:
    told = settings(
        classes=("a", "b"),
        size=(32, 24),
        changes={"epochs": 3},
        allow_stacking=True,
        halving=False,
        time_limit=90.0,
        what_next=False,
        groups=(Group("small"),),
        distil=True,
        costs=Costs(("a", "b"), ((0.0, 1.0), (2.0, 0.0))),
        prior={"a": 0.5, "b": 0.5},
        device="cpu",
        jobs=2,
    ).to_json()
    assert json.loads(json.dumps(told)) == told
    # Every word of a command is either part of the result or named here as none. Of a ledger of edits the decisions
    # count, not the place: the desk adds their digest.
    assert set(told) == {part.name for part in fields(Settings)} - {
        "data",
        "out",
        "test",
        "edits",
        "grown",
        "track",
        "device",
        "jobs",
        "engine",
        "address",
        "started",
    }
