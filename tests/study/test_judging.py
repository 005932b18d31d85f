from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evenhand.evaluation.label_noise import expected_balanced_accuracy
from evenhand.records.comparison import TIME, WEAK
from evenhand.study import judging
from evenhand.study.compare import best_of_each, choose, nested
from evenhand.study.halving import LEVEL
from evenhand.study.judging import Candidate, Score, balanced_accuracy, candidates, judge, post_offsets
from evenhand.study.label_audit import audit_labels
from evenhand.study.trial import Targets
from evenhand.training.predict import softmax


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_occur() -> None:
    assert balanced_accuracy(np.array([0, 0, 0, 2]), np.array([0, 1, 0, 2]), 4) == pytest.approx((2 / 3 + 1) / 2)


def test_judging_predicts_every_image_once_from_a_network_that_had_not_seen_it(study: Any) -> None:
    bench = study.bench()
    asked = candidates(["none", "logit-adjust", "sampler"], ["none"], study.recipe)
    scores = judge(bench, asked, None, trust=0.5, seeds=2, title="judging")
    assert [found.candidate for found in scores] == asked
    # logit-adjust is trained as none: two remedies, two seeds, three folds.
    assert len(bench.engine.given) == 12
    for found in scores:
        result = found.result
        assert found.by_fold.shape == (2, 3)
        assert result.evaluation.n == study.n
        np.testing.assert_array_equal(result.indices, np.arange(study.n))
        np.testing.assert_allclose(result.probabilities.sum(axis=1), 1, atol=1e-5)
        assert result.low <= result.evaluation.balanced_accuracy.value <= result.high
        assert len(result.trials) == 6
    expected = np.zeros((study.n, 3))
    for seed in range(2):
        for fold in range(3):
            trial = bench.trial("none", study.recipe, held=[fold], number=seed)
            stored = bench.run.read_trial(trial.key).arrays
            offsets = post_offsets(bench, "logit-adjust", bench.as_given, fold)
            found = softmax(stored["logits"] + offsets)
            expected[stored["rows"]] += found / 2
            right = balanced_accuracy(study.labels[stored["rows"]], found.argmax(axis=1), 3)
            assert scores[1].by_fold[seed, fold] == right
    np.testing.assert_allclose(scores[1].result.probabilities, expected, atol=1e-6)


def test_one_hold_out_set_judges_its_images_alone(study: Any) -> None:
    bench = study.bench(judged=1)
    (found,) = judge(bench, candidates(["none"], ["none"], study.recipe), None, trust=0.5, seeds=1, title="")
    np.testing.assert_array_equal(found.result.indices, np.flatnonzero(bench.fold == 0))
    assert found.result.evaluation.n == (bench.fold == 0).sum()
    balanced = found.result.evaluation.balanced_accuracy
    assert (found.result.low, found.result.high) == (balanced.low, balanced.high)


def test_what_is_added_to_logits_comes_from_the_training_part_alone(study: Any) -> None:
    bench = study.bench()
    for fold in range(3):
        counts = np.bincount(study.labels[bench.fold != fold], minlength=3)
        expected = -np.log(counts / counts.sum())
        np.testing.assert_allclose(post_offsets(bench, "logit-adjust", bench.as_given, fold), expected, rtol=1e-6)
        lies = np.where(bench.fold == fold, 2, study.labels)
        told = bench.save(Targets(np.ones(study.n, bool), lies))
        np.testing.assert_array_equal(
            post_offsets(bench, "logit-adjust", told, fold), post_offsets(bench, "logit-adjust", bench.as_given, fold)
        )
        dropped = bench.save(Targets(study.labels != 0, study.labels))
        assert post_offsets(bench, "logit-adjust", dropped, fold)[0] > 1
    np.testing.assert_array_equal(post_offsets(bench, "sampler", bench.as_given, 0), 0)


def test_a_training_that_diverged_is_judged_as_one_that_knows_nothing(study: Any) -> None:
    bench = study.bench()
    wild = replace(study.recipe, learning_rate=1e6, schedule="constant")
    asked = [Candidate("none", "none", wild), Candidate("none", "none", study.recipe)]
    bad, good = judge(bench, asked, None, trust=0.5, seeds=1, title="")
    assert np.isfinite(bad.result.probabilities).all()
    assert bad.result.evaluation.balanced_accuracy.value == pytest.approx(1 / 3, abs=0.1)
    assert choose([bad, good], folds=3).remedy == "none"


def test_with_an_audit_the_figure_expected_on_the_true_labels_decides(study: Any) -> None:
    bench = study.bench()
    audit = audit_labels(bench, study.recipe, [1], nested=False)
    asked = candidates(["none", "sampler"], ["none"], study.recipe)
    believed = audit.whole.posterior
    for found in judge(bench, asked, audit, trust=0.5, seeds=1, title=""):
        result = found.result
        figure = result.expected
        assert figure is not None
        assert result.judged == figure
        predicted = result.probabilities.argmax(axis=1)
        assert figure.value == pytest.approx(expected_balanced_accuracy(predicted, believed))
        assert figure.low <= figure.value <= figure.high
        for fold in range(3):
            here = bench.fold == fold
            by_hand = expected_balanced_accuracy(predicted[here], believed[here])
            assert found.by_fold[0, fold] == pytest.approx(by_hand)


# --- candidates that stop early -------------------------------------------------------------------------------------


