"""The label model on made-up tasks whose truth is known in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from evenhand.auditing.label_likelihood import LabelLikelihood
from evenhand.auditing.labels import estimate, label_issues


def made_up(
    counts: tuple[int, ...],
    flips: dict[tuple[int, int], int],
    *,
    distance: float = 3.0,
    scale: float = 1.0,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits, given and true labels of Gaussian classes; (true, given) pairs of `flips` are mislabelled.

    Class k lies at distance `distance` along axis k, so the logits for a uniform prior are exact:
    log p(x | k) = distance * x_k + constant. `scale` makes the network more or less sure than it should be.
    """
    generator = np.random.default_rng(seed)
    true = np.repeat(np.arange(len(counts)), counts)
    features = generator.standard_normal((len(true), len(counts)))
    features[np.arange(len(true)), true] += distance
    given = true.copy()
    for (source, target), number in flips.items():
        given[generator.choice(np.flatnonzero((true == source) & (given == true)), number, replace=False)] = target
    return (scale * distance * features).astype(np.float32), given, true


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.5])
def test_tail_to_head_noise_is_counted_and_found_whatever_the_networks_confidence(scale: float) -> None:
    logits, labels, true = made_up((4500, 680, 450), {(1, 0): 450}, scale=scale)
    model = estimate(logits, labels, 3)
    assert model.wrong.low <= 450 <= model.wrong.high
    assert model.wrong.high - model.wrong.low < 0.5 * 450
    assert model.joint[1, 0] == pytest.approx(450, rel=0.1)
    assert model.temperature == pytest.approx(scale, rel=0.2)
    flagged = model.suspicion(labels) > 0.5
    assert (true != labels)[flagged].mean() > 0.93
    assert flagged[true != labels].mean() > 0.9


def test_clean_labels_are_left_alone() -> None:
    logits, labels, _ = made_up((3000, 300, 100), {})
    model = estimate(logits, labels, 3)
    assert (model.suspicion(labels) > 0.5).mean() <= 0.01
    assert model.wrong.low < 5
    assert model.wrong.value < 0.01 * len(labels)


def test_symmetric_noise_among_five_classes() -> None:
    flips = {(a, b): 20 for a in range(5) for b in range(5) if a != b}
    logits, labels, true = made_up((400,) * 5, flips, distance=3.5, seed=3)
    model = estimate(logits, labels, 5)
    assert model.wrong.low <= 400 <= model.wrong.high
    assert (model.posterior.argmax(axis=1) == true).mean() > 0.95


def test_posterior_and_joint_are_distributions() -> None:
    logits, labels, _ = made_up((300, 60, 40), {(1, 0): 20})
    model = estimate(logits, labels, 3)
    np.testing.assert_allclose(model.posterior.sum(axis=1), 1)
    np.testing.assert_allclose(model.joint.sum(axis=0), np.bincount(labels))
    assert model.wrong.low <= model.wrong.value <= model.wrong.high


def test_classes_of_a_few_images_are_not_judged() -> None:
    logits, labels, _ = made_up((300, 100, 5), {(2, 0): 1, (1, 0): 10})
    model = estimate(logits, labels, 3)
    assert model.too_few.tolist() == [False, False, True]
    assert model.suspicion(labels)[labels == 2].max() == 0
    assert model.joint[2, :2].tolist() == [0, 0]


def test_numbering_of_the_classes_does_not_matter() -> None:
    logits, labels, _ = made_up((600, 120, 80), {(1, 0): 40})
    order = np.array([2, 0, 1])
    model = estimate(logits, labels, 3)
    renamed = estimate(logits[:, order], np.argsort(order)[labels], 3)
    # The first class's bias is fixed at zero, so the weak prior sits a little differently.
    np.testing.assert_allclose(renamed.posterior, model.posterior[:, order], atol=0.03)


def test_same_input_same_answer() -> None:
    logits, labels, _ = made_up((200, 50, 30), {(1, 0): 10})
    first, second = estimate(logits, labels, 3), estimate(logits, labels, 3)
    assert first.wrong == second.wrong
    assert first.posterior.tobytes() == second.posterior.tobytes()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_the_gradient_is_the_derivative_of_the_loss(seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.r_[np.repeat(np.arange(k), 12), generator.integers(0, k, 10)]
    problem = LabelLikelihood(
        generator.standard_normal((len(labels), k)) * 2, labels, np.bincount(labels).astype(float)
    )
    theta = problem.start() + 0.3 * generator.standard_normal(len(problem.start()))
    numeric = approx_fprime(theta, lambda point: problem.loss(point)[0], 1e-6)
    np.testing.assert_allclose(problem.loss(theta)[1], numeric, rtol=1e-3, atol=1e-3)


def test_a_likelihood_by_hand() -> None:
    """Two images, even network: P(given) is the share of the given label, whatever the columns."""
    labels = np.array([0] * 30 + [1] * 10)
    problem = LabelLikelihood(np.zeros((40, 2)), labels, np.array([30.0, 10.0]))
    theta = problem.start()
    expected = -(30 * np.log(0.75) + 10 * np.log(0.25))
    assert problem.loss(theta)[0] - problem._prior(theta)[0] == pytest.approx(expected)


def test_issues_are_listed_worst_first_with_what_to_call_them() -> None:
    logits, labels, true = made_up((900, 200), {(1, 0): 60}, distance=4)
    model = estimate(logits, labels, 2)
    paths = [f"{number:04}.png" for number in range(len(labels))]
    issues = label_issues(model, labels, paths, ["Cars", "Cats"])
    assert len(issues) == len(labels)
    assert [issue.suspicion for issue in issues] == sorted((issue.suspicion for issue in issues), reverse=True)
    worst = issues[0]
    assert (worst.given, worst.suggested, worst.flagged) == ("Cars", "Cats", True)
    assert true[paths.index(worst.path)] == 1
    assert sum(issue.flagged for issue in issues) == (model.suspicion(labels) > 0.5).sum()
