import numpy as np
import pytest
from scipy import stats

from evenhand.evaluation import resampling
from evenhand.evaluation.metrics import confusion_matrix, per_class
from evenhand.evaluation.resampling import (
    balanced_accuracy_interval,
    macro_f1_interval,
    mean_loss_interval,
    paired_difference,
)

REPEATS = 1000


@pytest.mark.parametrize(
    ("support", "recalls"),
    [
        ((20, 20, 20), (0.9, 0.8, 0.7)),
        ((20, 20, 20), (0.98, 0.98, 0.98)),
        ((551, 51, 23), (0.996, 0.25, 0.02)),
        ((551, 51, 3), (0.97, 0.95, 0.9)),
        ((20,) * 10, (0.99,) * 10),
    ],
)
def test_balanced_accuracy_interval_covers_the_truth(support: tuple[int, ...], recalls: tuple[float, ...]) -> None:
    generator, truth, counts = np.random.default_rng(0), float(np.mean(recalls)), np.array(support)
    covered = 0
    for seed in range(REPEATS):
        found = balanced_accuracy_interval(generator.binomial(counts, recalls), counts, seed=seed, resamples=300)
        covered += found.low <= truth <= found.high
    assert covered / REPEATS >= 0.92


@pytest.mark.parametrize(
    ("support", "recalls"),
    [((20, 20, 20), (0.9, 0.8, 0.7)), ((20, 20, 20), (0.99, 0.97, 0.95)), ((551, 51, 23), (0.97, 0.5, 0.3))],
)
def test_macro_f1_interval_covers_the_truth(support: tuple[int, ...], recalls: tuple[float, ...]) -> None:
    generator, counts = np.random.default_rng(0), np.array(support)
    # Most errors go to the next class, so the prior's even spread of errors is wrong here.
    rows = [np.roll([recall, 0.9 * (1 - recall), 0.1 * (1 - recall)], row) for row, recall in enumerate(recalls)]
    expected = np.array(rows) * counts[:, None]
    truth = float((2 * expected.diagonal() / (counts + expected.sum(axis=0))).mean())
    covered = 0
    for seed in range(REPEATS):
        confusion = np.stack([generator.multinomial(n, row) for n, row in zip(counts, rows, strict=True)])
        table = per_class(confusion)
        found = macro_f1_interval(table.macro[2], confusion, table.counted, seed=seed, resamples=300)
        covered += found.low <= truth <= found.high
    assert covered / REPEATS >= 0.92


def test_mean_loss_interval_covers_a_skewed_mean() -> None:
    generator, labels = np.random.default_rng(0), np.repeat([0, 1, 2], 20)
    covered = 0
    for seed in range(REPEATS):
        found = mean_loss_interval(generator.gamma(0.7, 1.0, 60), labels, seed=seed, resamples=300)
        covered += found.low <= 0.7 <= found.high
    assert covered / REPEATS >= 0.92


def test_macro_f1_interval_gets_narrow_around_the_value_with_many_images() -> None:
    confusion = np.array([[9000, 1000, 0], [500, 9500, 0], [0, 2000, 8000]])
    table = per_class(confusion)
    found = macro_f1_interval(table.macro[2], confusion, table.counted, seed=0, resamples=500)
    assert found.high - found.low < 0.01
    assert abs((found.low + found.high) / 2 - found.value) < 0.001


def test_portions_bound_what_is_held_at_once_and_miss_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, losses = np.repeat([0, 1], 50), np.random.default_rng(0).gamma(1.0, 1.0, 100)
    confusion = confusion_matrix(labels, labels[::-1], 2)
    whole = (
        mean_loss_interval(losses, labels, seed=0, resamples=150),
        macro_f1_interval(0.0, confusion, np.ones(2, dtype=bool), seed=0, resamples=150),
    )
    monkeypatch.setattr(resampling, "CELLS", 700)
    assert mean_loss_interval(losses, labels, seed=0, resamples=150) == whole[0]
    in_portions = macro_f1_interval(0.0, confusion, np.ones(2, dtype=bool), seed=0, resamples=150)
    assert in_portions.high == pytest.approx(whole[1].high, abs=0.02)


