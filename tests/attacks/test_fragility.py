import json
from typing import Any

import numpy as np
import pytest

from evenhand.attacks.attacking import attack
from evenhand.attacks.fragility import adjustment, fragility
from evenhand.attacks.result import AttackResult
from evenhand.attacks.threat import Threat
from evenhand.errors import UsageError

NAMES = ("common", "middle", "rare")
COUNTS = np.array([1000, 200, 40])


def simulated(
    n: int, wrong: tuple[float, ...], fragile: tuple[float, ...], pull: tuple[float, ...] = (1, 1, 1), seed: int = 0
) -> AttackResult:
    """A result with these shares of clean errors and of successes, landing in classes by their pull."""
    dice, k = np.random.default_rng(seed), len(wrong)
    labels = np.repeat(np.arange(k), n)
    right = dice.random(len(labels)) >= np.array(wrong)[labels]
    fooled = right & (dice.random(len(labels)) < np.array(fragile)[labels])
    weights = np.where(np.arange(k) == labels[:, None], 0, np.array(pull))
    edges = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    landed = (dice.random((len(labels), 1)) > edges).sum(axis=1)
    clean = np.eye(k, dtype=np.float32)[np.where(right, labels, (labels + 1) % k)]
    after = np.eye(k, dtype=np.float32)[np.where(fooled, landed, clean.argmax(axis=1))]
    m = len(labels)
    return AttackResult(
        attack="mine",
        threat=Threat("linf", 0.1),
        seed=0,
        smallest=False,
        labels=labels,
        targets=np.full(m, -1),
        clean_logits=clean,
        logits=after,
        png_logits=after,
        adversarial=np.zeros((m, 1, 1, 1), dtype=np.float32),
        attempted=right,
        fooled=fooled,
        fooled_png=fooled,
        noise=np.zeros(m, dtype=np.float32),
        png_within=np.ones(m, dtype=bool),
        by=np.full(m, "mine"),
        size=np.where(fooled, 0.1, np.inf).astype(np.float32),
        queries=np.ones(m, dtype=np.int64),
        first=np.ones(m, dtype=np.int64),
        blind=np.zeros(m, dtype=bool),
    )


def told(result: AttackResult, counts: Any = COUNTS, names: tuple[str, ...] = NAMES) -> dict[str, Any]:
    found = fragility(result, counts, names)
    return {tendency.measure: tendency for tendency in found.tendencies} | {row.name: row for row in found.classes}


def test_the_three_measures_are_kept_apart() -> None:
    found = told(simulated(400, wrong=(0.05, 0.2, 0.5), fragile=(0.3, 0.3, 0.3)))
    assert found["clean_error"].verdict == "rare"
    assert found["clean_error"].p_holm < 0.01
    assert found["clean_error"].rank_correlation == pytest.approx(-1)
    assert found["fragility"].verdict == "none"
    assert found["attraction"].verdict == "none"
    assert "would probably have been seen" in found["fragility"].sentence
    rare = found["rare"]
    assert (rare.train_count, rare.n) == (40, 400)
    assert rare.clean_error.low < 0.5 < rare.clean_error.high
    assert rare.fragility.low < 0.3 < rare.fragility.high


@pytest.mark.parametrize(
    ("fragile", "verdict"), [((0.2, 0.4, 0.7), "rare"), ((0.7, 0.4, 0.2), "common"), ((0.4, 0.4, 0.4), "none")]
)
def test_fragility_is_found_whichever_way_it_goes(fragile: tuple[float, ...], verdict: str) -> None:
    found = told(simulated(300, (0.1, 0.1, 0.1), fragile))["fragility"]
    assert found.verdict == verdict
    assert (found.p < 0.01) == (verdict != "none")
    assert "rare classes" in found.sentence or verdict == "none"


def test_attraction_is_where_attacks_land_and_not_how_many_succeed() -> None:
    found = told(simulated(300, (0.1,) * 3, (0.5,) * 3, pull=(4, 2, 1)))
    assert found["attraction"].verdict == "common"
    assert found["common"].attraction.value > 0.55
    assert found["rare"].attraction.value < 0.3
    fragile = told(simulated(300, (0.1,) * 3, (0.9, 0.5, 0.2)))
    assert fragile["attraction"].verdict == "none"