def stop(monkeypatch: pytest.MonkeyPatch, **at: list[int]) -> list[Any]:
    """Let the candidates of given numbers stop at the looks after 2, 3 ... trainings; return what was asked."""
    asked: list[Any] = []

    def stopping(scores: Any, left: Any, spared: Any, **words: Any) -> Any:
        asked.append((scores, left, spared, words))
        return np.array(at.get(f"after_{scores[0].size}", []), dtype=np.int64)

    monkeypatch.setattr(judging, "stopping", stopping)
    return asked


def halved(study: Any, bench: Any, names: list[str], *, seeds: int = 1, room: Any = None) -> list[Score]:
    asked = candidates(names, ["none"], study.recipe)
    return judge(bench, asked, None, trust=0.5, seeds=seeds, title="", halving=room is None, room=room)


def test_a_stopped_candidate_keeps_what_it_has_and_takes_no_more_work(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = stop(monkeypatch, after_2=[1])
    bench = study.bench(folds=4)
    plain, weak, last = halved(study, bench, ["none", "sampler", "class-weights"])
    assert len(bench.engine.given) == 3 * 2 + 2 * 2
    (scores, left, spared, words) = asked[0]
    assert len(asked) == 1
    assert scores.shape == (3, 1, 2)
    assert [len(trials) for trials in left] == [2, 2, 2]
    assert spared == [0]
    assert words == {"folds": 4, "level": LEVEL}
    assert weak.result.stopped == WEAK
    assert (weak.result.planned, len(weak.result.by_fold)) == (4, 2)
    assert weak.result.how_far == "stopped after 2 of 4 trainings"
    assert np.isnan(weak.by_fold).tolist() == [[False, False, True, True]]
    np.testing.assert_array_equal(weak.result.indices, np.flatnonzero(bench.fold < 2))
    assert weak.result.evaluation.n == (bench.fold < 2).sum()
    np.testing.assert_allclose(weak.result.probabilities.sum(axis=1), 1, atol=1e-5)
    assert weak.result.low <= weak.result.judged.value <= weak.result.high
    for whole in (plain, last):
        assert (whole.result.stopped, whole.result.how_far, len(whole.result.by_fold)) == ("", "", 4)


def test_those_that_go_on_are_judged_as_if_nobody_had_stopped(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["none", "sampler", "logit-adjust:tau=tuned"]
    stop(monkeypatch, after_2=[1])
    plain, weak, tuned = halved(study, study.bench("halved", folds=4), names)
    asked = candidates(names, ["none"], study.recipe)
    whole = judge(study.bench("whole", folds=4), asked, None, trust=0.5, seeds=1, title="")
    for one, other in ((plain, whole[0]), (tuned, whole[2])):
        np.testing.assert_array_equal(one.result.probabilities, other.result.probabilities)
        assert replace(one.result, probabilities=0, indices=0, seconds=0) == replace(
            other.result, probabilities=0, indices=0, seconds=0
        )
        assert one.settled == other.settled
    np.testing.assert_array_equal(weak.by_fold[:, :2], whole[1].by_fold[:, :2])
    # The whole grid afterwards trains only what is missing.
    again = study.bench("halved", folds=4)
    judge(again, asked, None, trust=0.5, seeds=1, title="")
    assert len(again.engine.given) == 2


def test_later_seeds_are_looked_at_whole(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = stop(monkeypatch, after_3=[1])
    bench = study.bench()
    plain, weak, last = halved(study, bench, ["none", "sampler", "class-weights"], seeds=3)
    assert [scores.shape for scores, *_ in looked] == [(3, 1, 2), (3, 1, 3), (2, 2, 3)]
    assert all(words["level"] == pytest.approx(LEVEL / 3) for *_, words in looked)
    assert weak.by_fold.shape == plain.by_fold.shape == (3, 3)
    assert len(weak.result.indices) == study.n
    assert weak.result.how_far == "stopped after 3 of 9 trainings"
    assert choose([plain, weak, last], 3).remedy in ("none", "class-weights")
    assert len(best_of_each([plain, weak, last])) == 3
    assert nested(bench, [plain, weak, last]).n == study.n


def test_what_there_is_no_time_for_stops_the_weakest_first(study: Any) -> None:
    seen: list[list[int]] = []

    def room(upcoming: Any) -> int:
        seen.append([len(trials) for trials in upcoming])
        return 1

    bench = study.bench(folds=4)
    names = ["none", "sampler", "class-weights", "oversample"]
    scores = halved(study, bench, names, room=room)
    # After the first training the one that leads and plain training go on; those are all that is asked for then.
    assert [len(one) for one in seen] == [4, *[len(seen[1])] * 2]
    assert len(seen[1]) in (1, 2)
    assert seen[0] == [3, 3, 3, 3]
    figures = [score.by_fold[0, 0] for score in scores]
    leader = int(np.argmax(np.round(figures, 12)))
    for number, score in enumerate(scores):
        assert score.result.stopped == ("" if number in (0, leader) else TIME)
        assert len(score.result.by_fold) == (4 if number in (0, leader) else 1)


def test_without_time_for_two_no_further_seed_is_begun(study: Any) -> None:
    bench = study.bench()
    answers = iter([3, 3, 1])
    scores = halved(study, bench, ["none", "sampler", "class-weights"], seeds=3, room=lambda _: next(answers))
    assert len(bench.engine.given) == 9
    for score in scores:
        assert (score.result.stopped, score.result.planned, score.by_fold.shape) == ("", 3, (1, 3))
        assert np.isfinite(score.by_fold).all()
