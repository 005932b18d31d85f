from typing import Any

import pytest

from evenhand.reporting.robustness_words import amount, attack_name, budget, images_sentence, unit, with_reach


@pytest.mark.parametrize(
    ("norm", "size", "words"),
    [
        ("linf", 8 / 255, "8/255"),
        ("linf", 0.0046, "1.17/255"),
        ("l2", 0.5, "0.5"),
        ("l1", 12.34, "12.3"),
        ("l0", 20, "20 values"),
    ],
)
def test_noise_in_words(norm: str, size: float, words: str) -> None:
    assert amount(norm, size) == words


def test_units() -> None:
    assert [unit(norm) for norm in ("linf", "l2", "l1", "l0")] == [255, 1, 1, 1]


def told(**more: Any) -> dict[str, Any]:
    settings = {"attack": "pgd:steps=5", "target": None, "limit": None} | more.pop("settings", {})
    return {"norm": "linf", "eps": 8 / 255, "n": 1200, "settings": settings, "images_from": "test"} | more


def test_budgets() -> None:
    assert budget(told()) == "at most 8/255"
    assert budget(told(eps=None)) == "any size"
    assert budget(told(norm=None, eps=None)) == ""


def test_names_are_safe_and_say_the_target() -> None:
    assert attack_name(told()) == "<code>pgd:steps=5</code> in linf"
    assert attack_name(told(norm=None)) == "<code>pgd:steps=5</code>"
    assert "aimed at <bdi>&lt;b&gt;</bdi>" in attack_name(told(settings={"target": "<b>"}))
    assert "every other class" in attack_name(told(settings={"target": "all"}))


def test_which_images() -> None:
    assert images_sentence(told()) == "1,200 test images"
    assert images_sentence(told(images_from="", settings={"limit": 40})) == "1,200 images, at most 40 of each class"
    assert "too high" in images_sentence(told(images_seen=True))


def test_figures_with_their_intervals() -> None:
    row = told(x=0.5, x_low=0.4, x_high=0.6, y=0.5, z=None)
    assert with_reach(row, "x") == "50.0\u00a0% (40.0 to 60.0\u00a0%)"
    assert with_reach(row, "y") == "50.0\u00a0%"
    assert with_reach(row, "z") == "none"
