from __future__ import annotations

import numpy as np
import pytest

from evenhand.data.batches import Augmentation
from evenhand.remedies.augmenting import adasyn, augment, augment_online, borderline_smote, none, smote
from evenhand.remedies.plan import Plan

STUDY = np.array([4949.0, 449.0, 227.0])


def test_none_asks_for_nothing():
    assert none(STUDY) == Plan()


def test_offline_copies_double_the_study_s_set():
    synthesis = augment(STUDY, factor=1, crop=4, jitter=0.2, flip="horizontal").synthesis
    assert synthesis is not None
    assert synthesis.counts == (4949, 449, 227)
    assert 5625 + sum(synthesis.counts) == 11_250


def test_the_factor_multiplies_the_copies():
    synthesis = augment(np.array([3.0, 0.0, 1.0]), factor=2, crop=0, jitter=0.0, flip="none").synthesis
    assert synthesis is not None
    assert synthesis.counts == (6, 0, 2)
    assert dict(synthesis.parameters) == {"crop": 0, "flip": 0, "jitter": 0}


@pytest.mark.parametrize(
    ("flip", "expected"),
    [
        ("horizontal", Augmentation(4, True, False, 8)),
        ("vertical", Augmentation(4, False, True, 8)),
        ("both", Augmentation(4, True, True, 8)),
        ("none", Augmentation(4, False, False, 8)),
    ],
)
def test_online_augmentation_flips_as_asked(flip: str, expected: Augmentation):
    assert augment_online(STUDY, crop=4, cutout=8, flip=flip) == Plan(augmentation=expected)  # type: ignore[arg-type]


def test_smote_fills_up_to_equal_counts():
    synthesis = smote(STUDY, k=5).synthesis
    assert synthesis is not None
    assert synthesis.counts == (0, 4500, 4722)
    assert 5625 + sum(synthesis.counts) == 14_847
    assert dict(synthesis.parameters) == {"neighbours": 5}


def test_smote_makes_nothing_for_a_missing_class():
    synthesis = smote(np.array([6.0, 0.0, 1.0]), k=5).synthesis
    assert synthesis is not None
    assert synthesis.counts == (0, 0, 5)


@pytest.mark.parametrize(
    ("plan", "method", "settings"),
    [
        (borderline_smote(STUDY, k=4, m=9), "borderline", {"neighbours": 4, "watched": 9}),
        (adasyn(STUDY, k=4), "adasyn", {"neighbours": 4}),
    ],
)
def test_the_other_smotes_fill_up_to_equal_counts_too(plan: Plan, method: str, settings: dict[str, int]):
    assert plan.synthesis is not None
    assert plan.synthesis.method == method
    assert plan.synthesis.counts == (0, 4500, 4722)
    assert dict(plan.synthesis.parameters) == settings
