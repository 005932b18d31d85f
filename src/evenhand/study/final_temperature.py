"""The temperature of the final model, fitted on what the chosen candidate said out of fold."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.evaluation.calibration import BINS
from evenhand.evaluation.temperature import cross_fitted_scaling, fit_temperature, mean_loss
from evenhand.records.comparison import RemedyResult
from evenhand.records.values import Floats, Ints
from evenhand.study.bench import Bench
from evenhand.study.prior import assumed_prior, untouched
from evenhand.study.trial import Targets

Doubles = NDArray[np.float64]

POSTERIOR, GIVEN = "out-of-fold probabilities, posterior of the true labels", "out-of-fold probabilities, given labels"


@dataclass(frozen=True)
class FinalTemperature:
    """What the final model's logits are divided by, how it was fitted, and what that does to the candidate's figures.

    Figures are of the chosen candidate out of fold, each image by what it counts; those after scaling come from the
    temperature that was fitted on the other folds, and are None where one fold alone was predicted.
    """

    value: float
    fitted_on: str
    """`POSTERIOR` or `GIVEN`."""
    n: int
    """Images."""
    prior: tuple[float, ...]
    """How common each class is taken to be by the probabilities."""
    as_they_occur: bool
    """Whether that is as common as the classes occur; else images were weighted."""
    log_loss: float
    ece: float
    log_loss_scaled: float | None
    ece_scaled: float | None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> FinalTemperature:
        """Return what `to_json` wrote."""
        return cls(**data | {"prior": tuple(data["prior"])})

    def sentence(self) -> str:
        """Return it in words, with the calibration before and after."""
        labels = "the posterior of the true labels" if self.fitted_on == POSTERIOR else "the given labels"
        counted = "as they occur" if self.as_they_occur else "as the remedy takes them to be, not as they occur"
        said = (
            f"Its logits are divided by a temperature of {self.value:.2f}, fitted on the chosen candidate's "
            f"out-of-fold probabilities and {labels} of {self.n} images, classes counted {counted}"
        )
        if self.ece_scaled is None or self.log_loss_scaled is None:
            return f"{said}; calibration error before: {self.ece:.3f}, log-loss {self.log_loss:.3f}."
        return (
            f"{said}; that takes the candidate's calibration error from {self.ece:.3f} to {self.ece_scaled:.3f} and "
            f"its log-loss from {self.log_loss:.3f} to {self.log_loss_scaled:.3f}, each fold by that of the others."
        )


def final_temperature(
    bench: Bench, remedy: str, result: RemedyResult, targets: Targets, posterior: Doubles | None
) -> FinalTemperature:
    """Return the temperature for networks trained with the chosen remedy.

    Parameters
    ----------
    bench : Bench
        The training images.
    remedy : str
        The choice, what was to be tuned settled.
    result : RemedyResult
        What the chosen candidate said out of fold.
    targets : Targets
        Labels as the chosen repair leaves them: what priors were made from.
    posterior : (n, K) float64 or None
        What the audit believed of each image of the bench, before it heard this candidate; without one the given
        labels count.
    """
    place = np.searchsorted(bench.rows, result.indices)
    labels = targets.labels[targets.keep]
    prior = assumed_prior(remedy, labels, bench.n_classes)
    plain = untouched(prior, labels)
    given = np.eye(bench.n_classes)[bench.given[place]]
    rows = counted(given if posterior is None else posterior[place], None if plain else prior)
    chances, fold = result.probabilities, bench.fold[place]
    value = fit_temperature(chances, rows)
    after = None
    if len(np.unique(fold)) > 1:
        after = cross_fitted_scaling(chances, rows, fold)
    return FinalTemperature(
        value=value,
        fitted_on=GIVEN if posterior is None else POSTERIOR,
        n=len(place),
        prior=tuple(prior.tolist()),
        as_they_occur=plain,
        log_loss=mean_loss(chances, rows),
        ece=expected_gap(chances, rows),
        log_loss_scaled=None if after is None else mean_loss(after, rows),
        ece_scaled=None if after is None else expected_gap(after, rows),
    )


def counted(believed: Doubles, prior: Doubles | None) -> Doubles:
    """Return what each image counts as each class.

    As if of each class one image more had been seen, of which nothing is known (Platt 1999): without any mistake in
    sight a temperature would fall to nothing. With a prior the classes count as it says, without one as they occur.

    Parameters
    ----------
    believed : (n, K) float64
        Rows sum to 1.
    prior : (K,) float64, optional
        Shares of the classes.
    """
    mass, n_classes = believed.sum(axis=0), believed.shape[1]
    weight = np.ones(n_classes)
    if prior is not None:
        weight = len(believed) * np.divide(prior, mass, out=np.zeros(n_classes), where=mass > 0)
    doubt = 1 / (mass + 2)
    elsewhere = (1 - np.eye(n_classes)) / (n_classes - 1)
    # Doubt goes along with the class that an image is believed to be of, and with its weight.
    return np.asarray((believed * weight) @ (np.diag(1 - doubt) + doubt[:, None] * elsewhere))


def expected_gap(probabilities: Floats | Doubles, rows: Doubles) -> float:
    """Return the calibration error expected under what each image counts as: |confidence - accuracy| over 15 bins.

    Parameters
    ----------
    probabilities : (n, K) float
    rows : (n, K) float64
        As of `counted`.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    called: Ints = chances.argmax(axis=1)
    sure = chances[np.arange(len(called)), called]
    weight, right = rows.sum(axis=1), rows[np.arange(len(called)), called]
    number = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    gap = np.bincount(number, weights=weight * sure - right, minlength=BINS)
    return float(np.abs(gap).sum() / weight.sum())
