"""The functions do what the commands do: a folder that one has made, the other goes on with, and says the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evenhand
from evenhand.errors import DataError, ModelFileError, UsageError

WORDS: dict[str, Any] = {
    "preset": "quick",
    "set": {"epochs": 1, "precision": "float32"},
    "folds": 2,
    "repair": "none",
    "jobs": 1,
    "quiet": True,
}


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return dark and bright noise, a third of it bright."""
    draw = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype(np.int64)
    return (draw.integers(0, 128, (count, 16, 16, 3)) + 120 * labels[:, None, None, None]).astype(np.uint8), labels


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("functions")


@pytest.fixture(scope="module")
def data(place: Path) -> evenhand.Data:
    apart = evenhand.load(*pictures(12, 2), classes=["dark", "bright"], keep=place / "test.npz")
    return evenhand.load(*pictures(36, 1), classes=["dark", "bright"], keep=place / "train.npz", test=apart)


@pytest.fixture(scope="module")
def result(data: evenhand.Data, place: Path) -> Any:
    return evenhand.train(data, remedy="sampler", out=place / "run", **WORDS)


def test_train_is_the_command(
    result: Any, data: evenhand.Data, place: Path, quick: list[str], evenhand: Callable[..., Any]
) -> None:
    words = [data.path, "--test", data.test, "--classes", "dark,bright", "--remedy", "sampler", "--out", place / "run"]
    told = evenhand("train", *words, *quick, "--json").json
    del told["schema_version"], told["command"]
    assert json.loads(json.dumps(result.to_json())) == told
    assert result.evaluation.classes == ("dark", "bright")
    assert result.evaluation.n == 12
    assert "Chosen: sampler, model simple." in repr(result)
    assert "12 test images" in repr(result)
    shown = result._repr_html_()
    assert "balanced accuracy" in shown
    assert str(result.report) in shown
    assert "<script" not in shown


def test_evaluate_and_predict_take_results_and_arrays(result: Any, data: evenhand.Data) -> None:
    judged = evenhand.evaluate(result, data, jobs=1, quiet=True)
    assert judged.evaluation.to_json() == result.evaluation.to_json(), "the test images are meant"
    again = evenhand.evaluate(result.model, data, split="train", against=result, jobs=1, quiet=True)
    assert again.evaluation.n == 36
    assert again.to_json()["against"]["n"] == 36
    assert "36 images" in repr(again)
    assert "labelled as" in again._repr_html_()
    images, labels = pictures(12, 2)
    found = evenhand.predict(result, images, reject_below=0.1)
    assert found.classes == ("dark", "bright")
    assert found.probabilities.shape == (12, 2)
    right = [found.classes[label] == called for label, called in zip(labels, found.called, strict=True)]
    assert np.mean(right) == judged.evaluation.accuracy.value
    assert "12 of 12 answers" in repr(found)
    assert found._repr_html_().count("<img") == 12


def test_predict_reads_files_and_says_which_cannot_be_read(result: Any, place: Path) -> None:
    from PIL import Image

    Image.fromarray(pictures(1, 3)[0][0]).save(place / "one.png")
    found = evenhand.predict(result, [place / "one.png", place / "none.png"], jobs=1)
    assert [bool(name) for name in found.called] == [True, False]
    assert np.isnan(found.probabilities[1]).all()
    assert "not there" in found._repr_html_()


def test_attack_joins_the_run(result: Any, data: evenhand.Data) -> None:
    found = evenhand.attack(
        result, data, attack="fgsm", eps=0.1, out=result.run, limit=2, examples=0, jobs=1, quiet=True
    )
    assert found.run == result.run
    assert found.robust_accuracy <= found.clean_accuracy
    assert found.to_json()["eps"] == 0.1
    assert "fgsm on 4 images" in repr(found)
    assert "untouched" in found._repr_html_()


