import json
from dataclasses import replace
from pathlib import Path

import pytest

from evenhand.training import precision
from evenhand.training.recipe import Recipe

RECIPE = Recipe(model="simple", batch=4)


def test_measured_once_and_read_from_the_table_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "cache" / "precision.json"
    first = precision.settled(RECIPE, (32, 32), table=table)
    assert (first.precision, first.channels_last) in precision.CANDIDATES
    assert replace(first, precision="auto", channels_last=True) == RECIPE
    monkeypatch.setattr(precision, "_measure", lambda *_: pytest.fail("measured twice"))
    assert precision.settled(RECIPE, (32, 32), table=table) == first


def test_a_table_decides_even_against_today_s_timings(tmp_path: Path) -> None:
    table = tmp_path / "precision.json"
    precision.settled(RECIPE, (32, 32), table=table)
    known = json.loads(table.read_text())
    (key,) = known
    known[key] |= {"precision": "bfloat16", "channels_last": True}
    table.write_text(json.dumps(known))
    assert precision.settled(RECIPE, (32, 32), table=table).precision == "bfloat16"


def test_other_models_and_sizes_are_measured_by_themselves(tmp_path: Path) -> None:
    table = tmp_path / "precision.json"
    precision.settled(RECIPE, (32, 32), table=table)
    precision.settled(RECIPE, (24, 24), table=table)
    precision.settled(replace(RECIPE, batch=8), (32, 32), table=table)
    assert len(json.loads(table.read_text())) == 3


def test_a_settled_recipe_is_left_alone(tmp_path: Path) -> None:
    recipe = replace(RECIPE, precision="float32", channels_last=False)
    assert precision.settled(recipe, (32, 32), table=tmp_path / "absent.json") is recipe
    assert not (tmp_path / "absent.json").exists()


def test_a_damaged_or_unwritable_table_costs_only_a_new_measurement(tmp_path: Path) -> None:
    table = tmp_path / "precision.json"
    table.write_text("{ broken")
    assert precision.settled(RECIPE, (32, 32), table=table).precision != "auto"
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert precision.settled(RECIPE, (32, 32), table=blocked / "precision.json").precision != "auto"


def test_the_table_lies_in_the_cache_folder_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVENHAND_CACHE", str(tmp_path))
    assert precision.default_table() == tmp_path / "evenhand" / "precision.json"
