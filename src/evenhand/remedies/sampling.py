"""Remedies that change which images an epoch holds."""

from __future__ import annotations

from evenhand.remedies.counting import Counts, at_least_one, whole
from evenhand.remedies.plan import Draw, Plan, Stage


def oversample(counts: Counts) -> Plan:
    """Return a plan whose epochs hold every class as often as the largest: rare images are repeated.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    """
    return _to_count(counts, int(whole(counts).max()))


def undersample(counts: Counts) -> Plan:
    """Return a plan whose epochs hold every class as often as the smallest: each epoch a fresh part of the common ones.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; classes without an image do not count as the smallest.
    """
    images = whole(counts)
    return _to_count(counts, int(images[images > 0].min()))


def sampler(counts: Counts, *, q: float) -> Plan:
    """Return a plan that draws as many images as there are, with replacement, each class with a share going with n_y^q.

    Over- and under-sampling at once: an image of class y has a weight of n_y^(q - 1), so q = 0 makes every class
    equally likely, q = 1/2 is square-root sampling and q = 1 leaves the shares as they are. Kang et al. (2020), eq. 1.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    q : float in [0, 1]
        Exponent of the class counts.
    """
    return Plan(draw=by_power(counts, q))


def deferred_draws(counts: Counts, *, start: float, q: float) -> Plan:
    """Return a plan that shows all images alike first and draws as `sampler` does in the last part.

    Cao et al. (2019), section 3.4, deferred re-sampling.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    start : float in (0, 1)
        Share of the training after which the draws hold.
    q : float in [0, 1]
        As in `sampler`.
    """
    return Plan(stages=(Stage(start, draw=by_power(counts, q)),))


def by_power(counts: Counts, q: float) -> Draw:
    """Return N draws with replacement in which the share of class y goes with n_y^q; see `sampler`."""
    weights = at_least_one(counts) ** (q - 1)
    weights *= counts.sum() / (counts * weights).sum()
    return Draw("weighted", tuple(weights.tolist()), length=round(counts.sum()))


def _to_count(counts: Counts, each: int) -> Plan:
    values = [float(each) if count > 0 else 0.0 for count in counts]
    return Plan(draw=Draw("counts", tuple(values), length=round(sum(values))))
