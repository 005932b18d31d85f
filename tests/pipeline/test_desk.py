"""What the desk settles before any work."""

from pathlib import Path

import pytest

from evenhand.pipeline.desk import opened
from evenhand.progress import SILENT
from evenhand.settings.commands import Settings
from evenhand.settings.presets import PRESETS
from evenhand.training.recipe import RECIPES


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, None),
        ({"changes": {"epochs": 2}}, 2),
        ({"preset": "reference"}, RECIPES["reference"]["simple"].epochs),
        ({"scale": 0.001}, RECIPES["quick"]["simple"].epochs),
    ],
)
def test_small_data_are_seen_often_enough(
    pictures: Path, tmp_path: Path, words: dict[str, object], expected: int | None
) -> None:
    settings = Settings(data=pictures, out=tmp_path / "run", **({"preset": "quick", "jobs": 1} | words))  # type: ignore[arg-type]
    with opened(settings, "audit", SILENT) as desk:
        epochs = desk.recipe("simple").epochs
        images = desk.manifest.counts("train")
    if expected is None:
        least = PRESETS["quick"].least_views
        assert epochs * sum(images.values()) >= least > (epochs - 1) * 0.8 * sum(images.values())
    else:
        assert epochs == expected
