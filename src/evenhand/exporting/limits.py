"""What a model's own figures say about where it ends, in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from evenhand.evaluation.intervals import wilson

FEW = 30
"""Images of a class below which its figures say little."""
WEAK = 0.5
"""Recall below which a class is missed more often than found."""
UNSURE = 0.05
"""Calibration error above which probabilities are not to be taken at their word."""


def limits(made: Mapping[str, Any], name_of: Callable[[str], str] = str) -> Iterator[str]:
    """Yield a sentence about each limit that the description of a model tells of.

    Parameters
    ----------
    made : mapping
        The content of ``model.json``.
    name_of : callable
        Turns a class name into what is shown.
    """
    figures = made.get("test") or made.get("out_of_fold")
    yield "It knows its classes and nothing else: a picture of something else gets one of them too, often confidently."
    if not figures:
        yield "It was not measured: nothing is known of how often it is right."
        return
    if not made.get("test"):
        yield "There was no test set: the figures are out of fold, and the final model itself was never judged."
    elif made.get("trained_on", "train") != "train":
        yield "The test images joined the training after they had been judged: the figures are of the model before."
    for name in figures["classes"]:
        yield from _of_class(name_of(name), figures, name)
    if figures["ece"] > UNSURE:
        yield (
            f"Its probabilities are off by {figures['ece']:.2f} on average (calibration error): choose "
            "`--reject-below` on your own pictures."
        )
    yield "The figures hold for pictures like those it was judged on, not for another camera, time or place."


def _of_class(shown: str, figures: Mapping[str, Any], name: str) -> Iterator[str]:
    own, place = figures["per_class"][name], figures["classes"].index(name)
    support, found = own["support"], figures["confusion"][place][place]
    low, high = wilson(found, support)
    if support == 0:
        yield f"{shown}: there was no image to judge it on."
    elif support < FEW:
        yield f"{shown}: judged on {support} images only; its recall may be anything from {low:.2f} to {high:.2f}."
    if support and own["recall"] < WEAK:
        yield f"{shown}: missed more often than found ({found} of {support} were recognised)."
