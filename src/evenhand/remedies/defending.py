"""The remedy for attacks: training on images that were made as hard as a budget of noise allows."""

from __future__ import annotations

from evenhand.remedies.counting import Counts
from evenhand.remedies.plan import Perturbation, Plan

LEVELS = 255
"""Grey levels between black and white."""


def pgd_train(counts: Counts, *, eps: float, steps: int, step: float) -> Plan:
    """Return a plan that gives every image of every batch the noise that raises its loss most, and learns from that.

    Madry et al. (2018), equation 2.1 with projected gradient ascent in linf from a random place.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; not used.
    eps : float in [0.25, 64]
        Largest change of a value, in grey levels of 255.
    steps : int in [1, 50]
        Gradients an image; training takes about as many times longer, and one.
    step : float in [0.05, 128]
        Length of a step, in grey levels of 255.
    """
    del counts
    return Plan(perturbation=Perturbation(eps / LEVELS, steps, step / LEVELS))
