"""The reference study replayed, from a folder to a page."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.attacks.assault import Assault
from evenhand.auditing.duplicates import training_rows
from evenhand.auditing.ledger import append, edit
from evenhand.cli.options import settings
from evenhand.data.manifest import read_manifest
from evenhand.models.catalogue import build
from evenhand.pipeline import reference as replaying
from evenhand.pipeline.desk import opened
from evenhand.progress import SILENT
from evenhand.study.published import published

Evenhand = Callable[..., Any]
SECTIONS = ("verdict", "data", "baseline", "recipe", "remedies", "final", "rates", "attacks", "undone", "again")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A file of weights for the study's network that calls everything by its first output."""
    network = build("simple", n_classes=3, size=(32, 32), width=24)
    state = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    state["fc3.bias"] = torch.tensor([1.0, 0.0, 0.0])
    torch.save({"model_state_dict": state}, tmp_path / "given.ckpt")
    return tmp_path / "given.ckpt"


def few(seed: int) -> tuple[Assault, ...]:
    """Return the study's attacks in short."""
    common: dict[str, Any] = {"limit": 2, "lean": True, "seed": seed, "examples": 1}
    return (
        Assault("optimised-noise:steps=3", norm="l1", target="all", **common),
        Assault("fgsm", eps=8 / 255, **common),
    )


def trials(run: Path) -> dict[str, int]:
    return {place.name: (place / "oof.npz").stat().st_mtime_ns for place in (run / "trials").glob("[!.]*")}


@pytest.mark.slow
def test_the_whole_study_comes_out_of_one_command_and_goes_on_where_it_stopped(
    evenhand: Evenhand, pictures: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "assaults", few)
    run = tmp_path / "run"
    words = ("reference", pictures, "--baseline", checkpoint, "--epochs", "1", "--jobs", "1", "--out", run)
    told = evenhand(*words, "--json", "--quiet").json
    manifest = read_manifest(run / "manifest.csv", ("Cars", "Cats", "Trucks"))
    tests, trained = manifest.where("test"), training_rows(manifest)
    assert (told["judged_on"], told["n"], told["trained_on"]) == ("test", len(tests), len(trained))
    # The study's first output is Car, whatever the order of the folders.
    cars = int((manifest.given[tests] == 0).sum())
    assert told["baseline"]["given"]["accuracy"] == pytest.approx(cars / len(tests))
    assert told["baseline"]["published_accuracy"] == 0.8816
    names = [one["name"] for one in told["experiments"]]
    assert names == [one.name for one in published().experiments]
    assert sum(told["experiments"][0]["trained_counts"]) == len(trained), "what judges is not trained on"
    assert sum(told["experiments"][1]["trained_counts"]) == 2 * len(trained)
    assert (told["final"]["epochs"], told["final"]["repair"]) == (2, "none")
    assert {(one["name"], one["repair"]) for one in told["undone"]} >= {(name, "drop") for name in names}
    assert all(one["expected"]["balanced_accuracy"]["value"] <= 1 for one in told["undone"])
    assert [row["rate"] for row in told["rates"]] == [1e-10, 0.1]
    assert [one["attack"] for one in told["attacks"]] == ["optimised-noise", "fgsm"]
    assert told["missing"] == []
    page = Path(told["report"]).read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)"', page) == list(SECTIONS)
    assert f"--baseline {checkpoint} --epochs 1" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)

    # The same command reads what is there; a ledger adds figures and trains nothing.
    before, written = trials(run), (run / "reference.json").read_bytes()
    evenhand(*words, "--quiet")
    assert (run / "reference.json").read_bytes() == written
    row, ledger = int(tests[0]), tmp_path / "edits.jsonl"
    append(ledger, [edit("label", "me", pixel_sha256=manifest.pixel_sha256[row], given="Cars", label="Cats")])
    corrected = evenhand(*words, "--edits", ledger, "--json", "--quiet").json
    assert corrected["baseline"]["ledger"]["accuracy"] != corrected["baseline"]["given"]["accuracy"]
    assert corrected["experiments"][0]["given"] == told["experiments"][0]["given"]
    assert trials(run) == before
    assert evenhand("report", run).code == 0
    assert "corrected by people" in Path(told["report"]).read_text(encoding="utf-8")


def _asked(data: Path, out: Path, **more: Any) -> Any:
    words = {"data": data, "out": out, "seed": 0, "device": "cpu", "jobs": 1, "change": ["epochs=1"], **more}
    return replaying._filled(settings("reference", words))


def test_what_judges_is_trained_on_by_nobody_and_copies_of_it_neither(pictures: Path, tmp_path: Path) -> None:
    with opened(_asked(pictures, tmp_path / "run"), "reference", SILENT) as desk:
        bench = replaying._bench(desk)
        judges = bench.fold == replaying.JUDGES
        assert set(desk.manifest.split[bench.rows[judges]]) == {"test"}
        assert set(desk.manifest.split[bench.rows[~judges]]) == {"train"}
        groups = desk.manifest.group[bench.rows]
        assert not set(groups[judges].tolist()) & set(groups[~judges].tolist())
        assert sorted(set(bench.fold.tolist())) == list(range(replaying.FOLDS + 1))
        assert list(bench.judged) == [replaying.JUDGES]
        parts = replaying._candidates(desk)
        assert {one.recipe.epochs for _, one in parts["experiments"] + parts["undone"]} == {1}
        assert [one.recipe.epochs for _, one in parts["final"]] == [2]
        assert {one.recipe.batch for _, one in parts["experiments"]} == {4}


def test_without_test_images_a_part_of_the_training_images_judges(pictures: Path, tmp_path: Path) -> None:
    with opened(_asked(pictures / "train", tmp_path / "run"), "reference", SILENT) as desk:
        bench = replaying._bench(desk)
        assert np.array_equal(bench.rows, training_rows(desk.manifest))
        share = float((bench.fold == replaying.JUDGES).mean())
        assert 0.1 < share < 0.3
    told = " ".join(replaying._missing(None, tested=False, rates=None))
    assert "Name some with --test" in told
    assert "--baseline FILE" in told
    assert "fewer than 10 steps" in told


def test_the_two_attacks_are_the_studys() -> None:
    asked = replaying.assaults(0)
    assert {one.name for one in asked} == {"optimised-noise", "fgsm"}
    starts = [one.attack.partition("start=")[2] or "zeros" for one in asked if one.name == "optimised-noise"]
    assert starts == ["zeros", "gaussian", "white"]
