"""Remedies that mix images in pairs while training, and their labels with them."""

from __future__ import annotations

from evenhand.remedies.counting import Counts, at_least_one
from evenhand.remedies.plan import Mixing, Plan


def mixup(counts: Counts, *, alpha: float) -> Plan:
    """Return a plan that trains on lambda x + (1 - lambda) x' with the label lambda y + (1 - lambda) y'.

    Zhang et al. (2018), with lambda from Beta(alpha, alpha).

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; not used.
    alpha : float in [0.05, 4]
        Small values seldom mix much; 1 mixes evenly.
    """
    del counts
    return Plan(mixing=Mixing("blend", alpha))


def cutmix(counts: Counts, *, alpha: float, chance: float) -> Plan:
    """Return a plan that puts a rectangle of another image onto an image; the label is mixed by area.

    Yun et al. (2019): the rectangle covers 1 - lambda, lambda from Beta(alpha, alpha), and is cut off at the border.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; not used.
    alpha : float in [0.05, 4]
        As in `mixup`.
    chance : float in (0, 1]
        Share of the images that get a rectangle.
    """
    del counts
    return Plan(mixing=Mixing("patch", alpha, chance))


def remix(counts: Counts, *, alpha: float, kappa: float, tau: float) -> Plan:
    """Return a plan that mixes pixels as `mixup` does and gives the label to the rarer class where the two differ much.

    Chou et al. (2020), eq. 8: the label is y' alone when n_y / n_y' >= kappa and lambda < tau, y alone when
    n_y / n_y' <= 1 / kappa and 1 - lambda < tau, and mixed otherwise.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    alpha : float in [0.05, 4]
        As in `mixup`.
    kappa : float in [1, 100]
        How many times as common the other class must be.
    tau : float in [0, 1]
        The common image's part must be below it.
    """
    floored = at_least_one(counts)
    return Plan(mixing=Mixing("blend", alpha, shares=tuple((floored / floored.sum()).tolist()), kappa=kappa, tau=tau))


def cmo(counts: Counts, *, alpha: float, chance: float, power: float) -> Plan:
    """Return a plan that puts rectangles of mostly rare images onto plainly drawn ones: rare objects, rich backgrounds.

    Park et al. (2022), context-rich minority oversampling: as `cutmix`, the partner's class drawn with a chance that
    goes with 1 / n_y^power (section 3.2), so that an image of class y has a weight of n_y^(-power - 1).

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    alpha, chance
        As in `cutmix`.
    power : float in [0, 2]
        0 draws every class alike, 1 the rarest most.
    """
    weights = at_least_one(counts) ** (-power - 1)
    weights *= counts.sum() / (counts * weights).sum()
    return Plan(mixing=Mixing("patch", alpha, chance, partners=tuple(weights.tolist())))
