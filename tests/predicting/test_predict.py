"""Predictions through all the parts: right ones, in order, from a model folder and from its export alike."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.errors import DataError, ModelFileError, UsageError
from evenhand.exporting.onnx_file import to_onnx
from evenhand.predicting.predict import Predict, Predictions, formats_of, opened
from evenhand.predicting.rows import FORMATS, Answer
from evenhand.settings.costs import Costs, Decision, Uses
from evenhand.training.model_file import save_model
from handed_over import CLASSES, encoded, model, picture_folder, pixels

MADE = model("resnet", (24, 24), members=2, flips=True, temperature=1.2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with its export, and a folder of pictures of the model's size, one of them broken."""
    found = tmp_path_factory.mktemp("predict")
    save_model(MADE, found / "model", {})
    (found / "model/model.onnx").write_bytes(to_onnx(MADE, {}))
    picture_folder(found / "data", {"a": 9, "b": 6}, sizes=((24, 24), (40, 30)))
    (found / "data/a/0004.png").write_bytes(b"\x89PNG broken")
    return found


def ask(*paths: Path | str, of: Path, **words: Any) -> tuple[list[Answer], Predictions]:
    request = Predict(of, tuple(map(str, paths)), device="cpu", **words)
    found = Predictions(request, opened(request))
    return list(found.answers()), found


@pytest.mark.parametrize("jobs", [1, 2])
def test_answers_are_those_of_the_model_in_order(place: Path, jobs: int) -> None:
    image = pixels(1, (24, 24), seed=77)[0]
    (place / "one.png").write_bytes(encoded(image))
    answers, found = ask(place / "data", place / "one.png", of=place / "model", jobs=jobs)
    assert [Path(answer.path).name for answer in answers[:5]] == [
        "0000.png",
        "0001.jpg",
        "0002.bmp",
        "0003.gif",
        "0004.png",
    ]
    expected = MADE.probabilities(image[None])[0]
    assert answers[-1].probabilities is not None
    np.testing.assert_allclose(answers[-1].probabilities, expected, atol=1e-6)
    assert answers[-1].called == CLASSES[int(expected.argmax())]
    assert answers[4].error.startswith("unreadable: ")
    told = found.summary()
    assert (told["n"], told["unreadable"]) == (16, 1)
    assert sum(told["counts"].values()) == 15
    assert found.sentence() == "16 pictures, 1 of them could not be read (see the column error)."


def test_an_export_answers_as_the_model_does(place: Path) -> None:
    ours, _ = ask(place / "data", of=place / "model")
    exported, _ = ask(place / "data", of=place / "model/model.onnx", jobs=2)
    for one, other in zip(ours, exported, strict=True):
        assert (one.path, one.called, one.error) == (other.path, other.called, other.error)
        if one.probabilities is not None and other.probabilities is not None:
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)


def test_a_file_of_weights_answers_too(place: Path) -> None:
    torch.save(MADE.members[0].state_dict(), place / "weights.pt")
    words = {"network": "resnet", "classes": CLASSES, "size": (24, 24)}
    answers, _ = ask(place / "data", of=place / "weights.pt", **words)
    assert len(answers) == 15


def test_unsure_answers_are_left_to_people(place: Path) -> None:
    everything, _ = ask(place / "data", of=place / "model")
    sure = sorted(float(answer.probabilities.max()) for answer in everything if answer.probabilities is not None)
    middle = sure[7]
    answers, found = ask(place / "data", of=place / "model", reject_below=middle)
    rejected = [answer for answer in answers if answer.rejected]
    assert len(rejected) == 7
    assert all(answer.called == "" and answer.probabilities is not None for answer in rejected)
    assert found.summary()["coverage"]["answered"] == 7
    assert "7 of 14 answers (50.0%) have a probability of at least" in found.sentence()
    assert sum(found.summary()["counts"].values()) == 7


@pytest.mark.parametrize("method", ["occlusion", "gradients"])
def test_every_answer_is_explained_in_a_picture(place: Path, tmp_path: Path, method: str) -> None:
    answers, _ = ask(place / "data/a", of=place / "model", explain=tmp_path / "why", method=method)
    shown = sorted(path.name for path in (tmp_path / "why").iterdir())
    assert shown == [Path(answer.explanation).name for answer in answers if answer.explanation]
    assert len(shown) == 8
    assert shown[0] == "000001-0000.png"
    assert shown[4] == "000006-0005.png"


def test_an_export_cannot_be_differentiated(place: Path, tmp_path: Path) -> None:
    words = {"of": place / "model/model.onnx", "explain": tmp_path / "why"}
    assert len(ask(place / "data", **words)[0]) == 15
    with pytest.raises(UsageError, match="occlusion, or the model folder"):
        ask(place / "data", method="gradients", **words)


