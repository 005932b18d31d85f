"""Detectors of label errors by name: evenhand's own, and cleanlab's for whoever trusts or compares them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evenhand.auditing.labels import FLAG, LabelModel
from evenhand.errors import UsageError, suggest
from evenhand.records.values import Floats, Ints

Doubles = NDArray[np.float64]
Detector = Callable[[LabelModel, Doubles, Ints], LabelModel]
"""Takes our label model, the (n, K) probabilities for a uniform prior it came from, and the (n,) given labels."""

OWN = "posterior"


def _own(model: LabelModel, probabilities: Doubles, given: Ints) -> LabelModel:
    del probabilities, given
    return model


def _cleanlab(filter_by: str) -> Detector:
    def detect(model: LabelModel, probabilities: Doubles, given: Ints) -> LabelModel:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        # Neither function knows of classes without any image; such a column is nobody's suggestion.
        present = np.unique(given)
        believed = probabilities[:, present] / probabilities[:, present].sum(axis=1, keepdims=True)
        labels = np.searchsorted(present, given)
        # One process: more of them would each copy the probabilities, and would not start inside a worker.
        flagged = np.asarray(find_label_issues(labels, believed, filter_by=filter_by, n_jobs=1), dtype=bool)
        quality = np.asarray(get_label_quality_scores(labels, believed, method="self_confidence"), dtype=np.float64)
        judged = ~model.too_few[given]
        return _in_words_of_a_posterior(model, probabilities, given, flagged & judged, np.where(judged, quality, 1))

    return detect


DETECTORS: dict[str, Detector] = {
    OWN: _own,
    **{
        f"cleanlab:{name}": _cleanlab(name)
        for name in (
            "prune_by_noise_rate",
            "prune_by_class",
            "both",
            "confident_learning",
            "predicted_neq_given",
            "low_normalized_margin",
            "low_self_confidence",
        )
    },
}
"""By name; cleanlab's are named as its `find_label_issues` names them (Northcutt, Jiang and Chuang 2021)."""


def check_detector(name: str) -> None:
    """Refuse a detector that does not exist, or whose library is not installed.

    Raises
    ------
    UsageError
        With the nearest name, or with how to install the library.
    """
    if name not in DETECTORS:
        raise UsageError(f"There is no detector {name!r}. {suggest(name, DETECTORS)}")
    if name != OWN:
        try:
            import cleanlab  # noqa: F401
        except ImportError as error:
            raise UsageError(
                f"The detector {name} needs the package {error.name}. Install it with: pip install 'evenhand[cleanlab]'"
            ) from error


def detected(name: str, model: LabelModel, logits: Floats, given: Ints) -> LabelModel:
    """Return the label model with the suspects that a detector names.

    Another detector than our own replaces what is believed about single images (`posterior`), from which suspicion,
    flags, suggestions and repairs follow. How many labels are wrong (`wrong`, `joint`) stays our estimate: cleanlab
    states none with an interval.

    Parameters
    ----------
    name : str
        A key of `DETECTORS`.
    model : LabelModel
        Estimated from `logits`.
    logits : (n, K) float
        Out-of-fold logits for a uniform prior.
    given : (n,) int64
        Given labels.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    probabilities = np.exp(shifted)
    return DETECTORS[name](model, probabilities / probabilities.sum(axis=1, keepdims=True), given)


def _in_words_of_a_posterior(
    model: LabelModel, probabilities: Doubles, given: Ints, flagged: NDArray[np.bool_], quality: Doubles
) -> LabelModel:
    """Return the model whose suspicion is above `FLAG` where flagged, and falls with the quality on either side."""
    rows = np.arange(len(given))
    doubt = 1 - np.clip(quality, 0, 1)
    suspicion = np.where(flagged, FLAG + (1 - FLAG) * (0.001 + 0.999 * doubt), FLAG * doubt)
    others = probabilities.copy()
    others[rows, given] = -1
    posterior = np.zeros_like(probabilities)
    posterior[rows, others.argmax(axis=1)] = suspicion
    posterior[rows, given] = 1 - suspicion
    return replace(model, posterior=posterior)
