"""Who takes part in a comparison, and which runs look ahead or replay the study."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evenhand.cli.study import with_study
from evenhand.pipeline.outlook import entered, keep_study, replayed, what_next
from evenhand.settings.commands import Settings
from evenhand.settings.groups import Group
from evenhand.settings.presets import PRESETS
from evenhand.training.recipe import Recipe

GROUPS = (
    Group("thin", ("none", "sampler"), ("none", "drop"), "simple", "quick", {}),
    Group("wide", ("none",), ("none",), "resnet", "quick", {"width": 4}),
)


def desk(command: str = "compare", **preset: Any) -> Any:
    """Return what these functions need of a desk."""

    def recipe(model: str, *, group: Group | None = None) -> Recipe:
        return Recipe(model=model, **(group.changes if group else {}))

    settings = Settings(data=Path("data"), out=Path("out"), preset="quick")
    return SimpleNamespace(
        preset=replace(PRESETS["quick"], **preset),
        recipe=recipe,
        settings=settings,
        run=SimpleNamespace(command=command),
    )


def test_without_groups_every_remedy_meets_every_repair() -> None:
    found = entered(desk(remedies=("none", "sampler")), ["none", "drop"])
    assert [(one.remedy, one.repair, one.network) for one in found] == [
        ("none", "none", "simple"),
        ("sampler", "none", "simple"),
        ("none", "drop", "simple"),
        ("sampler", "drop", "simple"),
    ]


def test_groups_bring_their_own_remedies_repairs_and_recipes() -> None:
    found = entered(desk(groups=GROUPS, remedies=("none", "sampler")), ["none", "drop"])
    assert [(one.remedy, one.repair, one.network) for one in found] == [
        ("none", "none", "simple (thin)"),
        ("sampler", "none", "simple (thin)"),
        ("none", "drop", "simple (thin)"),
        ("sampler", "drop", "simple (thin)"),
        ("none", "none", "resnet (wide)"),
    ]
    assert [one.recipe.width for one in found] == [24] * 4 + [4]


def test_what_a_time_limit_leaves_out_is_left_out_of_groups_too() -> None:
    found = entered(desk(groups=GROUPS, remedies=("none",)), ["none"])
    assert [(one.remedy, one.network) for one in found] == [("none", "simple (thin)"), ("none", "resnet (wide)")]


@pytest.mark.parametrize(("command", "asked"), [("train", True), ("audit", True), ("compare", False), ("run", False)])
def test_nobody_looks_ahead_who_was_not_asked_to(command: str, asked: bool) -> None:
    bench: Any = None
    choice: Any = None
    assert what_next(desk(command, what_next=asked), bench, choice, None) is None


def test_nothing_is_replayed_but_the_study() -> None:
    other = desk()
    other.replays = False
    assert replayed(other, ()) is None


def test_the_study_that_is_kept_asks_for_the_same(tmp_path: Path) -> None:
    kept = desk()
    kept.run = SimpleNamespace(path=tmp_path)
    kept.settings = replace(kept.settings, folds=4, groups=GROUPS)
    keep_study(kept)
    assert with_study(tmp_path / "study.toml", Settings(data=Path("data"), out=Path("out")), set()) == kept.settings