def test_lone_images_are_resampled_with_others() -> None:
    labels = np.array([0] * 10 + [1, 2])
    losses = np.array([0.1, 0.2] * 5 + [3.0, 1.0])
    found = mean_loss_interval(losses, labels, seed=0, resamples=300)
    # Taken class by class, the two lone images would never vary and the interval would hold the tenth class alone.
    assert found.high - found.low > 0.2


def test_equal_losses_have_no_spread() -> None:
    found = mean_loss_interval(np.full(8, 0.5), np.zeros(8, dtype=np.int64), seed=0, resamples=50)
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("repeats", "folds"), [(2, 1), (3, 1), (1, 4)])
@pytest.mark.parametrize("lift", [0.0, 0.5])
def test_a_paired_difference_covers_the_truth_though_trainings_differ(repeats: int, folds: int, lift: float) -> None:
    """Images are hard or easy for both models alike; each training favours some classes a little over others."""
    generator, labels = np.random.default_rng(0), np.repeat([0, 1, 2], [551, 51, 23])
    part, spread = np.arange(len(labels)) % folds, (1.5**2 + 0.2**2 + 0.5**2) ** 0.5
    truth, covered = float(stats.norm.cdf((2 + lift) / spread) - stats.norm.cdf(2 / spread)), 0
    for seed in range(200):
        image = generator.normal(2, 1.5, len(labels)) + generator.normal(0, 0.5, (2, repeats, len(labels)))
        training = generator.normal(0, 0.2, (2, repeats, 3, folds))[:, :, labels, part]
        one, other = image + training > np.array([-lift, 0])[:, None, None]
        found = paired_difference(one, other, labels, np.full(3, 1 / 3), part=part, seed=seed, resamples=200)
        covered += found.low <= truth <= found.high
    assert covered / 200 >= 0.92


def test_the_value_of_a_paired_difference_by_hand() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    one = np.array([[1, 1, 1, 0, 1, 0], [1, 1, 1, 1, 1, 0]], dtype=bool)
    other = np.array([[1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 1]], dtype=bool)
    # Class 0: a half of 1 and 2 more of 4; class 1: 1 more of 2, and 1 more and 1 fewer of 2.
    found = paired_difference(one, other, labels, np.array([0.5, 0.5]), seed=0, resamples=500)
    assert found.value == pytest.approx((3 / 8 + 1 / 4) / 2)
    assert found.low < found.value < found.high
    only = paired_difference(one, other, labels, np.array([0.0, 0.3]), seed=0, resamples=500)
    assert only.value == pytest.approx(0.3 / 4)
    back = paired_difference(other, one, labels, np.array([0.5, 0.5]), seed=0, resamples=500)
    assert back.value == pytest.approx(-found.value)


def test_models_that_agree_on_few_images_are_not_proven_equal() -> None:
    def width(n: int) -> float:
        right = np.ones((2, n), dtype=bool)
        found = paired_difference(right, right, np.zeros(n, dtype=np.int64), np.ones(1), seed=0, resamples=500)
        assert found.value == 0
        return found.high - found.low

    assert width(3) > 0.5
    assert width(3000) < 0.003


def test_one_training_that_stands_apart_widens_the_interval() -> None:
    labels, other = np.zeros(2000, dtype=np.int64), np.zeros((2, 2000), dtype=bool)
    some, none = np.arange(2000) % 5 == 0, np.zeros(2000, dtype=bool)
    alike, apart = np.stack([some, np.roll(some, 1)]), np.stack([some | np.roll(some, 1), none])
    steady, shaky = (paired_difference(one, other, labels, np.ones(1), seed=0, resamples=500) for one in (alike, apart))
    assert steady.value == shaky.value == pytest.approx(0.2)
    assert steady.high - steady.low < 0.05
    assert (shaky.low, shaky.high) == pytest.approx((0, 0.4), abs=0.05)


def test_a_class_that_one_fold_alone_has_judged_is_judged_by_it() -> None:
    labels, part = np.array([0] * 40 + [1] * 40), np.array([0, 1] * 20 + [1] * 40)
    one, other = np.ones((1, 80), dtype=bool), np.zeros((1, 80), dtype=bool)
    found = paired_difference(one, other, labels, np.array([0.5, 0.5]), part=part, seed=0, resamples=300)
    assert found.value == 1
    assert found.low > 0.9