ASKED: dict[str, Any] = {
    "preset": "quick",
    "size": 24,
    "seed": 3,
    "folds": 4,
    "model": "resnet",
    "recipe": "standard",
    "detector": "cleanlab:both",
    "device": "cpu",
    "jobs": 2,
    "time_limit": 90,
    "set": {"epochs": 2, "augmentation.flip_horizontal": False, "learning_rate": 0.1},
}
TYPED = (
    "--preset quick --size 24 --seed 3 --folds 4 --model resnet --recipe standard --detector cleanlab:both "
    "--device cpu --jobs 2 --time-limit 90s --set epochs=2 --set augmentation.flip_horizontal=false "
    "--set learning_rate=0.1"
)
CASES = [
    ("audit", {}, ""),
    (
        "compare",
        {"remedy": ["none", "focal:gamma=1"], "repair": ["none", "drop"], "seeds": 2, "halving": False, "trust": 0.7},
        "--remedy none --remedy focal:gamma=1 --repair none,drop --seeds 2 --no-halving --trust 0.7",
    ),
    (
        "run",
        {
            "remedy": "sampler",
            "refit": "all",
            "distil": True,
            "what_next": True,
            "allow_stacking": True,
            "costs": {"dark": {"dark": 0, "bright": 1}, "bright": {"dark": 5, "bright": 0}},
            "prior": {"dark": 0.9, "bright": 0.1},
        },
        "--remedy sampler --refit all --distil --what-next --allow-stacking --costs costs.csv "
        "--prior dark=0.9,bright=0.1",
    ),
]


@pytest.mark.parametrize(("command", "more", "typed"), CASES)
def test_words_mean_what_they_mean_on_the_command_line(
    command: str,
    more: dict[str, Any],
    typed: str,
    result: Any,
    data: evenhand.Data,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    evenhand: Callable[..., Any],
) -> None:
    import evenhand as product

    asked: list[Any] = []
    outcome = result.outcome
    left = {
        "audit": (outcome.audit, outcome.report),
        "compare": (outcome.audit, outcome.comparison, outcome.report),
        "run": outcome,
    }[command]
    monkeypatch.setattr(
        f"evenhand.pipeline.run.{command}", lambda settings, *_, **__: (asked.append(settings), left)[1]
    )
    monkeypatch.chdir(place)
    Path("costs.csv").write_text(",dark,bright\ndark,0,1\nbright,5,0\n")
    found = getattr(product, command)(data, out=result.run, quiet=True, **ASKED, **more)
    words = [data.path, "--test", data.test, "--classes", "dark,bright", "--out", result.run, "--json"]
    told = evenhand(command, *words, *TYPED.split(), *typed.split()).json
    assert asked[0] == asked[1]
    del told["schema_version"], told["command"]
    assert json.loads(json.dumps(found.to_json())) == told
    shown = found._repr_html_()
    assert str(found.report) in shown
    if command == "audit":
        assert "48 images of 2 classes" in repr(found)
        assert found.suspects == outcome.audit.flagged
    if command == "compare":
        assert found.chosen.reason in shown
        assert found.leaderboard == told["leaderboard"]
        assert found.ties == ()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda data: evenhand.run(data, preset="slow"), UsageError, "There is no preset"),
        (lambda data: evenhand.train(data, repair="none,drop"), UsageError, "one remedy"),
        (lambda data: evenhand.compare(data, set={"epoch": 3}), UsageError, "no setting 'epoch'"),
        (lambda data: evenhand.run(data, set={"epochs": "many"}), UsageError, "whole number"),
        (lambda data: evenhand.run(data, size=0), UsageError, "size takes a side"),
        (lambda data: evenhand.run(data, time_limit="20m"), UsageError, "number of seconds"),
        (lambda data: evenhand.run(data, prior="balanced"), UsageError, "--costs"),
        (lambda data: evenhand.run(data, costs={"dark": {"dark": 0}, "bright": {}}), UsageError, "costs takes"),
        (lambda data: evenhand.run("nowhere"), DataError, "There is no nowhere"),
        (lambda data: evenhand.evaluate("nothing", data), ModelFileError, "There is no model"),
        (lambda data: evenhand.evaluate("nothing", data, split="all"), UsageError, "test images apart"),
        (lambda data: evenhand.attack("nothing", data, attack="pgdd"), UsageError, "Did you mean 'pgd'"),
    ],
)
def test_mistakes_are_the_errors_of_the_command_line(
    call: Callable[[Any], object], error: type[Exception], message: str, data: Any, place: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(error, match=message):
        call(data)
    assert not (place / "evenhand-runs").exists()
