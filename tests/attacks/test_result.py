import json
from typing import Any

import numpy as np
import pytest

from evenhand.attacks.attacking import attack
from evenhand.attacks.result import AttackResult, share
from evenhand.attacks.threat import Threat

CONTRACT = {
    *("attack", "norm", "eps", "n", "clean_accuracy", "robust_accuracy", "success_rate", "median_norm", "per_class"),
}


def made(size: list[float], fooled: list[bool], labels: list[int] | None = None) -> AttackResult:
    """A result over images of two classes, all right to begin with but the last."""
    n = len(size)
    right = np.arange(n) < n - 1
    own = np.array(labels or [0] * n)
    logits = np.where(np.arange(2) == own[:, None], 1.0, 0.0).astype(np.float32)
    clean = np.where(right[:, None], logits, logits[:, ::-1])
    flags = np.array(fooled)
    return AttackResult(
        attack="mine",
        threat=Threat("l2", 1.0),
        seed=0,
        smallest=True,
        labels=own,
        targets=np.full(n, -1),
        clean_logits=clean,
        logits=np.where(flags[:, None], logits[:, ::-1], clean),
        png_logits=clean,
        adversarial=np.zeros((n, 1, 1, 1), dtype=np.float32),
        attempted=right,
        fooled=flags,
        fooled_png=flags & (np.arange(n) % 2 == 0),
        noise=np.array(size, dtype=np.float32),
        png_within=np.ones(n, dtype=bool),
        by=np.full(n, "mine"),
        size=np.array(size, dtype=np.float32),
        queries=np.arange(n),
        first=np.arange(n),
        blind=np.zeros(n, dtype=bool),
    )


def test_figures_by_hand() -> None:
    result = made([0.2, 0.4, np.inf, 2.0, 0.0], [True, True, False, False, False])
    told = result.figures()
    assert (told["n"], told["attempted"], told["fooled"]) == (5, 4, 2)
    assert told["clean_accuracy"] == 0.8
    assert told["robust_accuracy"] == 0.4
    assert told["robust_accuracy_png"] == pytest.approx(0.6)
    assert told["success_rate"] == 0.5
    assert told["success_rate_low"] < 0.5 < told["success_rate_high"]
    assert told["median_norm"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("size", "median"), [([1, 2, 3, 0], 2.0), ([1, np.inf, np.inf, 0], None), ([1, 2, np.inf, np.inf, 0], 2.0)]
)
def test_the_median_counts_what_resisted_as_larger_than_any(size: list[float], median: float | None) -> None:
    assert made(size, [False] * len(size)).median_norm() == median


def test_classes_without_images_have_no_figures() -> None:
    told = made([0.5, 0.5, 0.0], [True, True, False]).to_json(["a", "b"])
    assert set(told) >= CONTRACT
    assert told["per_class"]["a"]["n"] == 3
    empty = told["per_class"]["b"]
    assert empty["n"] == 0
    assert empty["clean_accuracy"] is empty["robust_accuracy"] is empty["median_norm"] is None
    json.dumps(told, allow_nan=False)


def test_a_real_result_is_plain_json(trained: Any) -> None:
    for how, norm, eps in (("pgd:steps=5", "linf", 0.05), ("ddn:steps=10", "l2", None)):
        result = attack(trained.network, trained.images, trained.labels, how, norm=norm, eps=eps)
        told = json.loads(json.dumps(result.to_json(["a", "b", "c", "d"]), allow_nan=False))
        assert set(told) >= CONTRACT
        assert told["n"] == sum(row["n"] for row in told["per_class"].values()) == 60
        assert told["robust_accuracy"] == pytest.approx(1 - told["success_rate"])


def test_a_share_of_nothing_is_none() -> None:
    assert share(0, 0) is None
    half = share(5, 10)
    assert half is not None
    assert (half.low, half.value, half.high) == (pytest.approx(0.237, abs=1e-3), 0.5, pytest.approx(0.763, abs=1e-3))
