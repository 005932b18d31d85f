"""Suspected label errors: how the given labels differ from the true ones, estimated from out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from evenhand.auditing.label_count import evidence, interval_of_wrong, probability_of_any
from evenhand.auditing.label_likelihood import LabelLikelihood
from evenhand.records.audit import LabelIssue
from evenhand.records.values import Floats, Interval, Ints

Doubles = NDArray[np.float64]

FLAG = 0.5
"""Suspicion above which the product itself calls a label wrong: more likely wrong than right."""


@dataclass(frozen=True)
class LabelModel:
    """What is believed about the true labels.

    Attributes
    ----------
    posterior : (n, K) float64
        P(true = k | image, given label); rows sum to 1.
    joint : (K, K) float64
        Estimated number of images with true label k (row) and given label g (column); columns sum to the given counts.
    wrong : Interval
        Estimated number of wrong labels.
    temperature : float
        By which the logits were divided to calibrate them.
    bias : (K,) float64
        What was added to them.
    too_few : (K,) bool
        Classes that were not judged.
    """

    posterior: Doubles
    joint: Doubles
    wrong: Interval
    temperature: float
    bias: Doubles
    too_few: NDArray[np.bool_]

    def suspicion(self, given: Ints) -> Doubles:
        """Return (n,) P(given label is wrong) in [0, 1]."""
        certainty: Doubles = self.posterior[np.arange(len(given)), given]
        return np.clip(1 - certainty, 0, 1)


def estimate(logits: Floats, given: Ints, n_classes: int, *, interval: bool = True) -> LabelModel:
    """Return the label model that explains the given labels best.

    With m(k|x) the network's probabilities for a uniform prior and Q[k, g] the joint count of true label k and given
    label g, the given label of an image has the probability P(g|x) = sum_k m(k|x) Q[k, g] / sum_k m(k|x) Q[k, .].
    Temperature and bias of the logits and the columns of Q are found together by maximising that likelihood. Fitting
    them together matters: a network that is sure of itself where it should not be would otherwise have its own
    mistakes counted as label errors. The suspicion is then the posterior m(k|x) Q[k, g], normalised over k
    (Saerens, Latinne and Decaestecker 2002 for the correction by priors; Patrini et al. 2017 for Q as a layer).

    With few images, or a network that has learnt little, its own mistakes look like label errors. So two explanations
    are weighed by their likelihoods: that there are wrong labels, and that there are none and the network is merely
    unsure. The posterior is the average of both, and only strong evidence makes any label suspicious.

    Parameters
    ----------
    logits : (n, K) float
        Out-of-fold logits of a network trained for a uniform prior (balanced softmax), one row an image.
    given : (n,) int64
        Given labels in 0..K-1.
    n_classes : int
        K.
    interval : bool
        Whether the interval is wanted, which takes most of the time; without it both its ends are the estimate.
    """
    counts = np.bincount(given, minlength=n_classes).astype(np.float64)
    problem = LabelLikelihood(logits.astype(np.float64), given, counts)
    best = minimize(problem.loss, problem.start(), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    temperature, bias, columns = problem.unpack(best)
    there_are = probability_of_any(evidence(problem, best))
    certain = np.eye(n_classes)
    posterior = problem.posterior(best)
    doubt = 1 - posterior[np.arange(len(given)), given]
    wrong = interval_of_wrong(problem, best, doubt, there_are) if interval else None
    believed = there_are * posterior + (1 - there_are) * certain[given]
    joint = (there_are * columns + (1 - there_are) * certain) * counts
    value = float((1 - believed[np.arange(len(given)), given]).sum())
    stated = Interval(value, min(wrong.low, value), max(wrong.high, value)) if wrong else Interval(value, value, value)
    return LabelModel(believed, joint, stated, temperature, bias, problem.too_few)


def label_issues(
    model: LabelModel, given: Ints, paths: Sequence[str], classes: Sequence[str]
) -> tuple[LabelIssue, ...]:
    """Return every image with its suspicion, worst first; images of equal suspicion are in order of their path."""
    suspicion = model.suspicion(given)
    suggested = model.posterior.argmax(axis=1)
    order = sorted(range(len(given)), key=lambda row: (-suspicion[row], paths[row]))
    return tuple(
        LabelIssue(
            path=paths[row],
            given=classes[given[row]],
            suggested=classes[suggested[row]],
            suspicion=round(float(suspicion[row]), 6),
            flagged=bool(suspicion[row] > FLAG),
        )
        for row in order
    )
