from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evenhand.attacks.attacking import attack
from evenhand.attacks.threat import NO_BOX, NORMS, PIXEL_RANGE
from evenhand.errors import UsageError

ATTACKS = [("fmn", norm) for norm in NORMS] + [("ddn", "l2"), ("cw", "l2"), ("deepfool", "l2"), ("deepfool", "linf")]


@pytest.mark.parametrize(("how", "norm"), ATTACKS)
@pytest.mark.parametrize("box", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_linear_models_are_fooled_by_the_least_noise(
    linear: Callable[..., Any], how: str, norm: str, box: bool, classes: int
) -> None:
    """Within one per cent of the smallest noise there is, by hand; half of the pixels lie near black or white."""
    made = linear(classes)
    bounds = PIXEL_RANGE if box else NO_BOX
    result = attack(made.model, made.images, made.labels, how, norm=norm, eps=None, bounds=bounds)
    least = made.smallest(norm, box=box)
    assert result.fooled.all()
    assert (result.size >= least * 0.999).all()
    assert (result.size <= least * 1.01).all()
    if box:
        assert made.smallest(norm, box=False).mean() < 0.97 * least.mean()


@pytest.mark.parametrize(("how", "norm"), [pair for pair in ATTACKS if pair[0] != "deepfool"])
def test_least_noise_towards_a_target(linear: Callable[..., Any], how: str, norm: str) -> None:
    made = linear(2)
    result = attack(made.model, made.images, made.labels, how, norm=norm, eps=None, target=1 - made.labels)
    np.testing.assert_allclose(result.size, made.smallest(norm, box=True), rtol=0.01)
    assert (result.called == 1 - result.labels).all()


@pytest.mark.parametrize("norm", NORMS)
def test_every_image_of_a_network_is_fooled(trained: Any, norm: str) -> None:
    result = attack(trained.network, trained.images, trained.labels, "fmn:steps=60", norm=norm, eps=None)
    assert result.fooled.all()
    more = attack(trained.network, trained.images, trained.labels, "fmn:steps=120", norm=norm, eps=None)
    assert np.median(more.size) == pytest.approx(np.median(result.size), rel=0.1)


def test_the_attacks_agree_about_a_network(trained: Any) -> None:
    medians = {
        how: float(np.median(attack(trained.network, trained.images, trained.labels, how, norm="l2", eps=None).size))
        for how in ("fmn", "ddn", "cw:rounds=5", "deepfool")
    }
    least = min(medians.values())
    assert all(medians[how] < 1.05 * least for how in ("fmn", "ddn", "cw:rounds=5")), medians
    assert medians["deepfool"] < 1.3 * least


def test_the_smallest_noise_and_the_budget_tell_the_same_story(trained: Any) -> None:
    for eps in (8 / 255, 16 / 255):
        found = attack(trained.network, trained.images, trained.labels, "fmn", eps=eps)
        within = attack(trained.network, trained.images, trained.labels, "apgd-margin", eps=eps)
        assert (found.fooled == (found.size <= eps * 1.0001)).all()
        assert abs(int(found.fooled.sum()) - int(within.fooled.sum())) <= 3


def test_noise_in_l0_changes_few_values(trained: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "fmn", norm="l0", eps=None)
    changed = (result.adversarial != trained.images.numpy()).reshape(60, -1).sum(axis=1)
    assert (changed == result.size).all()
    assert np.median(changed) < 60


@pytest.mark.parametrize("how", ["fmn:steps=0", "ddn:gamma=0", "cw:rate=-1", "deepfool:candidates=0"])
def test_parameters_that_cannot_be_meant(trained: Any, how: str) -> None:
    with pytest.raises(UsageError, match="must be positive"):
        attack(trained.network, trained.images, trained.labels, how, norm="l2", eps=None)
