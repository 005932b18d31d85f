import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.models.catalogue import build

SHARED = Path(__file__).parents[3] / "shared/data/car-truck-cat"
CONTRACT = {
    *("schema_version", "command", "run", "attack", "norm", "eps", "n", "clean_accuracy", "robust_accuracy"),
    *("success_rate", "median_norm", "per_class"),
}

Evenhand = Callable[..., Any]
Finished = tuple[Path, Any]


def test_attack_says_what_the_contract_names(
    evenhand: Evenhand, finished: Finished, pictures: Path, tmp_path: Path
) -> None:
    words = ("attack", finished[0] / "model", pictures, "--attack", "pgd:steps=5", "--norm", "linf", "--eps", "8/255")
    told = evenhand(*words, "--out", tmp_path / "run", "--jobs", "1", "--json", "--quiet").json
    assert set(told) >= CONTRACT
    assert (told["command"], told["attack"], told["norm"], told["eps"]) == ("attack", "pgd", "linf", 8 / 255)
    assert told["run"] == str(tmp_path / "run")
    assert told["robust_accuracy"] <= told["clean_accuracy"]
    assert sum(row["n"] for row in told["per_class"].values()) == told["n"]
    folder = Path(told["folder"])
    assert folder.parent == tmp_path / "run/robustness"
    assert (folder / "images.csv").is_file()
    assert json.loads((tmp_path / "run/study.json").read_text(encoding="utf-8"))["command"] == "attack"
    # The clean figure is that of `evaluate`.
    judged = evenhand("evaluate", finished[0] / "model", pictures, "--json", "--quiet").json
    assert told["clean_accuracy"] == pytest.approx(judged["accuracy"], abs=1.5 / told["n"])


def test_a_second_attack_joins_the_first_and_people_read_sentences(
    evenhand: Evenhand, finished: Finished, pictures: Path, tmp_path: Path
) -> None:
    words = ("attack", finished[0] / "model", pictures, "--out", tmp_path / "run", "--jobs", "1", "--limit", "3")
    first = evenhand(*words, "--attack", "fgsm")
    assert first.code == 0, first.err
    for part in ("fgsm on 9 images, noise of at most 0.03137 in linf.", "Accuracy untouched", "Tables and pictures: "):
        assert part in first.out
    assert "Attacking with fgsm" in first.err
    second = evenhand(*words, "--attack", "noise:tries=2", "--quiet")
    assert second.code == 0, second.err
    assert len(list((tmp_path / "run/robustness").glob("*/result.json"))) == 2
    again = evenhand(*words, "--attack", "fgsm")
    assert again.out == first.out
    assert "Attacking" not in again.err


def test_the_attacks_on_a_run_lie_beside_its_report(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, quick: list[str]
) -> None:
    run = tmp_path / "run"
    assert evenhand("train", pictures, "--out", run, "--remedy", "none", *quick).code == 0
    before = (run / "study.json").read_bytes()
    words = ("--attack", "fgsm", "--limit", "2", "--out", run, "--jobs", "1", "--json", "--quiet")
    told = evenhand("attack", run / "model", pictures, *words).json
    assert Path(told["folder"]).parent == run / "robustness"
    assert (run / "study.json").read_bytes() == before
    assert told["page"] == str(run / "robustness/report.html")
    assert told["report"] == str(run / "report.html")
    assert "How it breaks" in (run / "report.html").read_text(encoding="utf-8")
    # An attack on another model may lie in the folder; it is no part of this run's report.
    other = tmp_path / "weights.pt"
    torch.save(build("simple", n_classes=3, size=(32, 32)).state_dict(), other)
    words = ("--model", "simple", "--size", "32", "--attack", "noise", "--limit", "1", "--out", run, "--jobs", "1")
    told = evenhand("attack", other, pictures, *words, "--json", "--quiet").json
    assert "report" not in told
    assert "<code>noise</code>" in Path(told["page"]).read_text(encoding="utf-8")
    assert "<code>fgsm</code>" not in Path(told["page"]).read_text(encoding="utf-8")
    assert evenhand("report", run).code == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<code>fgsm</code>" in page
    assert "<code>noise</code>" not in page


def test_a_report_that_cannot_be_written_again_does_not_spoil_the_attack(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, quick: list[str]
) -> None:
    run = tmp_path / "run"
    assert evenhand("train", pictures, "--out", run, "--remedy", "none", *quick).code == 0
    for file in (run / "cache").glob("*.npy"):
        file.unlink()
    words = ("--attack", "fgsm", "--limit", "1", "--out", run, "--jobs", "1")
    said = evenhand("attack", run / "model", pictures, *words)
    assert said.code == 0
    assert "could not be written again" in said.err
    assert "Page: " in said.out
    assert "Report: " not in said.out


