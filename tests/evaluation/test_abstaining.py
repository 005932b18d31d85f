from dataclasses import replace

import numpy as np
import pytest

from evenhand.cli.show import abstention_lines
from evenhand.errors import UsageError
from evenhand.evaluation.abstaining import abstention
from evenhand.evaluation.metrics import evaluate
from evenhand.predicting.coverage import Coverage
from evenhand.records.abstention import LEVELS, Abstention
from evenhand.records.evaluation import Evaluation

LABELS = np.array([0, 0, 0, 1, 1, 2])
SURE = np.array(
    [[0.9, 0.1, 0], [0.8, 0.1, 0.1], [0.3, 0.7, 0], [0.1, 0.9, 0], [0.5, 0.4, 0.1], [0.4, 0.2, 0.4]], dtype=np.float32
)


def test_a_row_counts_class_by_class_who_gets_an_answer_and_who_a_right_one() -> None:
    found = abstention(LABELS, SURE, 0.75)
    row = found.chosen
    assert row is not None
    assert row.counts == ((3, 2, 2), (2, 1, 1), (1, 0, 0))
    assert (row.n, row.share, row.balanced_accuracy, row.least()) == (3, 0.5, 1.0, (2, 0.0))
    assert row.accuracy is not None
    assert (row.accuracy.value, row.accuracy.high) == (1.0, 1.0)
    assert row.accuracy.low == pytest.approx(0.4385, abs=1e-4)  # Wilson's interval of 3 of 3


def test_the_share_is_the_coverage_that_predict_tells() -> None:
    random = np.random.default_rng(0)
    probabilities = random.dirichlet([0.4, 0.4, 0.4], 300).astype(np.float32)
    labels = random.integers(0, 3, 300)
    found, counted = abstention(labels, probabilities, 0.85), Coverage(0.85)
    counted.add(probabilities.max(axis=1))
    told = counted.to_json()["curve"]
    assert [row.threshold for row in found.curve] == sorted([*LEVELS, 0.85])
    assert [row.share for row in found.curve] == [point["share"] for point in told]
    for row in found.curve:
        kept = probabilities.max(axis=1) >= np.float32(row.threshold)
        assert row.accuracy is not None
        assert row.accuracy.value == (probabilities.argmax(axis=1) == labels)[kept].mean()


def test_it_is_kept_in_files_and_told_in_words() -> None:
    whole = evaluate(LABELS, SURE, ("a", "b", "c"))
    found = replace(whole, abstention=abstention(LABELS, SURE, 0.75))
    assert Evaluation.from_json(found.to_json()) == found
    assert found.to_json()["abstention"]["curve"][-1]["accuracy"] is None
    lines = abstention_lines(found)
    assert lines[0].startswith("3 of 6 images (50.0%) get an answer of at least 0.75. Of these answers 100.0% are")
    assert lines[0].endswith("Of the 3 others 0.0% would be.")
    assert lines[1] == "The class that gets the fewest answers for its images: c, 0.0%."
    assert abstention_lines(replace(found, abstention=abstention(LABELS, SURE))) == []
    nobody = replace(found, abstention=abstention(LABELS, SURE, 1.0))
    assert abstention_lines(nobody) == ["0 of 6 images (0.0%) get an answer of at least 1."]


def test_without_a_threshold_none_is_chosen() -> None:
    found = abstention(LABELS, SURE)
    assert found.chosen is None
    assert Abstention.from_json(found.to_json("abc"), "abc") == found


@pytest.mark.parametrize("threshold", [0, -1, 1.01, float("nan")])
def test_thresholds_are_probabilities(threshold: float) -> None:
    with pytest.raises(UsageError, match="--reject-below takes a probability"):
        abstention(LABELS, SURE, threshold)
