import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.attacks import robustness
from evenhand.attacks.assault import Assault
from evenhand.attacks.robustness import measure_robustness
from evenhand.attacks.subject import Subject
from evenhand.attacks.victim import Victim
from evenhand.errors import EvenhandError, UsageError

NAMES = ("cats", "dogs", "ships", "vans")
CONTRACT = {
    *("attack", "norm", "eps", "n", "clean_accuracy", "robust_accuracy", "success_rate", "median_norm", "per_class"),
}


@pytest.fixture
def subject(trained: Any) -> Subject:
    return Subject(
        victim=Victim(trained.network),
        pixels=(trained.images * 255).round().byte().permute(0, 2, 3, 1).numpy(),
        labels=trained.labels.numpy(),
        paths=tuple(f"{number}.png" for number in range(60)),
        classes=NAMES,
        counts=np.array([400, 200, 100, 50]),
        counted="run",
        fingerprint="these",
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_an_attack_leaves_figures_tables_and_pictures(subject: Subject, tmp_path: Path) -> None:
    told, folder = measure_robustness(subject, Assault(attack="pgd:steps=15", eps=16 / 255), tmp_path)
    assert folder.parent == tmp_path / "robustness"
    assert folder.name.startswith("pgd-linf-0.06275-")
    assert set(told) >= CONTRACT
    assert (told["attack"], told["norm"], told["eps"], told["n"]) == ("pgd", "linf", 16 / 255, 60)
    images = rows(folder / "images.csv")
    assert [row["path"] for row in images] == list(subject.paths)
    assert sum(row["fooled"] == "true" for row in images) == told["fooled"]
    assert sum(row["fooled_png"] == "true" and row["fooled"] == "true" for row in images) == told["kept_by_png"]
    assert all((row["smallest_norm"] != "") == (row["fooled"] == "true") for row in images)
    assert [row["class"] for row in rows(folder / "per_class.csv")] == list(NAMES)
    assert sum(int(row["reached"]) for row in rows(folder / "matrix.csv")) == told["fooled"]
    assert [row["train_count"] for row in rows(folder / "fragility.csv")] == ["400", "200", "100", "50"]
    assert len(told["fragility"]["tendencies"]) == len(told["fragility_adjusted"]["tendencies"]) == 3
    assert len(rows(folder / "examples/examples.csv")) == told["examples"] == 12
    with np.load(folder / "adversarial.npz") as file:
        assert file["images"].shape == (60, 12, 12, 3)
        assert file["images"].dtype == np.uint8
        called = file["logits_png"].argmax(axis=1)
    assert ((called != subject.labels) == [row["fooled_png"] == "true" for row in images]).all()
    kept = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(told))


