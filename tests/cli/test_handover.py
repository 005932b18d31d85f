"""The commands export, predict and serve from the outside: what they print, and with which code they end."""

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evenhand.data.locations import UndecodableError
from evenhand.data.pixels import decode
from evenhand.exporting.whole_model import WholeModel

Evenhand = Callable[..., Any]


@pytest.fixture
def run(finished: Any, tmp_path: Path) -> Path:
    """A finished run that may be changed."""
    return Path(shutil.copytree(finished[0], tmp_path / "run"))


def readable(folder: Path) -> list[Path]:
    """Return the pictures of a folder that can be read; the demo set has broken ones."""

    def works(path: Path) -> bool:
        try:
            decode(path.read_bytes())
        except UndecodableError:
            return False
        return True

    return [path for path in sorted(folder.rglob("*.png")) if works(path)]


def test_export_checks_on_the_runs_own_test_images(evenhand: Evenhand, run: Path, pictures: Path) -> None:
    told = evenhand("export", run / "model", "--to", "onnx", "--int8", "--jobs", "1", "--json", "--quiet").json
    assert (told["command"], told["onnx"]) == ("export", str(run / "model/model.onnx"))
    assert told["parity"]["split"] == "test"
    assert told["parity"]["n"] == len(readable(pictures / "test"))
    assert told["parity"]["other_class"] == 0
    assert told["parity"]["largest"] <= told["parity"]["tolerance"] == 1e-4
    assert set(told["int8"]["per_class"]) == set(told["classes"])
    card = (run / "model/MODEL_CARD.md").read_text(encoding="utf-8")
    assert "`model.onnx`: ONNX, from bytes to probabilities" in card
    assert "`model.int8.onnx`: ONNX in 8 bits" in card
    # The export says what the model folder says.
    words = (pictures / "test", "--jobs", "1", "--format", "jsonl", "--quiet")
    own = [json.loads(line) for line in evenhand("predict", run / "model", *words).out.splitlines()]
    other = [json.loads(line) for line in evenhand("predict", told["onnx"], *words).out.splitlines()]
    assert len([one for one in own if not one["error"]]) == told["parity"]["n"]
    for one, two in zip(own, other, strict=True):
        assert (one["path"], one["class"]) == (two["path"], two["class"])


def test_export_tells_people_the_price(evenhand: Evenhand, run: Path, tmp_path: Path) -> None:
    said = evenhand(
        "export", run / "model", "--int8", "--out", tmp_path / "new/other.onnx", "--limit", "20", "--jobs", "1"
    )
    assert said.code == 0, said.err
    told = json.loads((tmp_path / "new/other.onnx.json").read_text(encoding="utf-8"))["parity"]
    assert 15 < told["n"] <= 20
    assert f"Same classes as evenhand on all {told['n']} test images" in said.out
    assert "kB" in said.out
    assert f"In 8 bits: {tmp_path / 'new/other.int8.onnx'}" in said.out
    assert not (run / "model/model.onnx").exists()


def test_an_export_that_is_not_the_product_ends_with_code_5(
    evenhand: Evenhand, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(self: WholeModel, images: torch.Tensor) -> torch.Tensor:
        return self.of_scaled(images.permute(0, 3, 1, 2).to(torch.float32) / 128 - 1)

    monkeypatch.setattr(WholeModel, "forward", wrong)
    said = evenhand("export", run / "model", "--jobs", "1", "--quiet")
    assert (said.code, said.out) == (5, "")
    assert "not the product" in said.err
    assert list((run / "model").glob("*.onnx*")) == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--to", "onx"], 2, "Did you mean 'onnx'"),
        (["--limit", "0"], 2, "--limit"),
        (["--out", "model.pb"], 2, "has to end in .onnx"),
        (["--data", "absent"], 3, "absent"),
        (["--size", "8"], 2, "--size"),
    ],
)
def test_export_says_what_is_wrong(evenhand: Evenhand, run: Path, words: list[str], code: int, message: str) -> None:
    said = evenhand("export", run / "model", *words, "--quiet")
    assert (said.code, said.out) == (code, "")
    assert message in said.err


def test_export_of_a_model_alone_needs_images(evenhand: Evenhand, run: Path, pictures: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(run / "model", tmp_path / "alone"))
    assert "Name some with --data" in evenhand("export", alone, "--quiet").err
    assert evenhand("export", alone, "--data", pictures, "--limit", "5", "--jobs", "1", "--quiet").code == 0
    study = json.loads((run / "study.json").read_text(encoding="utf-8"))
    (run / "study.json").write_text(json.dumps(study | {"data": "/gone"}), encoding="utf-8")
    said = evenhand("export", run / "model", "--quiet")
    assert said.code == 2
    assert "/gone" in said.err
    assert evenhand("export", tmp_path / "absent").code == 4


