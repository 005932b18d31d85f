"""Remedies that add images or change them."""

from __future__ import annotations

from typing import Literal

from evenhand.data.batches import Augmentation
from evenhand.remedies.counting import Counts, missing, whole
from evenhand.remedies.plan import Plan, Synthesis


def none(counts: Counts) -> Plan:
    """Return the empty plan: plain training on the images as they are."""
    del counts
    return Plan()


def augment(counts: Counts, *, factor: int, crop: int, jitter: float, flip: Literal["horizontal", "none"]) -> Plan:
    """Return a plan that adds `factor` altered copies of every image before training; the class shares stay.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class.
    factor : int in [1, 20]
        Copies of every image; 1 doubles the training set.
    crop : int in [0, 16]
        Largest shift, in pixels per 32 pixels of side; the border is reflected.
    jitter : float in [0, 0.9]
        Largest relative change of brightness and of contrast.
    flip : {"horizontal", "none"}
        Whether half of the copies are mirrored left to right. Never upside down: wheels and paws point down.
    """
    copies = tuple(int(factor * count) for count in whole(counts))
    mirrored = float(flip == "horizontal")
    parameters = (("crop", float(crop)), ("flip", mirrored), ("jitter", jitter))
    return Plan(synthesis=Synthesis("copies", copies, parameters))


def augment_online(
    counts: Counts, *, crop: int, cutout: int, flip: Literal["horizontal", "vertical", "both", "none"]
) -> Plan:
    """Return a plan that alters every image afresh each time it is drawn, in place of the recipe's own augmentation.

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; not used.
    crop : int in [0, 16]
        Largest shift, in pixels per 32 pixels of side; the border is reflected.
    cutout : int in [0, 32]
        Side of the blanked square, in pixels per 32 pixels of side.
    flip : {"horizontal", "vertical", "both", "none"}
        Directions in which images are mirrored, each with probability one half.
    """
    del counts
    horizontal, vertical = flip in ("horizontal", "both"), flip in ("vertical", "both")
    return Plan(augmentation=Augmentation(crop, horizontal, vertical, cutout))


def smote(counts: Counts, *, k: int) -> Plan:
    """Return a plan that adds synthetic images until every class has as many as the largest.

    Each lies between an image and one of its `k` nearest neighbours of the same class, x + u (x_nn - x) with u
    uniform in [0, 1]; Chawla et al. (2002).

    Parameters
    ----------
    counts : (K,) float64
        Training images a class; a class without an image gets none.
    k : int in [1, 50]
        Nearest neighbours.
    """
    return Plan(synthesis=Synthesis("smote", missing(counts), (("neighbours", float(k)),)))


def borderline_smote(counts: Counts, *, k: int, m: int) -> Plan:
    """Return a plan as `smote` does, the new images starting from images near the border of their class only.

    Han et al. (2005), Borderline-SMOTE1: of the `m` nearest images of any class at least half, but not all, are of
    other classes. A class that has no such image is filled up as `smote` does.

    Parameters
    ----------
    counts, k
        As in `smote`.
    m : int in [1, 50]
        Neighbours of any class that tell whether an image is near the border.
    """
    parameters = (("neighbours", float(k)), ("watched", float(m)))
    return Plan(synthesis=Synthesis("borderline", missing(counts), parameters))


def adasyn(counts: Counts, *, k: int) -> Plan:
    """Return a plan as `smote` does, more of the new images starting where other classes are near.

    He et al. (2008): the number that starts from an image goes with the share of other classes among its `k` nearest
    images. A class to which no other is near is filled up as `smote` does.

    Parameters
    ----------
    counts, k
        As in `smote`; `k` neighbours of any class are watched, and as many of the same class are interpolated to.
    """
    return Plan(synthesis=Synthesis("adasyn", missing(counts), (("neighbours", float(k)),)))
