from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from evenhand.remedies import synthesis as room
from evenhand.remedies.catalogue import plan_for
from evenhand.remedies.plan import Synthesis
from evenhand.remedies.synthesis import synthesise

LABELS = np.array([0] * 30 + [1] * 8 + [2] * 3)
COPIES = Synthesis("copies", (30, 8, 3), (("crop", 4.0), ("flip", 1.0), ("jitter", 0.2)))
SMOTE = Synthesis("smote", (0, 22, 27), (("neighbours", 5.0),))
BOTH = Synthesis("smote", SMOTE.counts, SMOTE.parameters, then=Synthesis("copies", (30, 30, 30), COPIES.parameters))


def images(n: int = len(LABELS), height: int = 8, width: int = 6) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def copies(**changes: float) -> Synthesis:
    return Synthesis("copies", COPIES.counts, tuple(sorted({**dict(COPIES.parameters), **changes}.items())))


GUIDED = [
    Synthesis("borderline", SMOTE.counts, (("neighbours", 5.0), ("watched", 10.0))),
    Synthesis("adasyn", SMOTE.counts, SMOTE.parameters),
]


@pytest.mark.parametrize("step", [COPIES, SMOTE, BOTH, *GUIDED])
def test_it_makes_what_is_planned_and_leaves_its_input_alone(step: Synthesis):
    pixels, labels = images(), LABELS.copy()
    made, added = synthesise(step, pixels, labels, seed=0)
    assert made.dtype == np.uint8
    assert made.shape == (sum(step.totals()), 8, 6, 3)
    assert np.bincount(added, minlength=3).tolist() == list(step.totals())
    assert added.dtype == labels.dtype
    assert np.array_equal(pixels, images())
    assert np.array_equal(labels, LABELS)


@pytest.mark.parametrize("step", [COPIES, SMOTE, BOTH, *GUIDED])
def test_the_same_seed_makes_the_same_images_whatever_the_global_state(step: Synthesis):
    first = synthesise(step, images(), LABELS, seed=3)[0]
    np.random.seed(99)
    assert np.array_equal(first, synthesise(step, images(), LABELS, seed=3)[0])
    assert not np.array_equal(first, synthesise(step, images(), LABELS, seed=4)[0])


def test_nothing_asked_for_makes_nothing():
    made, added = synthesise(Synthesis("smote", (0, 0, 0), SMOTE.parameters), images(), LABELS, seed=0)
    assert made.shape == (0, 8, 6, 3)
    assert added.shape == (0,)


def test_a_class_without_images_gets_none():
    labels = np.where(LABELS == 1, 0, LABELS)
    for step in (Synthesis("smote", (0, 5, 2), SMOTE.parameters), Synthesis("copies", (0, 5, 2), COPIES.parameters)):
        _, added = synthesise(step, images(), labels, seed=0)
        assert added.tolist() == [2, 2]


# Copies


def test_copies_without_changes_are_the_images_themselves():
    made, added = synthesise(copies(crop=0, flip=0, jitter=0), images(), LABELS, seed=0)
    assert np.array_equal(made, images())
    assert np.array_equal(added, LABELS)


def test_every_image_is_copied_as_often_as_fits_and_the_rest_are_distinct():
    pixels = np.broadcast_to(np.arange(41, dtype=np.uint8)[:, None, None, None], (41, 4, 4, 3))
    step = Synthesis("copies", (0, 20, 2), copies(jitter=0).parameters)
    made, _ = synthesise(step, pixels, LABELS, seed=0)
    times = np.bincount(made[:, 0, 0, 0], minlength=41)
    assert sorted(times[30:38]) == [2, 2, 2, 2, 3, 3, 3, 3]
    assert sorted(times[38:]) == [0, 1, 1]


