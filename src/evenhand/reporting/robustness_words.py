"""Attacks in words: how much noise, of which kind, by which attack, on which images."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from evenhand.reporting.words import code, percent, span

NORM_WORDS = {
    "linf": "largest change of any value (linf)",
    "l2": "root of the summed squares of the changes (l2)",
    "l1": "sum of all changes (l1)",
    "l0": "number of values changed (l0)",
}
NORM_UNITS = {
    "linf": "grey levels of 255, the largest change of any value",
    "l2": "root of the summed squares, pixel values lying in 0 to 1",
    "l1": "sum of all changes, pixel values lying in 0 to 1",
    "l0": "number of values changed; a pixel has three",
}
_SOURCES = {"test": "test images", "val": "validation images"}


def unit(norm: str) -> float:
    """Return what a size of noise is multiplied by on the page: grey levels in linf, else 1."""
    return 255.0 if norm == "linf" else 1.0


def amount(norm: str, size: float) -> str:
    """Return a size of noise: ``8/255``, ``0.52``, ``12 values``."""
    if norm == "linf":
        return f"{255 * size:.3g}/255"
    return f"{size:.0f} values" if norm == "l0" else f"{size:.3g}"


def budget(told: dict[str, Any]) -> str:
    """Return what noise an attack was allowed."""
    if told["norm"] is None:
        return ""
    return "any size" if told["eps"] is None else f"at most {amount(told['norm'], told['eps'])}"


def attack_name(told: dict[str, Any]) -> Markup:
    """Return an attack as it is typed, with its norm and its target."""
    settings = told["settings"]
    words = code(settings["attack"])
    if told["norm"] is not None:
        words += Markup(" in {}").format(told["norm"])
    if settings["target"] is not None:
        aimed = "every other class" if settings["target"] == "all" else settings["target"]
        words += Markup(", aimed at <bdi>{}</bdi>").format(aimed)
    return words


def images_sentence(told: dict[str, Any]) -> str:
    """Return which images were attacked, and the warning where the model was trained on them."""
    limit = told["settings"]["limit"]
    drawn = f", at most {limit} of each class" if limit else ""
    words = f"{told['n']:,} {_SOURCES.get(told.get('images_from', ''), 'images')}{drawn}"
    if told.get("images_seen"):
        return (
            f"{words}. The model was trained on these images, so that its accuracy on them is too high; how it falls "
            "can still be read"
        )
    return words


def reach(told: dict[str, Any], name: str) -> str:
    """Return the interval of a figure as ``88.1 to 93.9 %``; nothing where it has none."""
    low, high = told.get(f"{name}_low"), told.get(f"{name}_high")
    return "" if low is None or high is None else span(low, high)


def with_reach(told: dict[str, Any], name: str) -> str:
    """Return a figure with its interval: ``91.2 % (88.1 to 93.9 %)``."""
    if told[name] is None:
        return "none"
    found = reach(told, name)
    return percent(told[name]) + (f" ({found})" if found else "")
