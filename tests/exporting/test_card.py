"""The card says what the files say, in Markdown that no class name can break."""

import json
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.disk import write_json
from evenhand.errors import ModelFileError
from evenhand.evaluation.metrics import evaluate
from evenhand.exporting.card import plain, write_card
from evenhand.exporting.limits import limits
from evenhand.training.model_file import save_model
from handed_over import CLASSES, model


def figures(seed: int = 0, support: tuple[int, ...] = (60, 40, 5)) -> dict[str, Any]:
    labels = np.repeat(np.arange(3), support)
    probabilities = np.random.default_rng(seed).dirichlet([1, 1, 1], len(labels)).astype(np.float32)
    probabilities[:60] = 0.6 * np.eye(3, dtype=np.float32)[0] + 0.4 * probabilities[:60]
    return evaluate(labels, probabilities, CLASSES).to_json()


def facts(**changes: Any) -> dict[str, Any]:
    audit = {
        "unreadable": 5,
        "duplicate_groups": 8,
        "leaked": 3,
        "label_issues": 41,
        "wrong_labels_estimate": {"value": 52.4, "low": 31.0, "high": 70.2},
        "pairs": [{"given": CLASSES[0], "true": CLASSES[2], "value": 20.2, "low": 11.0, "high": 30.0}],
    }
    told = {
        "remedy": "balanced-softmax",
        "repair": "drop",
        "trained_on": "train",
        "data": "f1nger",
        "training_counts": dict(zip(CLASSES, (600, 50, 7.5), strict=True)),
        "audit": audit,
        "test": figures(),
        "out_of_fold": figures(1),
        "environment": {"evenhand": "0.1.0"},
    }
    return told | changes


def card(folder: Path, **changes: Any) -> str:
    save_model(model(members=2, flips=True), folder, facts(**changes))
    return write_card(folder).read_text(encoding="utf-8")


def test_every_part_that_is_promised_is_there(tmp_path: Path) -> None:
    text = card(tmp_path / "run/model")
    for title in ("Intended use", "Data", "Known label errors", "Figures", "Robustness", "Limits", "Files"):
        assert f"\n## {title}\n" in text
    assert "About 52 of the training labels are estimated to be wrong (95 % interval 31 to 70)" in text
    assert "41 images were named as suspects" in text
    assert "`f1nger`" in text
    assert "2 networks of the kind `simple`, whose probabilities are averaged" in text
    assert "Not measured yet: `evenhand attack`" in text
    test = figures()
    assert f"| balanced accuracy (mean recall) | {test['balanced_accuracy']:.3f} |" in text
    recall = test["per_class"][CLASSES[1]]["recall"]
    assert f"| قطط | {test['per_class'][CLASSES[1]]['precision']:.3f} | {recall:.3f} |" in text
    assert text == write_card(tmp_path / "run/model").read_text(encoding="utf-8")


def test_no_class_name_breaks_a_table(tmp_path: Path) -> None:
    text = card(tmp_path / "run/model")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert any("a\\|b \\*c\\*" in line for line in tables)
    for before, after in pairwise(tables):
        if set(after) <= set("|-"):
            assert len(before.replace("\\|", "").split("|")) == len(after.split("|"))
    assert plain("a\n# b <script>") == "a \\# b \\<script\\>"


def test_exports_and_attacks_are_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "run/model"
    card(folder)
    attack = {"attack": "pgd", "norm": "linf", "eps": 8 / 255, "n": 60, "clean_accuracy": 0.9, "robust_accuracy": 0.25}
    attack |= {"robust_accuracy_low": 0.16, "robust_accuracy_high": 0.37}
    own = sha256((folder / "model.json").read_bytes() + (folder / "model.safetensors").read_bytes()).hexdigest()
    elsewhere = attack | {"attack": "fgsm", "model": "another model"}
    for name, value in (
        ("robustness/pgd/result.json", attack | {"model": own}),
        ("robustness/elsewhere/result.json", elsewhere),
        ("robustness/other/result.json", {"x": 1}),
    ):
        (tmp_path / "run" / name).parent.mkdir(parents=True)
        write_json(tmp_path / "run" / name, value)
    parity = {"n": 625, "split": "test", "largest": 2.4e-7, "other_class": 0, "worst": "x"}
    write_json(folder / "model.onnx.json", {"parity": parity})
    change = {"difference": {"value": -0.02, "low": -0.05, "high": 0.01}}
    write_json(folder / "model.int8.onnx.json", {"price": {"n": 625, "other_class": 4, "per_class": {"b": change}}})
    text = write_card(folder).read_text(encoding="utf-8")
    assert "| pgd | linf 0.03137 | 60 | 0.900 | 0.250 | 0.160 to 0.370 |" in text
    assert "fgsm" not in text
    assert "same classes as the model on 625 test images, probabilities within 2.4e-07" in text
    assert "4 of 625 images are called differently" in text
    assert "-0.020 (-0.050 to +0.010)" in text


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    save_model(model(), tmp_path / "model", {})
    text = write_card(tmp_path / "model").read_text(encoding="utf-8")
    assert "The labels were not checked" in text
    assert "None were measured" in text
    assert "nothing is known of how often it is right" in text
    with pytest.raises(ModelFileError, match="No card can be made"):
        write_card(tmp_path)
    (tmp_path / "model/model.json").write_text(json.dumps({"classes": []}))
    with pytest.raises(ModelFileError, match="No card can be made"):
        write_card(tmp_path / "model")


def test_limits_follow_from_the_figures() -> None:
    told = "\n".join(limits(facts()))
    assert "a|b *c*: judged on 5 images only" in told
    assert "قطط: missed more often than found" in told
    assert "calibration error" in told
    assert "out of fold" not in told
    assert "never judged" in "\n".join(limits(facts(test=None)))
    assert "joined the training" in "\n".join(limits(facts(trained_on="all")))
    assert "no image to judge it on" in "\n".join(limits(facts(test=figures(support=(60, 40, 0)))))