def test_flips_are_left_to_right_only_and_hit_about_half():
    pixels = images(400, 5, 7)
    step = Synthesis("copies", (400,), copies(crop=0, jitter=0).parameters)
    made, _ = synthesise(step, pixels, np.zeros(400, dtype=np.int64), seed=0)
    same = (made == pixels).all(axis=(1, 2, 3))
    mirrored = (made == pixels[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert 160 <= mirrored.sum() <= 240


def test_shifts_reflect_at_the_border_and_stay_within_reach():
    # Of a side of 32, crop=4 moves by 4 at most: every row of a copy is a row at most 4 away, and all reaches occur.
    ramp = np.arange(32, dtype=np.uint8)
    pixels = np.broadcast_to(ramp[None, :, None, None], (200, 32, 32, 3))
    step = Synthesis("copies", (200,), copies(flip=0, jitter=0).parameters)
    made, _ = synthesise(step, pixels, np.zeros(200, dtype=np.int64), seed=0)
    inside = made[:, 4:28, 0, 0].astype(int) - ramp[4:28]
    assert (inside == inside[:, :1]).all()
    assert set(inside[:, 0]) == set(range(-4, 5))
    down = made[inside[:, 0] == -4][0, :, 0, 0]
    assert down[:6].tolist() == [4, 3, 2, 1, 0, 1]


def test_a_shift_larger_than_a_tiny_image_stays_inside_it():
    step = Synthesis("copies", (50,), copies(crop=16 * 32).parameters)
    made, _ = synthesise(step, images(50, 1, 2), np.zeros(50, dtype=np.int64), seed=0)
    assert made.shape == (50, 1, 2, 3)


def test_jitter_scales_mean_and_contrast_within_its_bounds():
    half = np.zeros((300, 4, 4, 3), dtype=np.uint8)
    half[:, :2], half[:, 2:] = 80, 120
    step = Synthesis("copies", (300,), copies(crop=0, flip=0, jitter=0.2).parameters)
    made, _ = synthesise(step, half, np.zeros(300, dtype=np.int64), seed=0)
    low, high = made[:, 0, 0, 0].astype(int), made[:, 3, 0, 0].astype(int)
    mean, contrast = (low + high) / 200, (high - low) / 40
    for factor in (mean, contrast):
        assert 0.8 - 0.03 <= factor.min() < 0.85
        assert 1.15 < factor.max() <= 1.2 + 0.03
    assert abs(np.corrcoef(mean, contrast)[0, 1]) < 0.2


def test_jitter_clips_instead_of_wrapping():
    white = np.full((100, 4, 4, 3), 255, dtype=np.uint8)
    made, _ = synthesise(
        Synthesis("copies", (100,), copies(jitter=0.9).parameters), white, np.zeros(100, dtype=np.int64), seed=0
    )
    assert (made == 255).mean() > 0.4
    assert made.min() >= 24


def test_leaving_images_out_changes_no_other_copy():
    pixels, identity = images(), np.arange(len(LABELS)) + 100
    kept = np.flatnonzero(np.arange(len(LABELS)) % 4 != 0)
    full, _ = synthesise(COPIES, pixels, LABELS, seed=0, identity=identity)
    fewer = Synthesis("copies", tuple(np.bincount(LABELS[kept]).tolist()), COPIES.parameters)
    part, _ = synthesise(fewer, pixels[kept], LABELS[kept], seed=0, identity=identity[kept])
    assert np.array_equal(part, full[kept])


def test_two_copies_of_one_image_differ():
    step = Synthesis("copies", (60, 0, 0), COPIES.parameters)
    made, _ = synthesise(step, images(), LABELS, seed=0)
    assert not any(np.array_equal(made[row], made[row + 30]) for row in range(30))


def test_copies_keep_soft_labels():
    soft = np.eye(3, dtype=np.float32)[LABELS] * 0.8 + np.float32(0.2 / 3)
    soft[0] = [0.5, 0.3, 0.2]
    _, added = synthesise(COPIES, images(), soft, seed=0)
    assert added.dtype == np.float32
    assert np.array_equal(added, soft)


# SMOTE


@pytest.mark.parametrize("step", [SMOTE, *GUIDED])
def test_smote_images_lie_between_two_images_of_their_class(step: Synthesis):
    pixels = images().astype(np.float64).reshape(len(LABELS), -1)
    made, added = synthesise(step, images(), LABELS, seed=0)
    for image, label in zip(made.reshape(len(made), -1).astype(np.float64), added, strict=True):
        members = pixels[label == LABELS]
        pairs = [(start, end) for start in members for end in members if not np.array_equal(start, end)]
        assert any(_rounds_from(image, start, end) for start, end in pairs)


def _rounds_from(image: np.ndarray, start: np.ndarray, end: np.ndarray) -> bool:
    """Return whether some u in [0, 1] puts start + u (end - start) within rounding of every pixel of the image."""
    along = np.where(end == start, 1e-9, end - start)
    bounds = np.sort([(image - start - 0.501) / along, (image - start + 0.501) / along], axis=0)
    return bool(max(bounds[0].max(), 0) <= min(bounds[1].min(), 1))


def test_smote_keeps_to_the_nearest_neighbours():
    # Two far clusters of one class: with one neighbour no image lies in the gap between them.
    values = np.array([0, 10, 20, 200, 210, 220, *range(100, 112)], dtype=np.uint8)
    pixels = np.broadcast_to(values[:, None, None, None], (18, 3, 3, 3))
    labels = np.array([0] * 6 + [1] * 12)
    step = Synthesis("smote", (200, 0), (("neighbours", 1.0),))
    made, _ = synthesise(step, pixels, labels, seed=0)
    assert ((made <= 20) | (made >= 200)).all()
    assert len(np.unique(made)) > 20
    wide, _ = synthesise(Synthesis("smote", (200, 0), (("neighbours", 5.0),)), pixels, labels, seed=0)
    assert ((wide > 20) & (wide < 200)).any()


def test_smote_of_two_images_uses_the_one_neighbour_there_is():
    pixels = np.zeros((12, 2, 2, 3), dtype=np.uint8)
    pixels[11] = 200
    labels = np.array([0] * 10 + [1] * 2)
    made, added = synthesise(Synthesis("smote", (0, 8), (("neighbours", 5.0),)), pixels, labels, seed=0)
    assert added.tolist() == [1] * 8
    assert (made == made[:, :1, :1, :1]).all()
    assert len(np.unique(made)) == 8


def test_smote_of_a_single_image_copies_it():
    pixels = images(6)
    labels = np.array([0] * 5 + [1])
    made, added = synthesise(Synthesis("smote", (0, 4), (("neighbours", 5.0),)), pixels, labels, seed=0)
    assert added.tolist() == [1] * 4
    assert (made == pixels[5]).all()


def test_smote_of_one_class_does_not_depend_on_the_others():
    pixels = images()
    made, added = synthesise(SMOTE, pixels, LABELS, seed=0)
    changed = pixels.copy()
    changed[LABELS == 1] //= 2
    other, _ = synthesise(SMOTE, changed, LABELS, seed=0)
    assert np.array_equal(made[added == 2], other[added == 2])
    assert not np.array_equal(made[added == 1], other[added == 1])


def test_smote_in_several_parts_makes_as_many_and_repeats_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "SMOTE_VALUES", 1)
    made, added = synthesise(Synthesis("smote", (0, 100, 0), SMOTE.parameters), images(), LABELS, seed=0)
    assert added.tolist() == [1] * 100
    assert len(np.unique(made.reshape(100, -1), axis=0)) == 100


def test_smote_gives_soft_labels_one_hot_rows():
    soft = np.eye(3, dtype=np.float32)[LABELS] * 0.8 + np.float32(0.2 / 3)
    _, added = synthesise(SMOTE, images(), soft, seed=0)
    assert added.dtype == np.float32
    assert np.array_equal(added, np.eye(3, dtype=np.float32)[[1] * 22 + [2] * 27])


# Steps after one another, and size


def test_a_second_step_works_on_what_the_first_added():
    unchanged = copies(crop=0, flip=0, jitter=0).parameters
    chain = Synthesis("smote", SMOTE.counts, SMOTE.parameters, then=Synthesis("copies", (30, 30, 30), unchanged))
    made, added = synthesise(chain, images(), LABELS, seed=0)
    first, first_labels = synthesise(SMOTE, images(), LABELS, seed=0)
    assert np.array_equal(made[:49], first)
    pool, pool_labels = np.concatenate([images(), first]), np.concatenate([LABELS, first_labels])
    order = np.argsort(pool_labels, kind="stable")
    assert np.array_equal(made[49:], pool[order])
    assert np.array_equal(added[49:], pool_labels[order])


def test_copying_the_study_s_set_takes_little_more_than_twice_its_output():
    labels = np.repeat([0, 1, 2], [4949, 449, 227])
    pixels = np.zeros((5625, 32, 32, 3), dtype=np.uint8)
    plan = plan_for("augment", labels, 3)
    assert plan.synthesis is not None
    tracemalloc.start()
    made, _ = synthesise(plan.synthesis, pixels, labels, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(made) == 5625
    assert peak < 2.5 * made.nbytes
