"""The end of a run on a small demo set: calibrated, distilled, decided by cost, and the same when it is made again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenhand.data.demo import make_demo
from evenhand.errors import UsageError
from evenhand.pipeline.run import run
from evenhand.settings.commands import Settings
from evenhand.settings.costs import Costs, Decision, read_costs
from evenhand.training.model_file import load_model

COSTS = Costs(("Cars", "Cats", "Trucks"), ((0.0, 1.0, 1.0), (5.0, 0.0, 5.0), (1.0, 2.0, 0.0)))


def asked(folder: Path, **changes: object) -> Settings:
    return replace(
        Settings(
            data=folder / "data",
            out=folder / "run",
            preset="quick",
            remedies=("balanced-softmax",),
            repairs=("none",),
            folds=2,
            changes={"epochs": 1},
            jobs=1,
            device="cpu",
        ),
        **changes,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("finishing")
    make_demo(found / "data", scale=0.03)
    return found


def test_one_network_is_kept_and_says_how_it_was_made(folder: Path) -> None:
    settings = asked(folder, distil=True, costs=COSTS, prior="training")
    outcome = run(settings, command="train")
    made = json.loads((outcome.model / "model.json").read_text(encoding="utf-8"))
    assert made["members"] == 1
    assert made["distilled_from"]["members"] == 2
    assert made["temperature_fitted_on"].startswith("out-of-fold probabilities, ")
    assert made["calibration"]["n"] == sum(made["training_counts"].values())
    assert made["prior"] == pytest.approx(dict.fromkeys(COSTS.classes, 1 / 3))
    assert made["costs"]["table"] == COSTS.to_json()
    counts = np.array([made["training_counts"][name] for name in COSTS.classes])
    np.testing.assert_allclose([made["costs"]["prior"][name] for name in COSTS.classes], counts / counts.sum())
    # The figures are those of what was kept, and of its decisions.
    model = load_model(outcome.model)
    assert outcome.test is not None
    assert outcome.test.evaluation.cost is not None
    assert made["test"]["cost"]["mean"]["value"] == outcome.test.evaluation.cost.mean.value
    assert model.uses.decision == Decision(COSTS, model.uses.made_for, model.uses.training)
    assert read_costs(folder / "run/costs.csv") == COSTS
    page = outcome.report.read_text(encoding="utf-8")
    assert "It was taught by two networks" in page
    assert "are divided by a temperature of" in page
    assert "--costs RUN/costs.csv --prior training" in page
    before = (outcome.model / "model.safetensors").read_bytes()
    places = sorted((folder / "run/cache/members").iterdir())
    assert len(places) == 3
    places[-1].unlink()
    run(settings, command="train")
    assert (outcome.model / "model.safetensors").read_bytes() == before
    with pytest.raises(UsageError):
        run(replace(settings, distil=False), command="train")


def test_costs_of_other_classes_are_refused_before_any_work(folder: Path) -> None:
    other = Costs(("Cars", "Dogs"), ((0.0, 1.0), (1.0, 0.0)))
    with pytest.raises(UsageError, match="has no Cats, Trucks and speaks of Dogs"):
        run(asked(folder, out=folder / "refused", costs=other), command="train")
    assert not (folder / "refused/trials").exists() or not any((folder / "refused/trials").iterdir())
    with pytest.raises(UsageError, match="needs a share for each class"):
        run(asked(folder, out=folder / "refused", costs=COSTS, prior={"Cars": 1.0}), command="train")