def test_one_picture_from_standard_input(place: Path) -> None:
    request = Predict(place / "model", ("-",), device="cpu")
    found = Predictions(request, opened(request))
    image = pixels(1, (24, 24), seed=77)[0]
    (answer,) = found.answers(io.BytesIO(encoded(image)))
    assert answer.path == "-"
    assert answer.called == CLASSES[int(MADE.probabilities(image[None])[0].argmax())]


def test_nothing_is_written_into_the_data_and_nothing_is_left(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tree: Callable[[Path], Any]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = tree(place / "data")
    ask(place / "data", of=place / "model", jobs=2)
    assert tree(place / "data") == before
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_meant_is_said(place: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures"):
        ask(tmp_path, of=place / "model")
    with pytest.raises(UsageError, match=r"named 'ocusion'.*occlusion"):
        ask(place / "data", of=place / "model", method="ocusion")
    with pytest.raises(UsageError, match="--jobs"):
        ask(place / "data", of=place / "model", jobs=0)
    with pytest.raises(UsageError, match="--reject-below"):
        ask(place / "data", of=place / "model", reject_below=2)
    with pytest.raises(ModelFileError, match="no file"):
        ask(place / "data", of=place / "absent.onnx")
    with pytest.raises(ModelFileError, match="no model"):
        ask(place / "data", of=place / "absent")
    with pytest.raises(UsageError, match="--size 24x24"):
        ask(place / "data", of=place / "model/model.onnx", size=(8, 8))


def test_the_format_follows_the_files_ending() -> None:
    assert formats_of(None, None, FORMATS) == "csv"
    assert formats_of(Path("x.jsonl"), None, FORMATS) == "jsonl"
    assert formats_of(Path("x.ndjson"), None, FORMATS) == "jsonl"
    assert formats_of(Path("x.txt"), None, FORMATS) == "csv"
    assert formats_of(Path("x.jsonl"), "csv", FORMATS) == "csv"
    with pytest.raises(UsageError, match=r"no format 'cvs'.*'csv'"):
        formats_of(None, "cvs", FORMATS)


def test_stated_costs_decide_and_say_what_they_expect(place: Path, tmp_path: Path) -> None:
    plain, before = ask(place / "data", of=place / "model", jobs=1)
    assert not before.costed
    assert all(answer.expected_cost is None for answer in plain)
    # Whatever is called by another name than the last costs, and most of all where it is of the last.
    last = len(CLASSES) - 1
    table = [
        [0.0 if column == last else 1.0 + 9 * (row == last) for column in range(len(CLASSES))]
        for row in range(len(CLASSES))
    ]
    costs = Costs(CLASSES, tuple(map(tuple, table)))
    answers, found = ask(place / "data", of=place / "model", jobs=1, costs=costs)
    assert found.costed
    good = [answer for answer in answers if not answer.error]
    assert {answer.called for answer in good} == {CLASSES[last]}
    assert {answer.expected_cost for answer in good} == {0.0}
    assert [answer.expected_cost for answer in answers if answer.error] == [None]
    even = (1 / len(CLASSES),) * len(CLASSES)
    save_model(replace(MADE, uses=Uses(even, even, Decision(costs, even, even))), tmp_path / "model", {})
    (tmp_path / "kept.onnx").write_bytes(to_onnx(MADE, Uses(even, even, Decision(costs, even, even)).to_json(CLASSES)))
    for model_place in (tmp_path / "model", tmp_path / "kept.onnx"):
        again, _ = ask(place / "data", of=model_place, jobs=1)
        assert [answer.called for answer in again] == [answer.called for answer in answers]


def test_costs_are_per_answer_the_expectation_of_the_table(place: Path) -> None:
    table = np.arange(len(CLASSES) ** 2, dtype=float).reshape(len(CLASSES), -1)
    np.fill_diagonal(table, 0)
    answers, _ = ask(
        place / "data", of=place / "model", jobs=1, costs=Costs(CLASSES, tuple(map(tuple, table.tolist())))
    )
    for answer in answers:
        if answer.probabilities is not None:
            expected = answer.probabilities.astype(np.float64) @ table
            assert answer.expected_cost == pytest.approx(expected.min())
            assert answer.called == CLASSES[int(expected.argmin())]
    with pytest.raises(UsageError, match="cannot be moved to another mix"):
        ask(
            place / "data",
            of=place / "model",
            costs=Costs(CLASSES, tuple(map(tuple, table.tolist()))),
            prior="balanced",
        )
