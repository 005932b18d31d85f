"""How many wrong labels are left: by suspicion, corrected by what people found so far."""

from __future__ import annotations

import numpy as np

from evenhand.records.values import Floats, Interval
from evenhand.review.queue import Flags

TRUST_IN_SUSPECTS = 20
"""The audit's opinion of its suspects counts like so many of them settled."""
TRUST_IN_OTHERS = 50
"""Its opinion of the pictures that nobody suspects counts like so many random checks."""
_DRAWS = 4000


def wrong_left(suspicion: Floats, flagged: Flags, check: Flags, wrong: Floats, open_: Flags) -> Interval:
    """Return the number of wrong labels among the open pictures, with a 95 % interval.

    Suspects come worst first, so the open ones are better than the settled ones were: the chance that a suspect is
    rightly labelled is taken from its suspicion and scaled by how much oftener than expected that was so until now.
    The others have one chance of being wrong, which their mean suspicion suggests and the random checks tell.

    Parameters
    ----------
    suspicion : (n,) float
        Of all judged pictures.
    flagged, check, open_ : (n,) bool
        Suspects, random checks, and what nobody has decided on.
    wrong : (n,) float
        1 where somebody found the label wrong, 0 where right, NaN where that is not known.
    """
    random = np.random.default_rng(0)
    draws = _suspects(suspicion[flagged], wrong[flagged], open_[flagged], random)
    others = ~flagged
    draws = draws + _others(suspicion[others], wrong[others & check], open_[others], random)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(draws.mean()), float(low), float(high))


def _suspects(suspicion: Floats, wrong: Floats, open_: Flags, random: np.random.Generator) -> Floats:
    left = int(open_.sum())
    if not left:
        return np.zeros(_DRAWS, dtype=np.float32)
    known = ~np.isnan(wrong)
    expected, found = float((1 - suspicion[known]).sum()), float((1 - wrong[known]).sum())
    right = min(1.0, float((1 - suspicion[open_]).mean()) * (found + 1) / (expected + 1))
    return left - _drawn(left, right, TRUST_IN_SUSPECTS + int(known.sum()), random)


def _others(suspicion: Floats, checked: Floats, open_: Flags, random: np.random.Generator) -> Floats:
    left = int(open_.sum())
    if not left:
        return np.zeros(_DRAWS, dtype=np.float32)
    checked = checked[~np.isnan(checked)]
    weight = TRUST_IN_OTHERS + len(checked)
    share = (TRUST_IN_OTHERS * float(suspicion[open_].mean()) + float(checked.sum())) / weight
    return _drawn(left, share, weight, random)


def _drawn(count: int, share: float, weight: int, random: np.random.Generator) -> Floats:
    """Return draws of how many of `count` it is, when the share is known like from `weight` pictures."""
    share = float(np.clip(share, 1e-6, 1 - 1e-6))
    shares = random.beta(weight * share, weight * (1 - share), _DRAWS)
    return random.binomial(count, shares).astype(np.float32)
