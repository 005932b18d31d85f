"""What settling suspects would bring, by hand-made audits and comparisons."""

from typing import Any

import numpy as np
import pytest

from evenhand.auditing.labels import LabelModel
from evenhand.records.comparison import Choice, Judged
from evenhand.records.values import Interval
from evenhand.study.next_steps import ClassCurve, Gain, Point
from evenhand.study.settling import paired, settling

COUNTS = np.array([30.0, 14.0, 10.0])


def believed(bench: Any, doubts: dict[int, tuple[int, float]], wrong: float = 8.0) -> LabelModel:
    """Return a model that is sure of every label but some: image -> (likely class, probability that it is that)."""
    posterior = np.eye(3)[bench.given]
    for row, (label, chance) in doubts.items():
        posterior[row] = 0
        posterior[row, bench.given[row]] = 1 - chance
        posterior[row, label] = chance
    few = np.zeros(3, dtype=bool)
    return LabelModel(posterior, np.eye(3), Interval(wrong, wrong - 3, wrong + 3), 1.0, np.zeros(3), few)


def judged(remedy: str, repair: str, value: float, by_fold: tuple[float, ...], model: str = "simple") -> Judged:
    return Judged(remedy, repair, model, Interval(value, value, value), by_fold)


def curve(name: str, images: int, half: float, double: float, reach: float = 0.01) -> ClassCurve:
    gains = tuple(
        Gain(factor, round(images * (factor - 1)), Interval(value, value - reach, value + reach), None, 0.0)
        for factor, value in ((1.5, half), (2.0, double))
    )
    return ClassCurve(name, images, (Point(images, 0.8, 0.8),), (), gains)


def choice(repair: str) -> Choice:
    return Choice("sampler", repair, "resnet", "")


PLAIN = judged("sampler", "none", 0.70, (0.70, 0.72, 0.68))
DROPPED = judged("sampler", "drop", 0.75, (0.75, 0.78, 0.72))
# Six images filed as the first class that are of the last one, by nine chances in ten.
DOUBTS = dict.fromkeys(range(6), (2, 0.9))


def test_left_out_they_come_back_under_their_right_label(study: Any) -> None:
    bench = study.bench()
    curves = [curve("", 54, 0.02, 0.03), curve("c", 10, 0.04, 0.07), curve("a", 30, 0.01, 0.02)]
    found = settling(bench, choice("drop"), [PLAIN, DROPPED], believed(bench, DOUBTS), curves, COUNTS, "simple")
    assert (found.suspects, found.repair, found.in_hand) == (6, "drop", True)
    assert found.wrong == pytest.approx(5.4)
    assert found.elsewhere == Interval(pytest.approx(2.6), 0.0, pytest.approx(5.6))
    assert found.back == {"a": 1, "c": 5}
    assert found.measured
    assert found.measured.value == pytest.approx(0.05)
    # 5.4 more of ten are 1.54 times as many, between the gains of 1.5 and 2 times; 0.6 of thirty are next to nothing.
    share = (np.log(1.54) - np.log(1.5)) / (np.log(2) - np.log(1.5))
    little = 0.01 * np.log(1.02) / np.log(1.5)
    assert found.returned
    assert found.returned.value == pytest.approx(0.04 + 0.03 * share + little)
    assert found.gain == found.returned, "what the repair has brought is not counted again"


def test_left_as_they_are_the_repair_tells_what_they_cost(study: Any) -> None:
    bench = study.bench()
    curves = [curve("c", 10, 0.04, 0.07)]
    found = settling(bench, choice("none"), [PLAIN, DROPPED], believed(bench, DOUBTS), curves, COUNTS, "simple")
    assert not found.in_hand
    assert found.back == {"c": 5}, "those of their own class are there already"
    assert found.measured
    assert found.returned
    assert found.gain
    assert found.gain.value == pytest.approx(found.measured.value + found.returned.value)
    reach = np.hypot(found.measured.value - found.measured.low, found.returned.value - found.returned.low)
    assert found.gain.value - found.gain.low == pytest.approx(reach)


def test_no_class_is_followed_beyond_twice_its_images(study: Any) -> None:
    bench = study.bench()
    many = dict.fromkeys(range(30), (2, 0.9))
    found = settling(
        bench, choice("drop"), [PLAIN, DROPPED], believed(bench, many), [curve("c", 10, 0.04, 0.07)], COUNTS, "simple"
    )
    assert found.returned
    assert found.returned.value == pytest.approx(0.07)


@pytest.mark.parametrize("repair", ["relabel", "soft"])
def test_what_is_used_already_wins_nothing_back(study: Any, repair: str) -> None:
    bench = study.bench()
    after = judged("sampler", repair, 0.76, (0.76, 0.77, 0.75))
    found = settling(bench, choice(repair), [PLAIN, after], believed(bench, DOUBTS), [], COUNTS, "simple")
    assert found.back == {}
    assert found.measured
    assert found.gain is None, "what the repair got wrong is not known"


def test_what_was_not_judged_cannot_be_told(study: Any) -> None:
    bench = study.bench()
    curves = [curve("c", 10, 0.04, 0.07)]
    # Nothing with a repair; and another network's comparison is another matter.
    for known in ([PLAIN], [PLAIN, judged("sampler", "drop", 0.8, (0.8, 0.8, 0.8), "resnet")]):
        found = settling(bench, choice("none"), known, believed(bench, DOUBTS), curves, COUNTS, "simple")
        assert found.measured is None
        assert found.gain is None
    # Pictures that would come back, and no curve of their class.
    found = settling(bench, choice("drop"), [PLAIN, DROPPED], believed(bench, DOUBTS), [], COUNTS, "simple")
    assert found.returned is None
    assert found.gain is None


def test_without_suspects_or_without_anybody_who_looked_there_is_nothing_to_settle(study: Any) -> None:
    bench = study.bench()
    for model in (None, believed(bench, {})):
        found = settling(bench, choice("none"), [PLAIN, DROPPED], model, [], COUNTS, "simple")
        assert found.suspects == 0
        assert found.gain is None


def test_pairs_are_compared_training_by_training(study: Any) -> None:
    found = paired([(DROPPED, PLAIN)], study.bench())
    assert found
    assert found.value == pytest.approx(0.05)
    # Differences .05, .06, .04: a standard deviation of .01, corrected by 1/3 + 1/2, and t with 2 degrees of freedom.
    assert found.high - found.value == pytest.approx(4.302653 * 0.01 * np.sqrt(1 / 3 + 1 / 2), rel=1e-6)


def test_seeds_of_a_fold_are_no_witnesses_of_their_own(study: Any) -> None:
    twice = [judged(one.remedy, one.repair, 0.7, 2 * one.by_fold) for one in (DROPPED, PLAIN)]
    once, again = (paired([pair], study.bench()) for pair in ((DROPPED, PLAIN), (twice[0], twice[1])))
    assert once
    assert again
    assert (again.low, again.high) == pytest.approx((once.low, once.high))
    # One part that is held out tells nothing, however often it was trained.
    assert paired([(DROPPED, PLAIN)], study.bench(judged=1)) is None


def test_a_candidate_that_stopped_is_compared_as_far_as_it_went(study: Any) -> None:
    stopped = judged("sampler", "none", 0.71, (0.70, 0.72))
    found = paired([(DROPPED, stopped)], study.bench())
    assert found
    assert found.value == pytest.approx(0.055)
    assert paired([(DROPPED, judged("sampler", "none", 0.7, (0.7,)))], study.bench()) is None
