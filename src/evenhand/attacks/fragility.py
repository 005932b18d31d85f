"""Are rare classes more fragile? Three questions kept apart, with intervals, tests, and the word "not enough data".

*Clean error*: how often the model is wrong about a class untouched. *Fragility*: how often an attack succeeds on those
images of the class that the model was right about. *Attraction*: how often attacks on other classes end in this one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evenhand.attacks.result import AttackResult, Flags
from evenhand.errors import UsageError
from evenhand.evaluation.intervals import LEVEL, holm, wilson
from evenhand.records.values import Interval, Ints

MEASURES = ("clean_error", "fragility", "attraction")
SAMPLES = 4000
"""Resamples of each bootstrap, and permutations of each test."""
TOO_COARSE = 0.3
"""Where even a difference as large as this would probably be missed, there is not enough data."""
_WORDS = {
    "clean_error": "are recognised less often untouched",
    "fragility": "are more fragile: attacks on them succeed more often",
    "attraction": "draw attacks towards them",
}
_COMMON = {
    "clean_error": "are recognised more often untouched",
    "fragility": "are less fragile: attacks on them succeed less often",
    "attraction": "draw attacks less often",
}

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class ClassFragility:
    """What happened to one class. A figure without anything to count is None."""

    name: str
    train_count: int
    n: int
    right: int
    clean_error: Interval | None
    fragility: Interval | None
    attraction: Interval | None


@dataclass(frozen=True)
class Tendency:
    """How one measure goes with the number of training images.

    `rank_correlation` is Spearman's, across classes: negative where rare classes have more of it. `p` asks whether the
    images tell these classes apart along the counts; `p_classes` whether classes in general would, which a handful of
    classes can never show.
    """

    measure: str
    rank_correlation: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    p_classes: float | None
    detectable: float | None
    """The smallest difference between rare and common classes that would be seen four times out of five."""
    verdict: str
    """rare, common, none or not enough data."""
    sentence: str


@dataclass(frozen=True)
class Fragility:
    """The three measures class by class, and how they go with the class counts."""

    classes: tuple[ClassFragility, ...]
    tendencies: tuple[Tendency, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return asdict(self)


def fragility(result: AttackResult, counts: Ints, classes: Sequence[str], *, seed: int = 0) -> Fragility:
    """Return the fragility of each class and its tendency with the class counts.

    Parameters
    ----------
    result : AttackResult
        Of an attack without a target.
    counts : (K,) int64
        Images of each class that the model was trained on.
    classes : sequence of str
    seed : int
        Of bootstrap and permutations.

    Raises
    ------
    UsageError
        When the attack was aimed, or counts and classes do not fit the model.
    """
    if (result.targets >= 0).any():
        raise UsageError("Fragility is read from an attack without a target; an aimed one says where it was aimed.")
    if not len(counts) == len(classes) == result.logits.shape[1]:
        raise UsageError(f"There are {len(counts)} counts, {len(classes)} names and {result.logits.shape[1]} classes.")
    dice = np.random.default_rng([seed, 7])
    tallies = [_Tally.of(result, measure, len(classes)) for measure in MEASURES]
    drawn = _bootstrap(result, len(classes), dice)
    rows = [
        ClassFragility(
            name=name,
            train_count=int(counts[number]),
            n=int((result.labels == number).sum()),
            right=int((result.clean_right & (result.labels == number)).sum()),
            **{
                tally.measure: _interval(tally.hits[number], tally.of_[number], drawn[tally.measure][:, number])
                for tally in tallies
            },
        )
        for number, name in enumerate(classes)
    ]
    raw = [_test(tally, result, counts, dice) for tally in tallies]
    known = [p for p in raw if p is not None]
    adjusted = iter(holm(known))
    tendencies = [
        _tendency(tally, counts, drawn[tally.measure], p, None if p is None else next(adjusted), dice)
        for tally, p in zip(tallies, raw, strict=True)
    ]
    return Fragility(tuple(rows), tuple(tendencies))


def adjustment(counts: Ints) -> list[float]:
    """Return what logit adjustment after the fact adds to the logits: minus the logarithm of each class's share.

    What becomes of rare classes then is the counterfactual: the same network, without its leaning to common classes
    (Menon et al. 2021, equation 9).
    """
    shares = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    return [float(value) for value in -np.log(shares)]


@dataclass(frozen=True)
class _Tally:
    """Hits of one measure out of how many chances, class by class."""

    measure: str
    hits: Ints
    of_: Ints

    @classmethod
    def of(cls, result: AttackResult, measure: str, k: int) -> _Tally:
        return cls(measure, *_counted(measure, result.labels, result.clean_right, result.fooled, result.called, k))

    @property
    def shares(self) -> Doubles:
        return np.where(self.of_ > 0, self.hits / np.maximum(self.of_, 1), np.nan)


def _counted(measure: str, labels: Ints, right: Flags, fooled: Flags, called: Ints, k: int) -> tuple[Ints, Ints]:
    """Return (K,) hits and (K,) chances."""

    def count(values: Ints) -> Ints:
        return np.bincount(values, minlength=k).astype(np.int64)

    if measure == "clean_error":
        return count(labels[~right]), count(labels)
    if measure == "fragility":
        return count(labels[fooled]), count(labels[right])
    # An attack on an image of a class cannot end in that class.
    return count(called[fooled]), fooled.sum() - count(labels[fooled])


def _bootstrap(result: AttackResult, k: int, dice: np.random.Generator) -> dict[str, Doubles]:
    """Return (samples, K) shares of each measure, images drawn again class by class.

    What can become of an image of a class: wrong, right and robust, or led to one of K classes. Drawing n images again
    is drawing how many of them meet each fate.
    """
    wrong, right = np.zeros((SAMPLES, k), dtype=np.int64), np.zeros((SAMPLES, k), dtype=np.int64)
    fooled, landed = np.zeros_like(wrong), np.zeros_like(wrong)
    for number in range(k):
        own = result.labels == number
        if not own.any():
            continue
        led = np.bincount(result.called[own & result.fooled], minlength=k)
        robust = int((own & result.clean_right & ~result.fooled).sum())
        fates = np.array([int((own & ~result.clean_right).sum()), robust, *led])
        drawn = dice.multinomial(fates.sum(), fates / fates.sum(), SAMPLES)
        wrong[:, number], right[:, number] = drawn[:, 0], drawn[:, 1:].sum(axis=1)
        fooled[:, number] = drawn[:, 2:].sum(axis=1)
        landed += drawn[:, 2:]
    pairs = {
        "clean_error": (wrong, wrong + right),
        "fragility": (fooled, right),
        "attraction": (landed, fooled.sum(axis=1, keepdims=True) - fooled),
    }
    return {
        measure: np.where(chances > 0, hits / np.maximum(chances, 1), np.nan)
        for measure, (hits, chances) in pairs.items()
    }


def _interval(hits: int, chances: int, drawn: Doubles) -> Interval | None:
    """Return a share with the wider ends of its bootstrap and its Wilson interval, which knows what 0 of 5 means."""
    if chances == 0:
        return None
    low, high = (float(end) for end in wilson(hits, chances))
    usable = drawn[np.isfinite(drawn)]
    if len(usable):
        tails = np.percentile(usable, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
        low, high = min(low, float(tails[0])), max(high, float(tails[1]))
    return Interval(float(hits / chances), low, high)


def _rarity(counts: Ints) -> Doubles:
    """Return (K,) how rare each class is: minus the logarithm of its count."""
    return -np.log(np.maximum(counts, 1).astype(np.float64))


def _test(tally: _Tally, result: AttackResult, counts: Ints, dice: np.random.Generator) -> float | None:
    """Return the two-sided p of the measure having nothing to do with how rare a class is, by permuting images."""
    rarity, k = _rarity(counts), len(counts)
    if np.ptp(rarity) == 0 or (tally.of_ > 0).sum() < 2 or (tally.measure == "attraction" and k < 3):
        return None
    if tally.measure == "attraction":
        # Nothing draws attacks: each ends in any class but its own, all alike.
        sources = np.bincount(result.labels[result.fooled], minlength=k)
        by_chance = np.zeros((SAMPLES, k), dtype=np.int64)
        for number in range(k):
            others = np.where(np.arange(k) == number, 0, 1 / (k - 1))
            by_chance += dice.multinomial(sources[number], others, SAMPLES)
        expected = float((sources * (rarity.sum() - rarity) / (k - 1)).sum())
    else:
        total = int(tally.hits.sum())
        if total in (0, int(tally.of_.sum())):
            return 1.0
        by_chance = dice.multivariate_hypergeometric(tally.of_, total, SAMPLES)
        expected = float(total * (rarity @ tally.of_) / tally.of_.sum())
    observed = abs(float(rarity @ tally.hits) - expected)
    beyond = int((np.abs(by_chance @ rarity - expected) >= observed - 1e-9).sum())
    return (beyond + 1) / (SAMPLES + 1)


def _tendency(
    tally: _Tally, counts: Ints, drawn: Doubles, p: float | None, p_holm: float | None, dice: np.random.Generator
) -> Tendency:
    shares, usable = tally.shares, tally.of_ > 0
    correlation = _spearman(counts[usable], shares[usable])
    again = _spearmans(counts[usable], drawn[:, usable])
    low, high = (float(end) for end in np.percentile(again, (2.5, 97.5))) if len(again) else (None, None)
    detectable = _detectable(tally, counts)
    verdict, sentence = _said(tally, counts, p_holm, detectable)
    return Tendency(
        measure=tally.measure,
        rank_correlation=correlation,
        low=low,
        high=high,
        p=p,
        p_holm=p_holm,
        p_classes=_permuted_classes(counts[usable], shares[usable], correlation, dice),
        detectable=detectable,
        verdict=verdict,
        sentence=sentence,
    )


def _spearman(counts: Ints, shares: Doubles) -> float | None:
    found = _spearmans(counts, shares[None])
    return float(found[0]) if len(found) else None


def _spearmans(counts: Ints, shares: Doubles) -> Doubles:
    """Return the rank correlations of (n, K) shares with (K,) counts, of those rows that have one."""
    shares = shares[np.isfinite(shares).all(axis=1)]
    if shares.shape[1] < 2 or np.ptp(counts) == 0 or not len(shares):
        return np.zeros(0)
    one = stats.rankdata(counts) - (len(counts) + 1) / 2
    other = stats.rankdata(shares, axis=1) - (len(counts) + 1) / 2
    spread = np.sqrt((other**2).sum(axis=1))
    found: Doubles = (other @ one)[spread > 0] / (spread[spread > 0] * np.sqrt((one**2).sum()))
    return found.round(12)


def _permuted_classes(
    counts: Ints, shares: Doubles, correlation: float | None, dice: np.random.Generator
) -> float | None:
    """Return the two-sided p of the rank correlation, class counts permuted among the classes."""
    if correlation is None or len(counts) < 3:
        return None
    ranks = stats.rankdata(counts) - (len(counts) + 1) / 2
    other = stats.rankdata(shares) - (len(shares) + 1) / 2
    found = dice.permuted(np.tile(ranks, (SAMPLES, 1)), axis=1) @ other
    return float((1 + (np.abs(found) >= abs(ranks @ other) - 1e-9).sum()) / (SAMPLES + 1))


def _detectable(tally: _Tally, counts: Ints) -> float | None:
    """Return the smallest difference between the rarer and the commoner half of the classes seen with 80 % power."""
    usable = np.flatnonzero(tally.of_ > 0)
    if len(usable) < 2:
        return None
    order = usable[np.argsort(counts[usable], kind="stable")]
    half = max(1, len(order) // 2)
    rare, common = (int(tally.of_[part].sum()) for part in (order[:half], order[half:]))
    pooled = (tally.hits.sum() + 1) / (tally.of_.sum() + 2)
    reach = float(stats.norm.ppf(0.5 + LEVEL / 2) + stats.norm.ppf(0.8))
    return min(1.0, reach * math.sqrt(pooled * (1 - pooled) * (1 / rare + 1 / common)))


def _said(tally: _Tally, counts: Ints, p_holm: float | None, detectable: float | None) -> tuple[str, str]:
    """Return the verdict and a sentence that a person can use."""
    subject = tally.measure.replace("_", " ").capitalize()
    if np.ptp(counts) == 0:
        return "none", f"{subject}: all classes had the same number of training images; there is no rare class."
    if p_holm is None or detectable is None:
        return "not enough data", f"{subject}: not enough data; there are too few classes or images to compare."
    if p_holm <= 1 - LEVEL:
        usable = tally.of_ > 0
        slope = np.polyfit(_rarity(counts)[usable], tally.shares[usable], 1, w=np.sqrt(tally.of_[usable]))[0]
        words = _WORDS if slope > 0 else _COMMON
        return ("rare" if slope > 0 else "common"), f"{subject}: rare classes {words[tally.measure]} (p {p_holm:.2g})."
    if detectable > TOO_COARSE:
        return "not enough data", (
            f"{subject}: not enough data. With so few images only a difference of {100 * detectable:.0f} percentage "
            "points or more would probably be seen."
        )
    return "none", (
        f"{subject}: no difference between rare and common classes was found (p {p_holm:.2g}); one of "
        f"{100 * detectable:.0f} percentage points would probably have been seen."
    )
