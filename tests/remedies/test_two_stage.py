from __future__ import annotations

import numpy as np
import pytest

from evenhand.remedies.mixing import mixup
from evenhand.remedies.plan import Plan, Refit, Synthesis
from evenhand.remedies.sampling import sampler
from evenhand.remedies.two_stage import (
    crt,
    feature_adasyn,
    feature_borderline_smote,
    feature_smote,
    lws,
    mislas,
    tau_norm,
)

STUDY = np.array([4949.0, 449.0, 227.0])
BALANCED = sampler(STUDY, q=0.0).draw


def test_the_second_training_of_each():
    assert crt(STUDY, epochs=7) == Plan(refit=Refit("retrain", draw=BALANCED, epochs=7))
    assert lws(STUDY, epochs=7) == Plan(refit=Refit("scale", draw=BALANCED, epochs=7))
    assert tau_norm(STUDY, tau=0.7) == Plan(refit=Refit("normalise", strength=0.7))


def test_label_aware_smoothing_by_hand():
    # Counts 5, 3 and 1: places 1, 1/2 and 0 between smallest and largest, sines 1, sin 45 degrees and 0.
    plan = mislas(np.array([5.0, 3.0, 1.0]), alpha=0.5, head=0.4, tail=0.1, epochs=7)
    assert plan.mixing == mixup(STUDY, alpha=0.5).mixing
    assert plan.refit is not None
    assert plan.refit.method == "both"
    assert plan.refit.smoothing == pytest.approx((0.4, 0.1 + 0.3 * np.sqrt(0.5), 0.1))
    assert plan.refit.draw == sampler(np.array([5.0, 3.0, 1.0]), q=0.0).draw


def test_balanced_classes_are_smoothed_as_the_tail():
    refit = mislas(np.array([4.0, 4.0]), alpha=1.0, head=0.4, tail=0.1, epochs=1).refit
    assert refit is not None
    assert refit.smoothing == (0.1, 0.1)


@pytest.mark.parametrize(
    ("plan", "method", "parameters"),
    [
        (feature_smote(STUDY, k=4, epochs=7), "smote", (("neighbours", 4.0),)),
        (feature_adasyn(STUDY, k=4, epochs=7), "adasyn", (("neighbours", 4.0),)),
        (
            feature_borderline_smote(STUDY, k=4, m=9, epochs=7),
            "borderline",
            (("neighbours", 4.0), ("watched", 9.0)),
        ),
    ],
)
def test_features_are_filled_up_to_equal_counts(plan: Plan, method: str, parameters: tuple[tuple[str, float], ...]):
    made = Synthesis(method, (0, 4500, 4722), parameters)  # type: ignore[arg-type]
    assert plan == Plan(refit=Refit("retrain", synthesis=made, epochs=7))
