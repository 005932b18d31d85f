from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.study.compare import choose
from evenhand.study.cross_fitting import cross_fitted
from evenhand.study.judging import candidates, judge, post_offsets
from evenhand.training.predict import softmax

WHOLE = -1


def figure_of(table: dict[str, list[float]]) -> Any:
    """Return a figure that is the mean of what a text has in each fold; predictions are the text's number."""
    texts = list(table)

    def figure(scope: int, positions: Any, predicted: Any) -> float:
        assert scope not in positions
        (number,) = set(predicted.tolist())
        return float(np.mean([table[texts[number]][fold] for fold in positions]))

    return figure


def fitted(table: dict[str, list[float]]) -> dict[int, str]:
    folds = len(next(iter(table.values())))
    predicted = {
        (text, 0, fold): (np.array([fold]), np.array([number]))
        for number, text in enumerate(table)
        for fold in range(folds)
    }
    return cross_fitted(list(table), predicted, figure_of(table), WHOLE)


def test_each_fold_goes_by_the_others_and_the_whole_by_all() -> None:
    # Without fold 0 the sums are 1.0 and 1.1, without fold 1 1.5 and 0.7, without fold 2 1.3 and 1.0.
    assert fitted({"a": [0.9, 0.4, 0.6], "b": [0.3, 0.7, 0.4]}) == {0: "b", 1: "a", 2: "a", WHOLE: "a"}


def test_equals_and_a_single_fold_take_the_first() -> None:
    assert fitted({"a": [0.5, 0.5], "b": [0.5, 0.5]}) == {0: "a", 1: "a", WHOLE: "a"}
    assert fitted({"a": [0.1], "b": [0.9]})[0] == "a"


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=2, max_size=4), st.integers(0, 2), st.data()
)
def test_no_fold_has_a_say_in_what_it_is_judged_with(rows: list[list[float]], fold: int, data: Any) -> None:
    table = {f"{number}": row for number, row in enumerate(rows)}
    moved = {name: [*row] for name, row in table.items()}
    for row in moved.values():
        row[fold] = data.draw(st.floats(0, 1))
    assert fitted(table)[fold] == fitted(moved)[fold]


def test_a_tuned_correction_is_cross_fitted_and_settled_for_the_final_model(study: Any) -> None:
    bench = study.bench()
    asked = candidates(["logit-adjust:tau=tuned", "none", "logit-adjust:tau=2"], ["none"], study.recipe)
    tuned, plain, strong = judge(bench, asked, None, trust=0.5, seeds=2, title="")
    assert len(bench.engine.given) == 6  # three folds, two seeds, one training for all
    assert tuned.candidate.remedy == tuned.result.remedy == "logit-adjust:tau=tuned"
    assert tuned.settled.startswith("logit-adjust")
    assert tuned.settled != "logit-adjust:tau=tuned"
    assert plain.settled == strong.settled == ""
    assert choose([tuned, plain], 3).settled in (tuned.settled, "")
    # By hand, for one fold: the value that is best on the other two.
    grid = [1.0] + [value / 10 for gap in range(1, 11) for value in (10 - gap, 10 + gap)]
    stored = {
        (seed, fold): bench.run.read_trial(bench.trial("none", study.recipe, held=[fold], number=seed).key).arrays
        for seed in range(2)
        for fold in range(3)
    }

    def recall(tau: float, fold: int, seed: int) -> Any:
        part = stored[seed, fold]
        offsets = post_offsets(bench, "logit-adjust", bench.as_given, fold) * np.float32(tau)
        return part["rows"], softmax(part["logits"] + offsets).argmax(axis=1)

    def balanced(tau: float, folds: list[int]) -> float:
        found = []
        for seed in range(2):
            rows, predicted = (
                np.concatenate(parts) for parts in zip(*(recall(tau, f, seed) for f in folds), strict=True)
            )
            truth = study.labels[rows]
            found.append(np.mean([(predicted[truth == label] == label).mean() for label in range(3)]))
        return float(np.mean(found))

    for fold in range(3):
        others = [other for other in range(3) if other != fold]
        best = max(grid, key=lambda tau: (round(balanced(tau, others), 12), -grid.index(tau)))
        for seed in range(2):
            rows, predicted = recall(best, fold, seed)
            truth = study.labels[rows]
            expected = np.mean([(predicted[truth == label] == label).mean() for label in range(3)])
            assert tuned.by_fold[seed, fold] == pytest.approx(expected)


def test_a_tuned_second_training_takes_one_trunk_a_fold(study: Any) -> None:
    bench = study.bench()
    (score,) = judge(
        bench, candidates(["tau-norm:tau=tuned"], ["none"], study.recipe), None, trust=0.5, seeds=1, title=""
    )
    assert sum(not trial.parent for _, trial in bench.engine.given) == 3
    assert sum(bool(trial.parent) for _, trial in bench.engine.given) == 27
    assert len(score.result.trials) == 6
    assert "tau-norm" in score.settled