def test_what_is_there_is_only_read(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assault = Assault(attack="fgsm", eps=0.1, examples=0)
    told, folder = measure_robustness(subject, assault, tmp_path)
    monkeypatch.setattr(robustness, "attack", None)
    again, same = measure_robustness(subject, assault, tmp_path)
    assert same == folder
    assert again == json.loads(json.dumps(told))
    (folder / "result.json").write_text("{", encoding="utf-8")
    with pytest.raises(EvenhandError, match=r"damaged.*Delete"):
        measure_robustness(subject, assault, tmp_path)
    (folder / "result.json").unlink()
    with pytest.raises(TypeError):  # not complete: it is done again
        measure_robustness(subject, assault, tmp_path)


def test_two_runs_leave_the_same_bytes(
    subject: Subject, tmp_path: Path, tree: Callable[[Path], dict[str, str | None]]
) -> None:
    for name in ("one", "other"):
        measure_robustness(subject, Assault(attack="pgd:steps=5", eps=0.06, examples=2), tmp_path / name)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_other_words_have_a_folder_of_their_own(subject: Subject, tmp_path: Path) -> None:
    places = {
        measure_robustness(subject, assault, tmp_path)[1]
        for assault in (
            Assault(attack="fgsm", eps=0.05, examples=0),
            Assault(attack="fgsm", eps=0.06, examples=0),
            Assault(attack="fgsm", eps=0.05, examples=0, seed=1),
            Assault(attack="fgsm", norm="l2", eps=0.05, examples=0),
        )
    }
    assert len(places) == 4


def test_the_smallest_noise_comes_with_a_curve(subject: Subject, tmp_path: Path) -> None:
    told, folder = measure_robustness(subject, Assault(attack="ddn:steps=20", norm="l2", examples=0), tmp_path)
    curve = rows(folder / "curve.csv")
    assert len(curve) == 20
    assert float(curve[0]["accuracy"]) == told["clean_accuracy"] == 1
    assert told["eps"] is None
    assert told["median_norm"] > 0
    assert folder.name.startswith("ddn-l2-")


def test_targets_by_name(subject: Subject, tmp_path: Path) -> None:
    told, folder = measure_robustness(subject, Assault(attack="pgd:steps=10", eps=0.1, target="ships"), tmp_path)
    assert told["attempted"] == 45
    assert {row["target"] for row in rows(folder / "images.csv")} == {"ships"}
    assert "fragility" not in told
    told, folder = measure_robustness(subject, Assault(attack="pgd:steps=5", eps=0.1, target="all"), tmp_path)
    images = rows(folder / "images.csv")
    assert len(images) == told["n"] == 180
    assert [row["path"] for row in images[:4]] == ["0.png", "0.png", "0.png", "1.png"]
    assert all(int(row["tried"]) == 15 for row in rows(folder / "matrix.csv"))
    with pytest.raises(UsageError, match=r"no class 'ship'.*'ships'"):
        measure_robustness(subject, Assault(attack="pgd", eps=0.1, target="ship"), tmp_path)


def test_optimised_noise_comes_with_its_trade_off(subject: Subject, tmp_path: Path) -> None:
    words = {"norm": "l1", "target": "all", "limit": 2, "examples": 1}
    told, folder = measure_robustness(subject, Assault(attack="optimised-noise:steps=20", **words), tmp_path)
    table = rows(folder / "tradeoff.csv")
    assert [float(row["c"]) for row in table] == pytest.approx([0.001, 0.003, 0.01, 0.03, 0.1, 0.3])
    assert {int(row["images"]) for row in table} == {24}
    assert float(table[0]["l1"]) > float(table[-1]["l1"])
    assert told["eps"] is None


def test_at_most_so_many_images_of_each_class(subject: Subject, tmp_path: Path) -> None:
    told, folder = measure_robustness(subject, Assault(attack="fgsm", eps=0.1, limit=4, examples=0), tmp_path)
    assert [row["n"] for row in told["per_class"].values()] == [4] * 4
    names = [int(row["path"].split(".")[0]) for row in rows(folder / "images.csv")]
    assert names == sorted(names)
    assert names != list(range(16))


def test_corruptions(subject: Subject, tmp_path: Path) -> None:
    told, folder = measure_robustness(subject, Assault(attack="corruptions", limit=3), tmp_path)
    assert set(told) >= CONTRACT
    assert told["norm"] is told["eps"] is told["median_norm"] is None
    table = rows(folder / "corruptions.csv")
    assert len(table) == 75
    assert np.mean([float(row["accuracy"]) for row in table]) == pytest.approx(told["robust_accuracy"])
    assert folder.name.startswith("corruptions-")
    assert len(told["by_corruption"]) == 15
    assert told["severities"] == [1, 2, 3, 4, 5]
    told, folder = measure_robustness(subject, Assault(attack="corruptions:severity=2", limit=3), tmp_path)
    assert {row["severity"] for row in rows(folder / "corruptions.csv")} == {"2"}
    assert told["severities"] == [2]


def test_each_evaluation_is_checked_unless_it_is_to_be_lean(subject: Subject, tmp_path: Path) -> None:
    def measured(**words: Any) -> dict[str, Any]:
        return measure_robustness(subject, Assault(examples=0, **words), tmp_path)[0]

    assert len(measured(attack="fgsm", eps=0.05)["checks"]) == 7
    assert len(measured(attack="ddn:steps=10", norm="l2")["checks"]) == 7
    assert len(measured(attack="pgd:steps=3", eps=0.05, target="all")["checks"]) == 7
    assert measured(attack="fmn:steps=10", norm="l1")["checks"] == []
    lean = measured(attack="fgsm", eps=0.05, lean=True)
    assert not {"checks", "fragility", "fragility_adjusted"} & set(lean)


def test_it_says_whose_images_these_are(subject: Subject, tmp_path: Path) -> None:
    asked = replace(subject, model="abc", source="val", seen=True)
    told, _ = measure_robustness(asked, Assault(attack="fgsm", eps=0.05, lean=True), tmp_path)
    assert (told["model"], told["images_from"], told["images_seen"]) == ("abc", "val", True)
    assert told["training_counts"] == [400, 200, 100, 50]
    assert told["smallest"] is False


def test_what_is_corrected_already_is_not_adjusted_again(subject: Subject, tmp_path: Path) -> None:
    corrected = replace(subject, corrected=True)
    told, folder = measure_robustness(corrected, Assault(attack="fgsm", eps=0.1, examples=0), tmp_path)
    assert "fragility" in told
    assert "fragility_adjusted" not in told
    assert not (folder / "fragility_adjusted.csv").exists()


def test_without_counts_nothing_is_said_of_rare_classes(subject: Subject, tmp_path: Path) -> None:
    unknown = replace(subject, counts=None)
    told, folder = measure_robustness(unknown, Assault(attack="fgsm", eps=0.1, examples=0), tmp_path)
    assert "fragility" not in told
    assert not (folder / "fragility.csv").exists()