def test_predict_writes_a_table(evenhand: Evenhand, run: Path, pictures: Path) -> None:
    said = evenhand("predict", run / "model", pictures / "test", "--jobs", "1")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert said.code == 0
    assert [row["path"] for row in rows] == sorted(str(path) for path in (pictures / "test").rglob("*.png"))
    broken = [row for row in rows if row["error"]]
    assert len(broken) == len(rows) - len(readable(pictures / "test")) == 1
    assert f"{len(rows)} pictures, 1 of them could not be read" in said.err
    for row in rows:
        if row["error"]:
            continue
        shares = {name.removeprefix("p_"): float(value) for name, value in row.items() if name.startswith("p_")}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert row["class"] == max(shares, key=lambda name: shares[name])


def test_predict_agrees_with_evaluate(evenhand: Evenhand, run: Path, pictures: Path) -> None:
    figures = evenhand("evaluate", run / "model", pictures, "--jobs", "1", "--json").json
    said = evenhand("predict", run / "model", pictures / "test", "--jobs", "1", "--quiet")
    rows = [row for row in csv.DictReader(io.StringIO(said.out)) if not row["error"]]
    right = sum(Path(row["path"]).parent.name == row["class"] for row in rows)
    assert right / len(rows) == pytest.approx(figures["accuracy"])


def test_predict_says_one_object_when_asked(evenhand: Evenhand, run: Path, pictures: Path, tmp_path: Path) -> None:
    words = (pictures / "test", "--jobs", "1", "--json", "--reject-below", "0.9")
    told = evenhand("predict", run / "model", *words).json
    assert (told["command"], told["model"]) == ("predict", str(run / "model"))
    assert len(told["predictions"]) == told["n"]
    rejected = sum(one["rejected"] for one in told["predictions"])
    assert told["coverage"]["answered"] == told["n"] - told["unreadable"] - rejected
    filed = evenhand("predict", run / "model", *words, "--out", tmp_path / "new/rows.jsonl").json
    assert "predictions" not in filed
    assert filed["coverage"] == told["coverage"]
    lines = (tmp_path / "new/rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == told["predictions"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["rows.jsonl"]


def test_predict_reads_a_pipe(program: list[str], run: Path, pictures: Path) -> None:
    paths = sorted((pictures / "test").rglob("*.png"))[:3]
    command = [*program, "predict", str(run / "model"), "-", "--quiet"]
    listed = subprocess.run(command, input="\n".join(map(str, paths)).encode(), capture_output=True, check=True)
    rows = list(csv.DictReader(io.StringIO(listed.stdout.decode())))
    assert [row["path"] for row in rows] == list(map(str, paths))
    piped = subprocess.run(command, input=paths[1].read_bytes(), capture_output=True, check=True)
    (row,) = csv.DictReader(io.StringIO(piped.stdout.decode()))
    assert (row["path"], row["class"], row["probability"]) == ("-", rows[1]["class"], rows[1]["probability"])


def test_predict_leaves_no_half_written_file(evenhand: Evenhand, run: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = evenhand("predict", run / "model", tmp_path / "empty", "--out", tmp_path / "rows.csv")
    assert (said.code, said.out) == (3, "")
    assert "There are no pictures" in said.err
    assert not (tmp_path / "rows.csv").exists()
    assert list(tmp_path.glob(".rows*")) == []
    assert evenhand("predict", tmp_path / "absent", tmp_path).code == 4
    assert evenhand("predict", run / "model", tmp_path, "--format", "xml").code == 2


def test_serve_says_what_is_missing(evenhand: Evenhand, run: Path, tmp_path: Path) -> None:
    said = evenhand("serve", run / "model")
    assert (said.code, said.out) == (4, "")
    assert f"evenhand export {run / 'model'}" in said.err
    assert evenhand("serve", tmp_path / "absent").code == 4
    assert "--queue" in evenhand("serve", run / "model", "--queue", "0").err


def test_an_attack_on_a_runs_model_is_told_in_its_card(evenhand: Evenhand, run: Path, pictures: Path) -> None:
    words = ("--attack", "fgsm", "--eps", "0.05", "--limit", "2", "--examples", "0", "--jobs", "1", "--json", "--quiet")
    told = evenhand("attack", run / "model", pictures, "--out", run, *words).json
    card = (run / "model/MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"| fgsm | linf 0.05 | {told['n']} | {told['clean_accuracy']:.3f} | {told['robust_accuracy']:.3f} |" in card


def test_a_run_leaves_a_card(finished: Any) -> None:
    card = (finished[0] / "model/MODEL_CARD.md").read_text(encoding="utf-8")
    made = json.loads((finished[0] / "model/model.json").read_text(encoding="utf-8"))
    assert f"`{made['data']}`" in card
    assert f"| balanced accuracy (mean recall) | {made['test']['balanced_accuracy']:.3f} |" in card
