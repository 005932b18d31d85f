"""What the precision and recall of a class mean, in words."""

from __future__ import annotations

HIGH = 0.5
"""From here precision and recall count as high: more often right than wrong, more often found than missed."""
RELIABLE = 0.8
"""A class is handled without reservation only when both are at least this: four out of five."""
FEW = 20
"""With fewer images than this the 95 % interval of a recall can be over 40 points wide."""


def read(precision: float, recall: float, support: int, predicted: int) -> str:
    """Return one or two plain sentences on how the model deals with a class.

    The four cases are those of precision and recall being high (at least .5) or low. Two high ones under .8 are said
    to be so with a reservation. Of a class with fewer than 20 images the count is told too.

    Parameters
    ----------
    precision, recall : float
        In [0, 1].
    support : int
        Images with this label.
    predicted : int
        Images that the model calls by this name.
    """
    if not support:
        return "No image here has this label, so nothing can be said about it." + _called(predicted)
    return _case(precision, recall, predicted) + _few(support)


def _case(precision: float, recall: float, predicted: int) -> str:
    if not predicted:
        return "Does not handle the class: never names it."
    if precision >= HIGH and recall >= HIGH:
        if min(precision, recall) >= RELIABLE:
            return "Handles the class."
        return f"Handles the class, with reservations: {_weakness(precision, recall)}."
    if precision >= HIGH:
        return "Rarely finds the class, but is trustworthy when it does."
    if recall >= HIGH:
        return "Finds the class, but also calls other classes by its name."
    return "Does not handle the class."


def _weakness(precision: float, recall: float) -> str:
    missed = f"misses {1 - recall:.0%} of it"
    false = f"{1 - precision:.0%} of what it calls by this name is something else"
    if precision >= RELIABLE:
        return missed
    return false if recall >= RELIABLE else f"{missed}, and {false}"


def _few(support: int) -> str:
    if support >= FEW:
        return ""
    return " Only one image: no judgement." if support == 1 else f" Only {support} images: read with care."


def _called(predicted: int) -> str:
    if not predicted:
        return ""
    return f" The model calls {predicted} {'image' if predicted == 1 else 'images'} by its name."
