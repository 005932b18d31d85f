from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.attacks.subject import Subject, model_fingerprint
from evenhand.attacks.victim import Victim
from evenhand.data.manifest import Dataset, Manifest, write_manifest


def dataset() -> Dataset:
    splits = np.array(["train"] * 5 + ["test"] * 3)
    given = np.array([0, 0, 0, 0, 1, 0, 1, 1])
    names = tuple(f"{number}.png" for number in range(8))
    manifest = Manifest(("a", "b"), names, names, names, splits, given, given, np.arange(8, dtype=np.int64))
    return Dataset(manifest, np.arange(8, dtype=np.uint8)[:, None, None, None] + np.zeros((8, 12, 12, 3), np.uint8))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    for name in ("model.json", "model.safetensors"):
        (tmp_path / "model" / name).write_bytes(b"x")
    return tmp_path / "model"


def test_the_counts_are_those_of_the_run_then_of_the_data(trained: Any, model: Path) -> None:
    def counted(rows: Any) -> tuple[list[int], str]:
        subject = Subject.of(Victim(trained.network), dataset(), rows, model)
        assert subject.counts is not None
        return subject.counts.tolist(), subject.counted

    assert counted(np.arange(5, 8)) == ([4, 1], "data")
    assert counted(np.arange(8)) == ([5, 3], "images")
    write_manifest(model.parent / "manifest.csv", dataset().manifest.select(np.array([0, 4, 4, 5])))
    assert counted(np.arange(5, 8)) == ([1, 2], "run")


def test_the_fingerprint_stands_for_model_and_images(trained: Any, model: Path) -> None:
    def fingerprint(rows: list[int]) -> str:
        return Subject.of(Victim(trained.network), dataset(), np.array(rows), model).fingerprint

    first = fingerprint([1, 2])
    assert fingerprint([1, 2]) == first
    assert fingerprint([1, 3]) != first
    (model / "model.safetensors").write_bytes(b"y")
    assert fingerprint([1, 2]) != first


@pytest.mark.parametrize(
    ("card", "corrected"),
    [
        ('{"remedy": "none"}', False),
        ('{"remedy": "augment+balanced-softmax"}', True),
        ('{"remedy": "none", "logit_offsets": [0, 1]}', True),
        ('{"remedy": "gone"}', False),
        ("{}", False),
        ("x", False),
    ],
)
def test_a_model_may_make_up_for_the_counts_already(trained: Any, model: Path, card: str, corrected: bool) -> None:
    (model / "model.json").write_text(card, encoding="utf-8")
    assert Subject.of(Victim(trained.network), dataset(), np.arange(8), model).corrected == corrected


def test_a_limit_is_drawn_class_by_class_by_the_seed(trained: Any, model: Path) -> None:
    subject = Subject.of(Victim(trained.network), dataset(), np.arange(8), model)
    some = subject.limited(2, 0)
    assert np.bincount(some.labels).tolist() == [2, 2]
    assert [f"{number}.png" for number in some.pixels[:, 0, 0, 0]] == list(some.paths)
    assert some.paths == tuple(sorted(some.paths))
    assert some.paths == subject.limited(2, 0).paths
    assert len({subject.limited(2, seed).paths for seed in range(8)}) > 1
    assert subject.limited(None, 0) is subject
    assert len(subject.limited(100, 0).labels) == 8


def test_it_says_which_images_these_are_and_which_model(trained: Any, model: Path) -> None:
    def subject(rows: list[int], **more: bool) -> Subject:
        return Subject.of(Victim(trained.network), dataset(), np.array(rows), model, **more)

    assert (subject([5, 6]).source, subject([0, 1]).source, subject([0, 5]).source) == ("test", "train", "")
    assert not subject([5]).seen
    assert subject([0], seen=True).seen
    assert subject([5]).model == subject([0, 6]).model == model_fingerprint(model)
    (model / "model.json").write_bytes(b"y")
    assert subject([5]).model != ""
    assert model_fingerprint(model / "model.json") == model_fingerprint(model / "model.json")
    assert model_fingerprint(model / "model.json") != model_fingerprint(model / "model.safetensors")
