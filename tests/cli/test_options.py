from pathlib import Path
from typing import Any

import pytest

from evenhand.cli.options import (
    device_name,
    duration,
    evaluation,
    image_size,
    names,
    recipe_changes,
    settings,
    single,
)
from evenhand.errors import UsageError

WORDS: dict[str, Any] = {"data": Path("pictures"), "out": None, "seed": 0, "device": "cpu", "jobs": None}


@pytest.mark.parametrize(
    ("text", "size"), [(None, None), ("32", (32, 32)), ("24x40", (24, 40)), ("24X40", (24, 40)), ("4096", (4096, 4096))]
)
def test_sizes(text: str | None, size: tuple[int, int] | None) -> None:
    assert image_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "0", "-3", "4097", "3x4x5", "3x", "big", "3.5"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--size takes a side"):
        image_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("90s", 90), ("20m", 1200), ("2h", 7200), ("1h30m", 5400), ("1H 30M 5s", 5405), ("0h90m", 5400)],
)
def test_times(text: str | None, seconds: float | None) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "0s", "1.5h", "-3m", "20 min", "30m1h", "m", "soon", "٣m"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"--time-limit takes .* as in 90s, 20m or 1h30m"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "found"), [(None, None), ("", None), ("a", ("a",)), (" a, b ,c", ("a", "b", "c")), ("a,,b", ("a", "b"))]
)
def test_lists(text: str | None, found: tuple[str, ...] | None) -> None:
    assert names(text) == found


def test_recipe_settings_take_the_type_of_the_recipe() -> None:
    texts = ["epochs=3", "learning_rate=1e-3", "channels_last=no", "optimiser=adamw", "augmentation.crop=2"]
    assert recipe_changes(texts) == {
        "epochs": 3,
        "learning_rate": 0.001,
        "channels_last": False,
        "optimiser": "adamw",
        "augmentation.crop": 2,
    }
    assert recipe_changes(None) == {}


def test_words_that_a_command_does_not_have_stay_as_the_preset_says() -> None:
    found = settings("audit", WORDS)
    assert (found.preset, found.remedies, found.repairs, found.trust) == ("standard", None, None, 0.5)
    told = settings("run", WORDS | {"remedy": ["a", "b+c"], "repair": "none, drop", "classes": "x,y", "out": Path("o")})
    assert (told.remedies, told.repairs, told.classes, told.out) == (
        ("a", "b+c"),
        ("none", "drop"),
        ("x", "y"),
        Path("o"),
    )


def test_stacking_is_allowed_only_when_asked_for() -> None:
    assert not settings("run", WORDS).allow_stacking
    told = settings("run", WORDS | {"remedy": ["sampler+smote"], "allow_stacking": True})
    assert told.allow_stacking
    assert told.to_json()["allow_stacking"]
    assert "allow_stacking" not in settings("run", WORDS).to_json()


def test_train_takes_one_remedy_and_one_repair() -> None:
    found = single("train", WORDS | {"remedy": None, "repair": "none"})
    assert (found.remedies, found.repairs) == (("balanced-softmax",), ("none",))
    for words in ({"remedy": ["a", "b"], "repair": "none"}, {"remedy": ["a"], "repair": "none,drop"}):
        with pytest.raises(UsageError, match="use compare for several"):
            single("train", WORDS | words)


def test_evaluation_keeps_the_order_of_the_classes() -> None:
    words = WORDS | {"model_path": Path("m"), "model": "simple", "classes": "b,a", "size": "16", "split": "all"}
    found = evaluation(words)
    assert (found.classes, found.size, found.split, found.network) == (("b", "a"), (16, 16), "all", "simple")


def test_devices() -> None:
    assert [device_name(name) for name in ("auto", "cpu", "cuda", "cuda:1")] == ["auto", "cpu", "cuda", "cuda:1"]
    with pytest.raises(UsageError, match="Did you mean 'cuda'"):
        device_name("cudaa")
