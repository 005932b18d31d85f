"""Suspected label errors: how the given labels differ from the true ones, estimated from out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from evenhand.records import Floats, Interval, Ints, LabelIssue

Doubles = NDArray[np.float64]

FEWEST = 10
"""Classes with fewer images than this are not judged: their labels are taken as they are."""
FLAG = 0.5
"""Suspicion above which the product itself calls a label wrong: more likely wrong than right."""

_PRIOR_LOG_ODDS, _PRIOR_SPREAD = -5.0, 3.0
_DRAWS = 400


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


def estimate(logits: Floats, given: Ints, n_classes: int, *, seed: int = 0) -> LabelModel:
    """Return the label model that explains the given labels best.

    With m(k|x) the network's probabilities for a uniform prior and Q[k, g] the joint count of true label k and given
    label g, the given label of an image has the probability P(g|x) = sum_k m(k|x) Q[k, g] / sum_k m(k|x) Q[k, .].
    Temperature and bias of the logits and the columns of Q are found together by maximising that likelihood. Fitting
    them together matters: a network that is sure of itself where it should not be would otherwise have its own
    mistakes counted as label errors. The suspicion is then the posterior m(k|x) Q[k, g], normalised over k
    (Saerens, Latinne and Decaestecker 2002 for the correction by priors; Patrini et al. 2017 for Q as a layer).

    Parameters
    ----------
    logits : (n, K) float
        Out-of-fold logits of a network trained for a uniform prior (balanced softmax), one row an image.
    given : (n,) int64
        Given labels in 0..K-1.
    n_classes : int
        K.
    seed : int
        Of the draws behind the interval.
    """
    counts = np.bincount(given, minlength=n_classes).astype(np.float64)
    problem = _Likelihood(logits.astype(np.float64), given, counts)
    found = minimize(problem.loss, problem.start(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    temperature, bias, columns = problem.unpack(found.x)
    joint = columns * counts
    posterior = problem.posterior(found.x)
    wrong = _interval(problem, found.x, posterior, given, seed)
    return LabelModel(posterior, joint, wrong, temperature, bias, problem.too_few)


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


class _Likelihood:
    """Negative log-likelihood of the given labels; its parameters are log temperature, biases, log odds of columns."""

    def __init__(self, logits: Doubles, given: Ints, counts: Doubles) -> None:
        self.logits: Doubles = logits - logits.mean(axis=1, keepdims=True)
        self.given, self.counts = given, counts
        self.k = len(counts)
        self.too_few = counts < FEWEST
        off = ~np.eye(self.k, dtype=bool)
        # A class too small to judge neither loses images to other classes nor gains any.
        self.free = off & ~self.too_few[None, :] & ~self.too_few[:, None]
        self.present = np.flatnonzero(counts > 0)

    def start(self) -> Doubles:
        return np.concatenate([np.zeros(self.k), np.full(int(self.free.sum()), -3.0)])

    def unpack(self, theta: Doubles) -> tuple[float, Doubles, Doubles]:
        """Return temperature, (K,) bias, and (K, K) columns P(true | given)."""
        odds = np.where(np.eye(self.k, dtype=bool), 0.0, -np.inf)
        odds[self.free] = theta[self.k :]
        columns = np.exp(odds - odds.max(axis=0))
        columns = columns / columns.sum(axis=0)
        return float(np.exp(theta[0])), np.r_[0.0, theta[1 : self.k]], columns

    def _membership(self, theta: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Return (n, K) network probabilities, (K, K) joint shares, (K, K) columns."""
        temperature, bias, columns = self.unpack(theta)
        scaled = self.logits / temperature + bias
        scaled -= scaled.max(axis=1, keepdims=True)
        probabilities = np.exp(scaled)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities, columns * (self.counts / self.counts.sum()), columns

    def posterior(self, theta: Doubles) -> Doubles:
        probabilities, joint, _ = self._membership(theta)
        weighted = probabilities * joint[:, self.given].T
        total = weighted.sum(axis=1, keepdims=True)
        certain = np.eye(self.k)[self.given]
        return np.where(total > 1e-300, weighted / np.maximum(total, 1e-300), certain)

    def loss(self, theta: Doubles) -> tuple[float, Doubles]:
        """Return the negative log posterior density and its gradient."""
        probabilities, joint, columns = self._membership(theta)
        priors = joint.sum(axis=1)
        weighted = probabilities * joint[:, self.given].T
        seen = np.maximum(weighted.sum(axis=1), 1e-300)
        anything = probabilities @ priors
        value = float(np.log(seen).sum() - np.log(anything).sum())
        pull = weighted / seen[:, None] - probabilities * priors / anything[:, None]
        gradient = np.r_[-(pull * (self.logits / np.exp(theta[0]))).sum(), pull.sum(axis=0)[1:]]
        share = probabilities / seen[:, None]
        toward = np.zeros((self.k, self.k))
        for label in self.present:
            toward[:, label] = share[self.given == label].sum(axis=0)
        toward -= (probabilities / anything[:, None]).sum(axis=0)[:, None]
        slope = joint * (toward - (columns * toward).sum(axis=0))
        gradient = np.r_[gradient, slope[self.free]]
        prior, prior_gradient = self._prior(theta)
        return prior - value, prior_gradient - gradient

    def _prior(self, theta: Doubles) -> tuple[float, Doubles]:
        """Weak normal priors: they only decide what the data leave open (a label error that never shows)."""
        centre = np.r_[np.zeros(self.k), np.full(len(theta) - self.k, _PRIOR_LOG_ODDS)]
        spread = np.r_[np.full(self.k, 0.5), np.full(len(theta) - self.k, _PRIOR_SPREAD)]
        distance = (theta - centre) / spread
        return float(0.5 * (distance**2).sum()), distance / spread


def _interval(problem: _Likelihood, best: Doubles, posterior: Doubles, given: Ints, seed: int) -> Interval:
    """Return the estimated number of wrong labels with its 95 % interval.

    Two sources of doubt add up: the parameters (a normal approximation around the best ones, from the curvature of
    the likelihood) and, given them, which images are wrong (independent draws from the posterior).
    """
    curvature = _curvature(problem, best)
    values, vectors = np.linalg.eigh(curvature)
    spread = vectors / np.sqrt(np.maximum(values, 1e-6))
    generator = np.random.default_rng(seed)
    moved = best + generator.standard_normal((_DRAWS, len(best))) @ spread.T
    eye = np.eye(problem.k, dtype=bool)
    totals = np.array([(problem.unpack(theta)[2] * problem.counts)[~eye].sum() for theta in moved])
    doubt = 1 - posterior[np.arange(len(given)), given]
    totals = totals + generator.standard_normal(_DRAWS) * np.sqrt((doubt * (1 - doubt)).sum())
    low, high = np.percentile(totals, [2.5, 97.5])
    value = float(doubt.sum())
    return Interval(value, float(max(0.0, min(low, value))), float(min(len(given), max(high, value))))


def _curvature(problem: _Likelihood, best: Doubles, step: float = 1e-4) -> Doubles:
    """Return the Hessian of the loss, by central differences of its gradient."""
    rows = []
    for number in range(len(best)):
        shift = np.zeros(len(best))
        shift[number] = step
        rows.append((problem.loss(best + shift)[1] - problem.loss(best - shift)[1]) / (2 * step))
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2
