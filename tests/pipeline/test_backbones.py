"""A run on a backbone from the pictures to an exported model, with the backbone's folder moved and then gone."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backbones import tiny
from evenhand.data.demo import make_demo
from evenhand.errors import UsageError
from evenhand.pipeline.run import RunOutcome, compare, run
from evenhand.settings.commands import Settings
from evenhand.training.model_file import load_model

pytest.importorskip("transformers", reason="pre-trained backbones need evenhand[pretrained]")


def asked(folder: Path, **changes: object) -> Settings:
    return replace(
        Settings(
            data=folder / "data",
            out=folder / "run",
            preset="quick",
            remedies=("feature-smote",),
            repairs=("none",),
            folds=2,
            changes={"epochs": 2},
            model=f"hf:{folder / 'backbone'}",
            jobs=1,
            device="cpu",
        ),
        **changes,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunOutcome]:
    folder = tmp_path_factory.mktemp("backbones")
    make_demo(folder / "data", scale=0.03)
    tiny(folder / "backbone")
    return folder, run(asked(folder), command="train")


def test_a_run_trains_on_features_and_keeps_a_model_that_needs_nothing_else(made: tuple[Path, RunOutcome]) -> None:
    folder, outcome = made
    assert len(list((folder / "run/cache").glob("features-*.npy"))) == 1
    told = json.loads((outcome.model / "model.json").read_text(encoding="utf-8"))
    assert told["recipe"]["frozen"]
    assert told["recipe"]["model"].startswith("hf:backbone@")
    assert told["backbone"]["config"]["model_type"] == "vit"
    for file in (folder / "run/study.json", *(folder / "run/trials").rglob("result.json")):
        assert str(folder / "backbone") not in file.read_text(encoding="utf-8"), "keys must not tell of a place"
    # The test was taken with the whole model; what is loaded from the folder says the same.
    assert outcome.test is not None
    hidden = shutil.move(folder / "backbone", folder / "hidden")
    try:
        pixels = np.load(next((folder / "run/cache").glob("pixels-*.npy")), mmap_mode="r")[outcome.test.indices]
        found = load_model(outcome.model).probabilities(pixels)
        np.testing.assert_array_equal(found, outcome.test.probabilities)
    finally:
        shutil.move(hidden, folder / "backbone")


def test_the_same_backbone_elsewhere_goes_on_with_the_run(made: tuple[Path, RunOutcome]) -> None:
    folder, _ = made
    shutil.copytree(folder / "backbone", folder / "elsewhere/backbone")
    before = {place.name for place in (folder / "run/trials").iterdir()}
    run(asked(folder, model=f"hf:{folder / 'elsewhere/backbone'}"), command="train")
    assert {place.name for place in (folder / "run/trials").iterdir()} == before
    tiny(folder / "other/backbone", seed=1)
    with pytest.raises(UsageError, match="other settings"):
        run(asked(folder, model=f"hf:{folder / 'other/backbone'}"), command="train")


def test_what_cannot_be_done_is_said_before_the_work(made: tuple[Path, RunOutcome]) -> None:
    folder, _ = made
    with pytest.raises(UsageError, match="cutmix pastes"):
        compare(asked(folder, remedies=("none", "cutmix"), out=folder / "refused"))
    assert not (folder / "refused/trials").exists() or not list((folder / "refused/trials").iterdir())
    with pytest.raises(UsageError, match="nothing is downloaded"):
        compare(asked(folder, model="hf:nobody/nothing", out=folder / "unknown"))


def test_the_model_leaves_as_onnx(made: tuple[Path, RunOutcome]) -> None:
    pytest.importorskip("onnxscript", reason="exporting needs evenhand[export]")
    from evenhand.exporting.export import export

    folder, outcome = made
    found = export(load_model(outcome.model), folder / "model.onnx", folder / "data", {})
    assert outcome.test is not None
    assert found.parity.to_json()["n"] == len(outcome.test.indices)
    assert (folder / "model.onnx").is_file()
