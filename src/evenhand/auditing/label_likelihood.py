"""The likelihood of the given labels: how a calibrated network and rates of label errors explain them together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenhand.records.values import Ints

Doubles = NDArray[np.float64]

FEWEST = 10
"""Classes with fewer images than this are not judged: their labels are taken as they are."""

_PRIOR_LOG_ODDS, _PRIOR_SPREAD = -5.0, 3.0
_LEAST = 1e-300
"""Stands for a probability of 0 where its logarithm is taken: a network may believe in a class without images."""
_NEVER = -12.0
"""Log odds of a label error where there are none."""


class LabelLikelihood:
    """The likelihood of the given labels under networks that need calibrating and labels that may be wrong.

    Its parameters are one vector ``theta``: the logarithm of the temperature, the biases of all classes but the first,
    and the log odds of the columns P(true | given), without those of classes too small to judge. Weak normal priors
    keep it from running away where the data say nothing.

    Parameters
    ----------
    logits : (n, K) float64
        Out-of-fold logits for a uniform prior.
    given : (n,) int64
        Given labels in 0..K-1.
    counts : (K,) float64
        Images of each given label.

    Attributes
    ----------
    k : int
        K.
    too_few : (K,) bool
        Classes that are not judged.
    """

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
        """Return the parameters that the search begins with."""
        return np.concatenate([np.zeros(self.k), np.full(int(self.free.sum()), -3.0)])

    def bounds(self) -> list[tuple[float, float]]:
        """Return the range of each parameter: beyond it numbers overflow and nothing changes any more."""
        return [(-5.0, 5.0)] + [(-30.0, 30.0)] * (self.k - 1) + [(-20.0, 20.0)] * int(self.free.sum())

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
        """Return the (n, K) probabilities of the true labels, given image and label."""
        probabilities, joint, _ = self._membership(theta)
        weighted = probabilities * joint[:, self.given].T
        total = weighted.sum(axis=1, keepdims=True)
        certain = np.eye(self.k)[self.given]
        return np.where(total > _LEAST, weighted / np.maximum(total, _LEAST), certain)

    def loss(self, theta: Doubles) -> tuple[float, Doubles]:
        """Return the negative log posterior density and its gradient."""
        probabilities, joint, columns = self._membership(theta)
        priors = joint.sum(axis=1)
        weighted = probabilities * joint[:, self.given].T
        seen = np.maximum(weighted.sum(axis=1), _LEAST)
        anything = np.maximum(probabilities @ priors, _LEAST)
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

    def log_likelihood(self, theta: Doubles) -> float:
        """Return the log-probability of the given labels."""
        probabilities, joint, _ = self._membership(theta)
        seen = np.maximum((probabilities * joint[:, self.given].T).sum(axis=1), _LEAST)
        return float(np.log(seen).sum() - np.log(np.maximum(probabilities @ joint.sum(axis=1), _LEAST)).sum())

    def without_errors(self, network: Doubles) -> Doubles:
        """Return parameters by which hardly any label is wrong, from temperature and biases alone."""
        theta: Doubles = np.r_[network, np.full(int(self.free.sum()), _NEVER)]
        return theta

    def loss_without_errors(self, network: Doubles) -> tuple[float, Doubles]:
        """Return the loss and its gradient where hardly any label is wrong."""
        theta = self.without_errors(network)
        loss, gradient = self.loss(theta)
        return loss, gradient[: self.k]

    def wrong(self, theta: Doubles) -> tuple[float, Doubles]:
        """Return the expected number of wrong labels among all, and its gradient."""
        columns = self.unpack(theta)[2]
        off = 1 - np.eye(self.k)
        slope = columns * self.counts * (off - (columns * off).sum(axis=0))
        return float((columns * self.counts * off).sum()), np.r_[np.zeros(self.k), slope[self.free]]

    def _prior(self, theta: Doubles) -> tuple[float, Doubles]:
        """Weak normal priors: they only decide what the data leave open (a label error that never shows)."""
        centre = np.r_[np.zeros(self.k), np.full(len(theta) - self.k, _PRIOR_LOG_ODDS)]
        spread = np.r_[np.full(self.k, 0.5), np.full(len(theta) - self.k, _PRIOR_SPREAD)]
        distance = (theta - centre) / spread
        return float(0.5 * (distance**2).sum()), distance / spread
