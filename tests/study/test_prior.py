import numpy as np
import pytest

from evenhand.remedies.catalogue import plan_for
from evenhand.remedies.entries import REMEDIES
from evenhand.study.prior import assumed_prior, shown_shares, untouched

LABELS = np.repeat([0, 1, 2], [60, 30, 10])
SHARES = np.array([0.6, 0.3, 0.1])
EVEN = np.full(3, 1 / 3)


@pytest.mark.parametrize("remedy", ["none", "augment", "mixup", "focal", "pgd-train"])
def test_what_corrects_nothing_is_made_for_the_classes_as_they_occur(remedy: str) -> None:
    np.testing.assert_allclose(assumed_prior(remedy, LABELS, 3), SHARES, atol=1e-9)
    assert untouched(assumed_prior(remedy, LABELS, 3), LABELS)


@pytest.mark.parametrize(
    "remedy",
    [
        "sampler", "oversample", "undersample", "class-weights", "balanced-softmax", "logit-adjust", "smote", "drs",
        "drw", "crt", "lws", "tau-norm", "ldam-drw", "augment+sampler",
    ],
)  # fmt: skip
def test_what_corrects_is_made_for_equally_common_classes(remedy: str) -> None:
    np.testing.assert_allclose(assumed_prior(remedy, LABELS, 3), EVEN, atol=0.01)


def test_half_a_correction_is_made_for_what_lies_between() -> None:
    root = np.sqrt(SHARES)
    for remedy in ("sampler:q=0.5", "class-weights:gamma=0.5", "logit-adjust:tau=0.5"):
        np.testing.assert_allclose(assumed_prior(remedy, LABELS, 3), root / root.sum(), rtol=1e-6)


@pytest.mark.parametrize("remedy", sorted(REMEDIES))
def test_every_remedy_has_one(remedy: str) -> None:
    prior = assumed_prior(remedy, LABELS, 3)
    assert prior.sum() == pytest.approx(1)
    assert (prior > 0).all()
    # Whoever makes up for the class counts is made for a rarer class that is not as rare.
    assert (prior[2] > 0.11) == REMEDIES[remedy].corrects_prior


def test_what_is_shown_is_not_what_is_made_for() -> None:
    for remedy, shares in (("balanced-softmax", SHARES), ("sampler", EVEN), ("oversample", EVEN), ("drs", EVEN)):
        found = shown_shares(plan_for(remedy, LABELS, 3), LABELS, 3)
        np.testing.assert_allclose(found, shares, atol=1e-6)


def test_soft_labels_count_by_what_they_say() -> None:
    soft = np.array([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(assumed_prior("none", soft, 2), [0.75, 0.25])