def test_with_few_images_there_is_not_enough_data() -> None:
    found = told(simulated(8, (0.1,) * 3, (0.3, 0.4, 0.5), seed=3))
    assert found["fragility"].verdict == "not enough data"
    assert "not enough data. With so few images only a difference of" in found["fragility"].sentence
    assert found["fragility"].detectable > 0.3


def test_a_handful_of_classes_never_speaks_for_classes_in_general() -> None:
    found = told(simulated(500, (0.1,) * 3, (0.1, 0.5, 0.9)))["fragility"]
    assert found.p < 0.001
    assert found.p_classes > 0.2


def test_the_tests_keep_their_level() -> None:
    """Where nothing goes with rarity, one in twenty comes out below .05 or fewer."""
    found = [told(simulated(60, (0.2,) * 3, (0.4,) * 3, seed=seed)) for seed in range(40)]
    for measure in ("clean_error", "fragility", "attraction"):
        assert sum(one[measure].p < 0.05 for one in found) <= 5


def test_several_tests_at_once_are_paid_for() -> None:
    found = told(simulated(200, (0.1, 0.14, 0.18), (0.3, 0.37, 0.44), seed=1))
    raw = sorted(found[measure].p for measure in ("clean_error", "fragility", "attraction"))
    adjusted = sorted(found[measure].p_holm for measure in ("clean_error", "fragility", "attraction"))
    assert adjusted[0] == pytest.approx(min(1, 3 * raw[0]))


def test_equal_counts_have_no_rare_class() -> None:
    found = told(simulated(50, (0.1, 0.3, 0.5), (0.4,) * 3), counts=np.array([9, 9, 9]))
    assert found["clean_error"].verdict == "none"
    assert "no rare class" in found["clean_error"].sentence
    assert found["clean_error"].p is None


def test_two_classes_cannot_attract() -> None:
    found = told(simulated(100, (0.1, 0.1), (0.2, 0.6), pull=(1, 1)), np.array([500, 20]), ("a", "b"))
    assert found["attraction"].verdict == "not enough data"
    assert found["fragility"].verdict == "rare"


@pytest.mark.parametrize(
    ("wrong", "fragile"), [((0.0,) * 3, (0.0,) * 3), ((0.0,) * 3, (1.0,) * 3), ((1.0,) * 3, (0.0,) * 3)]
)
def test_extremes_are_no_errors(wrong: tuple[float, ...], fragile: tuple[float, ...]) -> None:
    result = fragility(simulated(30, wrong, fragile), COUNTS, NAMES)
    json.dumps(result.to_json(), allow_nan=False)
    for row in result.classes:
        assert row.clean_error.high > row.clean_error.value or row.clean_error.low < row.clean_error.value


def test_the_same_seed_tells_the_same(trained: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "pgd:steps=10", eps=16 / 255)
    counts, names = np.array([100, 50, 20, 10]), ("a", "b", "c", "d")
    one, other = fragility(result, counts, names), fragility(result, counts, names)
    assert one == other
    assert json.dumps(one.to_json(), allow_nan=False)


def test_logit_adjustment_after_the_fact_can_be_compared(trained: Any) -> None:
    """The counterfactual: the same network with the class shares subtracted from its logits."""
    from evenhand.attacks.victim import Victim

    counts = np.array([100, 50, 20, 10])
    offsets = adjustment(counts)
    assert offsets == pytest.approx(-np.log(counts / 180))
    plain = attack(trained.network, trained.images, trained.labels, "pgd:steps=10", eps=16 / 255)
    adjusted = attack(
        Victim(trained.network).adjusted(offsets), trained.images, trained.labels, "pgd:steps=10", eps=16 / 255
    )
    rare = plain.labels == 3
    assert adjusted.fooled[rare].mean() <= plain.fooled[rare].mean()
    assert (adjusted.called == 3).sum() > (plain.called == 3).sum()


def test_words_that_do_not_fit(trained: Any) -> None:
    aimed = attack(trained.network, trained.images, trained.labels, "fgsm", eps=0.1, target=1)
    with pytest.raises(UsageError, match="without a target"):
        fragility(aimed, COUNTS, NAMES)
    with pytest.raises(UsageError, match="2 counts, 3 names and 3 classes"):
        fragility(simulated(5, (0.1,) * 3, (0.4,) * 3), COUNTS[:2], NAMES)
