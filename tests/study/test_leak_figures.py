"""What is said of leaks, and that the file reads back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evenhand.errors import EvenhandError
from evenhand.records.values import Interval
from evenhand.study.leak_figures import FILE, Contrast, Leak, Leakage, LeakScore, read_leakage, write_leakage


def contrast(leaky: float, safe: float, reach: float = 0.02) -> Contrast:
    def around(value: float) -> Interval:
        return Interval(value, value - reach, value + reach)

    return Contrast(around(leaky), around(safe), around(leaky - safe))


def score(n: int, leaky: float, safe: float, reach: float = 0.02) -> LeakScore:
    return LeakScore(n, contrast(leaky, safe, reach), contrast(leaky + 0.01, safe, reach))


LEAK = Leak(
    images=14,
    pairs=2,
    epochs=10,
    whole=score(200, 0.8, 0.75),
    leaked=score(40, 0.97, 0.6),
    others=score(160, 0.74, 0.745),
    direct=Interval(0.07, 0.05, 0.09),
)
VAGUE = replace(LEAK, whole=score(200, 0.76, 0.75), direct=Interval(0.0, -0.1, 0.1))
NOTHING = Leakage("simple", "balanced-softmax", 200, 0, None, None)
BOTH = replace(NOTHING, grouped=30, test=LEAK, folds=replace(LEAK, pairs=4, others=None))


@pytest.mark.parametrize("leakage", [NOTHING, BOTH, replace(BOTH, test=None), replace(BOTH, folds=None)])
def test_it_reads_back_from_the_file_of_the_audit(tmp_path: Path, leakage: Leakage) -> None:
    assert read_leakage(tmp_path) is None
    write_leakage(tmp_path, leakage)
    assert read_leakage(tmp_path) == leakage
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8")) == json.loads(json.dumps(leakage.to_json()))


@pytest.mark.parametrize(
    "content", ["", "{}", '{"model": "simple", "remedy": "none", "tests": 1, "grouped": 1, "test": 3}']
)
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(EvenhandError, match=r"leakage.json cannot be read.*Run the same command again"):
        read_leakage(tmp_path)


def test_without_leaks_it_is_said_that_there_is_nothing_to_measure() -> None:
    assert NOTHING.sentences() == [
        "No training image is a copy of a test image or shares a group with one: there is no leak into the test to "
        "measure.",
        "No two training images are copies or share a group, so folds have nothing to keep together.",
    ]
    assert "There are no test images" in replace(NOTHING, tests=0).sentences()[0]
    (told,) = replace(NOTHING, grouped=1200).on_folds()
    assert told.startswith("1,200 training images have copies")
    assert told.endswith("was not measured.")


def test_a_leak_that_matters_is_said_to_flatter() -> None:
    first, credit, parts = BOTH.on_test()
    assert first == (
        "14 training images belong to 40 test images: copies, near-duplicates, or others of the same group. The final "
        "model was trained without them."
    )
    assert credit == (
        "Trained with them, as the data are split, the network simple would be credited with a balanced accuracy of "
        "80.0 % on the test images instead of 75.0 %: +5.0 points (95 % interval +3.0 to +7.0). The leak flatters the "
        "score."
    )
    assert parts == (
        "Of the test images concerned alone (40), 98.0 % are named as labelled with the leak and 60.0 % without: +38.0 "
        "points (95 % interval +36.0 to +40.0). They move the balanced accuracy of the whole by +7.0 points (95 % "
        "interval +5.0 to +9.0)."
    )
    assert "out of fold" in BOTH.on_folds()[1]
    (method,) = BOTH.method()
    assert (
        "2 pairs of trainings of 10 epochs for the test and 4 pairs of trainings of 10 epochs for the folds" in method
    )


def test_one_image_is_spoken_of_in_the_singular() -> None:
    told = " ".join(replace(BOTH, test=replace(LEAK, images=1, leaked=score(1, 1, 1), pairs=1, epochs=1)).sentences())
    assert "1 training image belongs to 1 test image:" in told
    assert "trained without it. Trained with it, as" in told
    assert "1 pair of trainings of 1 epoch for the test" in told


@pytest.mark.parametrize(
    ("leaked", "words"),
    [(3, "from chance; with 3 leaked images among 200 it could hardly be otherwise."), (40, "told from chance.")],
)
def test_what_cannot_be_told_from_chance_is_said_to_be_so(leaked: int, words: str) -> None:
    vague = replace(VAGUE, leaked=score(leaked, 0.9, 0.8, 0.5))
    credit = replace(BOTH, test=vague).on_test()[1]
    assert "+1.0 points (95 % interval -1.0 to +3.0). The interval holds 0: this cannot be" in credit
    assert credit.endswith(words)


@pytest.mark.parametrize(
    ("leak", "words"),
    [
        (
            replace(LEAK, whole=score(200, 0.7, 0.75), direct=Interval(-0.05, -0.07, -0.03)),
            "interval -7.0 to -3.0). The score is lower with the leak: what leaked carries labels that mislead.",
        ),
        (replace(LEAK, direct=VAGUE.direct), "the leaked images themselves do not account for it."),
        (replace(VAGUE, direct=LEAK.direct), "so the whole does not show it; the leaked images themselves do."),
    ],
)
def test_what_a_difference_means(leak: Leak, words: str) -> None:
    assert replace(BOTH, test=leak).on_test()[1].endswith(words)


def test_what_the_other_images_gain_is_not_put_down_to_the_leak() -> None:
    grown = replace(LEAK, others=score(160, 0.8, 0.7))
    assert (
        "The other test images, where nothing leaked, differ too, by +10.0 points"
        in replace(BOTH, test=grown).on_test()[3]
    )
    assert len(BOTH.on_test()) == 3