def test_a_run_ends_with_the_standard_stress(finished: Finished) -> None:
    run = finished[0]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (run / "robustness").glob("*/result.json")]
    assert sorted(one["attack"] for one in found) == ["corruptions", "fgsm", "fgsm", "fmn", "noise", "pgd", "pgd"]
    assert {one["images_from"] for one in found} == {"test"}
    assert not any(one["images_seen"] for one in found)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "How it breaks" in page
    assert "Can these figures be believed?" in page
    assert (run / "robustness/report.html").is_file()


def test_without_test_pictures_the_stress_says_what_it_was_made_on(
    evenhand: Evenhand, pictures: Path, tmp_path: Path, quick: list[str]
) -> None:
    run = tmp_path / "run"
    told = evenhand("run", pictures / "train", "--out", run, "--remedy", "none", "--json", *quick).json
    assert told["test"] is None
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "The model was trained on these images" in page


def test_every_class_aimed_at_every_other(
    evenhand: Evenhand, finished: Finished, pictures: Path, tmp_path: Path
) -> None:
    words = ("--attack", "optimised-noise:steps=5", "--target", "all", "--limit", "2", "--out", tmp_path / "run")
    told = evenhand("attack", finished[0] / "model", pictures, *words, "--jobs", "1", "--json", "--quiet").json
    assert (told["norm"], told["eps"], told["n"]) == ("l1", None, 12)
    with (Path(told["folder"]) / "matrix.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 6


def test_foreign_weights(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    torch.save(build("simple", n_classes=3, size=(32, 32)).state_dict(), tmp_path / "weights.pt")
    words = ("--model", "simple", "--size", "32", "--attack", "corruptions", "--limit", "1", "--out", tmp_path / "run")
    told = evenhand("attack", tmp_path / "weights.pt", pictures, *words, "--jobs", "1", "--json", "--quiet").json
    assert told["attack"] == "corruptions"
    assert told["norm"] is None
    said = evenhand("attack", tmp_path / "weights.pt", pictures, *words, "--jobs", "1", "--quiet")
    assert "15 corruptions at 5 severities on 3 images." in said.out
    words = tuple("corruptions:severity=2" if word == "corruptions" else word for word in words)
    said = evenhand("attack", tmp_path / "weights.pt", pictures, *words, "--jobs", "1", "--quiet")
    assert "15 corruptions at severity 2 on 3 images." in said.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--attack", "pgdd"], 2, "Did you mean 'pgd'"),
        (["--attack", "pgd:stepps=3"], 2, "Did you mean 'steps'"),
        (["--norm", "l7"], 2, "no norm 'l7'"),
        (["--eps", "eight"], 2, "8/255"),
        (["--eps", "8"], 2, "say 8/255"),
        (["--norm", "l2"], 2, "give --eps"),
        (["--target", "Dogs"], 2, "no class 'Dogs'"),
        (["--attack", "deepfool", "--target", "Cats"], 2, "cannot be aimed"),
        (["--attack", "corruptions:severity=6"], 2, "severity=1 to severity=5"),
        (["--split", "dev"], 2, "no split 'dev'"),
        (["--device", "gpu"], 2, "no device 'gpu'"),
    ],
)
def test_words_that_cannot_be_meant(
    evenhand: Evenhand, finished: Finished, pictures: Path, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    said = evenhand("attack", finished[0] / "model", pictures, "--out", tmp_path / "run", "--jobs", "1", *words)
    assert (said.code, said.out) == (code, "")
    assert message in said.err
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_not_there(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    for name, message in (("absent", "There is no model"), ("absent.onnx", "There is no file")):
        said = evenhand("attack", tmp_path / name, pictures, "--attack", "square", "--out", tmp_path / "run")
        assert said.code == 4
        assert message in said.err


def test_a_run_on_other_pictures_is_refused(
    evenhand: Evenhand, finished: Finished, pictures: Path, tmp_path: Path
) -> None:
    words = ("--attack", "fgsm", "--limit", "1", "--out", tmp_path / "run", "--jobs", "1")
    assert evenhand("attack", finished[0] / "model", pictures, *words).code == 0
    said = evenhand("attack", finished[0] / "model", pictures, *words, "--split", "train")
    assert said.code == 3
    assert "other data" in said.err


@pytest.mark.skipif(not SHARED.exists(), reason="the reference study's data is not beside this checkout")
def test_the_baseline_of_the_reference_study(evenhand: Evenhand, tmp_path: Path) -> None:
    """It says Cars to everything: hard to talk out of it, and always wrong about the rest."""
    words = ("--model", "simple", "--classes", "Cars,Trucks,Cats", "--limit", "20", "--jobs", "1", "--json", "--quiet")
    told = evenhand(
        "attack", SHARED / "pre_trained.ckpt", SHARED / "dev", *words, "--attack", "pgd:steps=5", "--out", tmp_path
    ).json
    assert told["n"] == 60
    assert told["per_class"]["Cars"]["clean_accuracy"] == 1
    assert told["per_class"]["Cats"]["clean_accuracy"] == 0
    assert told["attempted"] == 20
    assert np.isfinite(told["robust_accuracy"])
