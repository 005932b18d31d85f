"""Remedies with a second training: the trunk of a plainly trained network stays, its last layer is made anew."""

from __future__ import annotations

import math

import numpy as np

from evenhand.remedies.counting import Counts, at_least_one, missing
from evenhand.remedies.mixing import mixup
from evenhand.remedies.plan import Plan, Refit, Synthesis
from evenhand.remedies.sampling import by_power


def crt(counts: Counts, *, epochs: int) -> Plan:
    """Return a plan that trains plainly, and then a new last layer on balanced draws of features.

    Kang et al. (2020), section 4.1, classifier re-training.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    epochs : int in [1, 100]
        Of the second training.
    """
    return Plan(refit=Refit("retrain", draw=by_power(counts, 0.0), epochs=epochs))


def lws(counts: Counts, *, epochs: int) -> Plan:
    """Return a plan that trains plainly, and then learns one factor a class on balanced draws: w_y becomes f_y w_y.

    Kang et al. (2020), section 4.1, learnable weight scaling.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    epochs : int in [1, 100]
        Of the second training.
    """
    return Plan(refit=Refit("scale", draw=by_power(counts, 0.0), epochs=epochs))


def tau_norm(counts: Counts, *, tau: float) -> Plan:
    """Return a plan that trains plainly, and then divides the vector of each class by a power of its length.

    Kang et al. (2020), eq. 4, tau-normalised classifier: w_y / |w_y|^tau, without the biases; the vectors of common
    classes come out longer.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; not used.
    tau : float in [0, 2]
        0 leaves the vectors as they are, 1 makes them all equally long.
    """
    del counts
    return Plan(refit=Refit("normalise", strength=tau))


def mislas(counts: Counts, *, alpha: float, head: float, tail: float, epochs: int) -> Plan:
    """Return a plan that trains with mixup, and then the last layer on balanced draws with label-aware smoothing.

    Zhong et al. (2021), eq. 5 and 6 (concave form): of the label of class y, the part
    tail + (head - tail) sin(pi (n_y - n_min) / (2 (n_max - n_min))) is spread over the other classes, so that common
    classes are not overrated. The layer is trained on from what it was, with a factor a class (eq. 9).

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    alpha : float in [0.05, 4]
        As in `mixing.mixup`.
    head, tail : float in [0, 0.5]
        Part that is spread for the largest and the smallest class.
    epochs : int in [1, 100]
        Of the second training.
    """
    floored = at_least_one(counts)
    least, most = floored.min(), floored.max()
    place = (floored - least) / (most - least) if most > least else np.zeros(len(counts))
    smoothing = tail + (head - tail) * np.sin(math.pi / 2 * place)
    refit = Refit("both", draw=by_power(counts, 0.0), smoothing=tuple(smoothing.tolist()), epochs=epochs)
    return Plan(mixing=mixup(counts, alpha=alpha).mixing, refit=refit)


def feature_smote(counts: Counts, *, k: int, epochs: int) -> Plan:
    """Return a plan that trains plainly, and then a new last layer on features filled up by SMOTE to equal counts.

    Chawla et al. (2002) between the features of images instead of their pixels, as in DeepSMOTE (Dablain et al. 2021):
    half-way between two images lies no image, half-way between two features may lie one.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; a class without an image gets nothing.
    k : int in [1, 50]
        Nearest neighbours.
    epochs : int in [1, 100]
        Of the second training.
    """
    return _filled("smote", counts, {"neighbours": k}, epochs)


def feature_borderline_smote(counts: Counts, *, k: int, m: int, epochs: int) -> Plan:
    """Return a plan as `feature_smote` does, the features made near the border of a class only; Han et al. (2005).

    Parameters
    ----------
    counts, k, epochs
        As in `feature_smote`.
    m : int in [1, 50]
        Neighbours of any class that tell whether an image is near the border.
    """
    return _filled("borderline", counts, {"neighbours": k, "watched": m}, epochs)


def feature_adasyn(counts: Counts, *, k: int, epochs: int) -> Plan:
    """Return a plan as `feature_smote` does, more features made where other classes are near; He et al. (2008).

    Parameters
    ----------
    counts, k, epochs
        As in `feature_smote`.
    """
    return _filled("adasyn", counts, {"neighbours": k}, epochs)


def _filled(method: str, counts: Counts, settings: dict[str, int], epochs: int) -> Plan:
    parameters = tuple((name, float(value)) for name, value in sorted(settings.items()))
    synthesis = Synthesis(method, missing(counts), parameters)  # type: ignore[arg-type]
    return Plan(refit=Refit("retrain", synthesis=synthesis, epochs=epochs))
