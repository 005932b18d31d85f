import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evenhand.remedies.plan import Draw
from evenhand.training.order import epoch_order

LABELS = np.array([0] * 70 + [1] * 20 + [2] * 10)
TARGETS = np.eye(3)[LABELS]
ROWS = np.arange(100) * 7


def order(draw: Draw | None, epoch: int = 0, seed: int = 0) -> np.ndarray:
    return epoch_order(draw, TARGETS, ROWS, seed=seed, epoch=epoch)


def test_plain_epochs_hold_every_image_once_in_changing_order() -> None:
    assert sorted(order(None)) == list(range(100))
    assert order(None).tolist() == order(None).tolist()
    assert order(None, epoch=0).tolist() != order(None, epoch=1).tolist()
    assert order(None, seed=0).tolist() != order(None, seed=1).tolist()


@given(st.sets(st.integers(0, 99), min_size=1, max_size=60))
def test_leaving_images_out_keeps_the_order_of_the_others(dropped: set[int]) -> None:
    kept = np.array([row for row in range(100) if row not in dropped])
    part = epoch_order(None, TARGETS[kept], ROWS[kept], seed=0, epoch=4)
    assert kept[part].tolist() == [row for row in order(None, epoch=4) if row not in dropped]


def test_weighted_draws_follow_the_weights() -> None:
    draw = Draw("weighted", (1 / 70, 1 / 20, 1 / 10), 30_000)
    found = np.bincount(LABELS[order(draw)], minlength=3)
    assert found.sum() == 30_000
    assert np.abs(found - 10_000).max() < 4 * np.sqrt(30_000 * 2 / 9)


def test_weighted_draws_follow_soft_labels() -> None:
    soft = np.array([[1.0, 0.0], [0.25, 0.75]])
    found = epoch_order(Draw("weighted", (1.0, 3.0), 40_000), soft, np.arange(2), seed=0, epoch=0)
    expected = 40_000 * 1 / (1 + 0.25 + 2.25)
    assert abs((found == 0).sum() - expected) < 500


def test_counts_hold_whole_rounds_and_a_distinct_rest() -> None:
    found = order(Draw("counts", (70, 70, 25), 165))
    repeats = np.bincount(found, minlength=100)
    assert set(repeats[:70]) == {1}
    assert sorted(repeats[70:90]) == [3] * 10 + [4] * 10
    assert sorted(repeats[90:]) == [2] * 5 + [3] * 5


def test_undersampling_is_drawn_afresh_each_epoch() -> None:
    draw = Draw("counts", (10, 10, 10), 30)
    first, second = order(draw, epoch=0), order(draw, epoch=1)
    assert len(set(first)) == 30
    assert np.bincount(LABELS[first]).tolist() == [10, 10, 10]
    assert set(first) != set(second)
