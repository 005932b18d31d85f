"""The search that a replay may do besides."""

from pathlib import Path
from typing import Any

import pytest

from evenhand.errors import EvenhandError, UsageError
from evenhand.pipeline import replay_tuning
from evenhand.progress import SILENT
from evenhand.settings.commands import Settings


def test_it_searches_from_the_studys_recipe_in_a_run_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Settings] = []

    def tune(settings: Settings, progress: Any) -> tuple[str, Path]:
        asked.append(settings)
        return "found", settings.out

    monkeypatch.setattr(replay_tuning, "tune", tune)
    monkeypatch.setattr(replay_tuning, "summary", lambda found: [f"What was {found}."])
    replayed = Settings(
        data=Path("data"),
        out=tmp_path,
        test=Path("test"),
        preset="reference",
        folds=5,
        repairs=("none", "drop"),
        changes={"epochs": 2},
        seed=7,
    )
    assert replay_tuning.tuned(replayed, 90.0, SILENT) == ("What was found.",)
    (settings,) = asked
    assert (settings.out, settings.time_limit) == (tmp_path / "tuning", 90.0)
    assert (settings.model, settings.recipe, settings.preset) == ("simple", "reference", "standard")
    assert (settings.test, settings.changes, settings.seed) == (Path("test"), {"epochs": 2}, 7)
    assert (settings.folds, settings.repairs) == (None, None)
    assert settings.started is not None


def test_a_search_without_a_trial_is_a_sentence_and_not_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=Path("data"), out=tmp_path, preset="reference")

    def failing(error: Exception) -> Any:
        def tune(settings: Settings, progress: Any) -> Any:
            raise error

        return tune

    monkeypatch.setattr(replay_tuning, "tune", failing(EvenhandError("No trial. Give a longer --time-limit.")))
    (line,) = replay_tuning.tuned(settings, 1.0, SILENT)
    assert line == "The search came to nothing: No trial. Give a longer --tune."
    monkeypatch.setattr(replay_tuning, "tune", failing(UsageError("Optuna is not installed.")))
    with pytest.raises(UsageError, match="not installed"):
        replay_tuning.tuned(settings, 1.0, SILENT)
