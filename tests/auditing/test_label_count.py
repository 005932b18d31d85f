"""How many labels are wrong, against cases whose likelihood can be written down."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from evenhand.auditing.label_count import evidence, probability_of_any
from evenhand.auditing.label_likelihood import LabelLikelihood
from evenhand.auditing.labels import estimate


def perfect(counts: tuple[int, int], moved: int) -> tuple[np.ndarray, np.ndarray]:
    """Return logits of a network that is never wrong, and labels of which `moved` of class 1 are called class 0."""
    true = np.repeat([0, 1], counts)
    given = true.copy()
    given[counts[0] : counts[0] + moved] = 0
    return 40 * np.eye(2, dtype=np.float32)[true], given


def test_a_network_that_is_never_wrong_leaves_the_interval_of_a_share() -> None:
    logits, given = perfect((1000, 550), 50)
    model = estimate(logits, given, 2)
    assert model.wrong.value == pytest.approx(50, abs=1)

    def fall(wrong: float) -> float:
        """50 of 550 images of class 1 are called 0; under W wrong labels that share is W / (W + 500)."""
        best = 50 * np.log(50 / 550) + 500 * np.log(500 / 550)
        return best - 50 * np.log(wrong / (wrong + 500)) - 500 * np.log(500 / (wrong + 500)) - 1.4 * 1.96**2 / 2

    assert model.wrong.low == pytest.approx(brentq(fall, 10, 50), abs=2)
    assert model.wrong.high == pytest.approx(brentq(fall, 50, 120), abs=2)


def test_a_network_that_knows_nothing_calls_no_label_wrong() -> None:
    generator = np.random.default_rng(0)
    given = np.repeat([0, 1, 2], [200, 60, 40])
    model = estimate(generator.normal(0, 2, (300, 3)).astype(np.float32), given, 3)
    assert model.suspicion(given).max() < 0.5
    assert model.wrong.low == 0
    # Nor does it claim that there is none: any number is possible.
    assert model.wrong.high > 20


def test_evidence_is_the_gain_in_log_likelihood_and_weighs_against_a_doubt() -> None:
    logits, given = perfect((1000, 550), 50)
    problem = LabelLikelihood(logits.astype(np.float64), given, np.bincount(given).astype(np.float64))
    best = minimize(problem.loss, problem.start(), jac=True, method="L-BFGS-B").x
    # Fifty certain errors: without errors each costs many nats even after the network is called unsure.
    assert evidence(problem, best) > 50
    assert probability_of_any(50) > 0.999
    assert probability_of_any(3) == pytest.approx(0.5)
    assert probability_of_any(0) == pytest.approx(1 / (1 + np.exp(3)))


def test_what_is_not_asked_for_is_not_computed() -> None:
    logits, given = perfect((300, 200), 20)
    quick, whole = (estimate(logits, given, 2, interval=interval) for interval in (False, True))
    assert quick.wrong.low == quick.wrong.value == quick.wrong.high == whole.wrong.value
    np.testing.assert_array_equal(quick.posterior, whole.posterior)


@pytest.mark.parametrize("seed", range(4))
def test_gradients_are_those_of_the_functions(seed: int) -> None:
    generator = np.random.default_rng(seed)
    given = generator.integers(0, 3, 60)
    problem = LabelLikelihood(generator.normal(0, 2, (60, 3)), given, np.bincount(given, minlength=3).astype(float))
    theta = generator.normal(0, 1, len(problem.start())) - np.r_[np.zeros(3), np.full(6, 2.0)]
    for function in (problem.loss, problem.wrong):
        for number, slope in enumerate(function(theta)[1]):
            step = np.zeros(len(theta))
            step[number] = 1e-6
            measured = (function(theta + step)[0] - function(theta - step)[0]) / 2e-6
            assert slope == pytest.approx(measured, rel=1e-4, abs=1e-4)
    network = theta[:3]
    assert problem.loss_without_errors(network)[0] == problem.loss(problem.without_errors(network))[0]
    assert problem.wrong(problem.without_errors(network))[0] < 0.01


def test_a_network_that_believes_in_a_class_without_images_is_no_error() -> None:
    logits, given = perfect((40, 30), 3)
    wide = np.c_[logits, np.full(len(given), -900.0)].astype(np.float32)
    wide[0] = [-900, -900, 900]
    model = estimate(wide, given, 3)
    assert np.isfinite(model.posterior).all()
    assert model.posterior[:, 2].max() == 0
