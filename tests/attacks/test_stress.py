import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.attacks import stress as room
from evenhand.attacks.stress import FEWEST, MOST, STRESSED, affordable, assaults, stress
from evenhand.attacks.subject import Subject
from evenhand.attacks.victim import Victim
from evenhand.settings.presets import PRESETS

NAMES = ("cats", "dogs", "ships", "vans")


@pytest.fixture
def subject(trained: Any) -> Subject:
    return Subject(
        victim=Victim(trained.network),
        pixels=(trained.images * 255).round().byte().permute(0, 2, 3, 1).numpy(),
        labels=trained.labels.numpy(),
        paths=tuple(f"{number}.png" for number in range(60)),
        classes=NAMES,
        counts=np.array([400, 200, 100, 50]),
        counted="run",
        fingerprint="these",
        source="test",
        seen=True,
    )


def test_it_leaves_noise_steps_smallest_noise_and_corruptions(subject: Subject, tmp_path: Path) -> None:
    told = stress(subject, tmp_path, seed=1)
    assert [one["attack"] for one in told] == ["noise", "fgsm", "fgsm", "pgd", "pgd", "fmn", "corruptions"]
    noise, _, single, small, strong, smallest, spoilt = told
    assert noise["robust_accuracy"] > strong["robust_accuracy"]
    assert single["robust_accuracy"] >= strong["robust_accuracy"]
    assert small["robust_accuracy"] >= strong["robust_accuracy"]
    assert len(smallest["curve"]) == 20
    assert smallest["eps"] is None
    assert spoilt["severities"] == [3]
    assert len(spoilt["corruptions"]) == 15
    # What takes further attacks is done once.
    assert ["fragility" in one for one in told] == ["checks" in one for one in told]
    assert [number for number, one in enumerate(told) if "checks" in one] == [3]
    assert all(one["images_from"] == "test" and one["images_seen"] for one in told)
    assert all(one["settings"]["limit"] == MOST // 4 for one in told)
    assert len(list((tmp_path / "robustness").glob("*/result.json"))) == len(told)
    assert json.loads(json.dumps(stress(subject, tmp_path, seed=1))) == json.loads(json.dumps(told))


def test_a_costly_model_is_asked_about_fewer_images(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert affordable(subject) == MOST
    monkeypatch.setattr(room, "OPERATIONS", 1.0)
    assert affordable(subject) == FEWEST
    # A hundred images, by hand: two operations a product in every convolution and in the last layer.
    one = 2 * (12 * 27 * 144 + 16 * 108 * 36 + 16 * 36 * 4)
    monkeypatch.setattr(room, "OPERATIONS", room.LOOKS * one * 100.01)
    assert affordable(subject) == 100


def test_the_seed_and_the_limit_are_said(subject: Subject) -> None:
    assert all((one.seed, one.limit) == (7, 5) for one in assaults(5, 7))
    assert set(STRESSED) == set(PRESETS) - {"reference"}
