import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from evenhand.attacks.attacking import attack
from evenhand.attacks.gradient import APGD, FGSM, PGD
from evenhand.errors import UsageError

EPS = 16 / 255


def gradient(trained: Any, labels: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the plain cross-entropy, the usual way, in double precision.

    In float32 it is mostly rounding errors where this network is sure.
    """
    point = trained.images.double().requires_grad_()
    functional.cross_entropy(copy.deepcopy(trained.network).double()(point), labels, reduction="sum").backward()
    assert point.grad is not None
    return point.grad


def same(found: Any, expected: torch.Tensor) -> None:
    """All values agree to 1e-5, but for one in a thousand whose slope is next to zero, so that its sign is anyone's."""
    apart = np.abs(found - expected.numpy()) > 1e-5
    assert apart.mean() < 1e-3


@pytest.mark.parametrize("how", ["fgsm", "pgd:steps=1,step=1,random_start=false"])
@pytest.mark.parametrize("eps", [2 / 255, EPS])
def test_one_step_is_the_formula(trained: Any, how: str, eps: float) -> None:
    expected = (trained.images + eps * gradient(trained, trained.labels).sign()).clamp(0, 1).float()
    result = attack(trained.network, trained.images, trained.labels, how, eps=eps)
    same(result.adversarial, expected)
    with torch.no_grad():
        called = trained.network(expected).argmax(dim=1)
    assert (result.fooled == (called != trained.labels).numpy()).all()


def test_the_plain_loss_is_that_of_everyone_else(trained: Any) -> None:
    point = trained.images.clone().requires_grad_()
    loss = functional.cross_entropy(trained.network(point), trained.labels, reduction="sum")
    slope = torch.autograd.grad(loss, point)
    expected = (trained.images + EPS * slope[0].sign()).clamp(0, 1)
    result = attack(trained.network, trained.images, trained.labels, "fgsm:loss=plain-ce", eps=EPS)
    same(result.adversarial, expected)


def test_one_step_in_l2_and_at_a_target(trained: Any) -> None:
    slope = gradient(trained, trained.labels).flatten(1)
    step = (slope / torch.linalg.vector_norm(slope, dim=1, keepdim=True)).view_as(trained.images)
    result = attack(trained.network, trained.images, trained.labels, "fgsm", norm="l2", eps=0.5)
    np.testing.assert_allclose(result.adversarial, (trained.images + 0.5 * step).clamp(0, 1).numpy(), atol=5e-3)
    targets = (trained.labels + 1) % 4
    aimed = attack(trained.network, trained.images, trained.labels, "fgsm", eps=EPS, target=targets)
    same(aimed.adversarial, (trained.images - EPS * gradient(trained, targets).sign()).clamp(0, 1))


def test_two_steps_of_pgd_by_hand(linear: Callable[..., Any]) -> None:
    made = linear(2)
    slope = (made.model.weights[1] - made.model.weights[0]).detach() * (1 - 2 * made.labels[:, None])
    sign = slope.sign().view_as(made.images)
    eps = 0.01
    first = (made.images + 0.4 * eps * sign).clamp(0, 1)
    expected = {"true": (first + 0.2 * eps * sign).clamp(0, 1), "false": (first + 0.4 * eps * sign).clamp(0, 1)}
    for shrink, points in expected.items():
        how = f"pgd:steps=2,step=0.4,random_start=false,shrink={shrink}"
        result = attack(made.model, made.images, made.labels, how, eps=eps)
        resisted = result.first != 2
        np.testing.assert_allclose(result.adversarial[resisted], points.numpy()[resisted], atol=1e-6)
        assert resisted.any()


def test_strength_is_ordered(trained: Any) -> None:
    def left(how: str) -> int:
        return int(attack(trained.network, trained.images, trained.labels, how, eps=EPS).robust.sum())

    order = [left(how) for how in ("noise", "fgsm", "pgd", "pgd:restarts=3")]
    assert order == sorted(order, reverse=True)
    assert order[0] >= 55  # random noise is no attack
    assert order[1] - order[2] >= 5
    assert abs(order[3] - min(left("apgd-ce:steps=60"), left("apgd-margin:steps=60"), left("apgd-dlr:steps=60"))) <= 2
    assert left("square:steps=100") >= order[2]


@pytest.mark.parametrize("how", ["pgd", "apgd-ce"])
def test_doubling_the_steps_changes_next_to_nothing(trained: Any, how: str) -> None:
    once, twice = (
        attack(trained.network, trained.images, trained.labels, f"{how}:steps={steps}", eps=EPS).robust.sum()
        for steps in (40, 80)
    )
    assert abs(int(once) - int(twice)) <= 2


@pytest.mark.parametrize(
    ("how", "scale"),
    [("fgsm", 1e3), ("pgd:steps=10", 1e3), ("apgd-ce:steps=20", 1e3)]
    + [(how, scale) for how in ("apgd-margin:steps=20", "apgd-dlr:steps=20") for scale in (1e-3, 1e3)],
)
def test_a_scaled_network_is_no_defence(trained: Any, how: str, scale: float) -> None:
    """At a thousandfold the gradient of the plain cross-entropy is zero for most images."""

    class Scaled(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return scale * trained.network(images)

    plain = attack(trained.network, trained.images, trained.labels, how, eps=EPS)
    scaled = attack(Scaled(), trained.images, trained.labels, how, eps=EPS)
    assert abs(int(plain.fooled.sum()) - int(scaled.fooled.sum())) <= 3
    blind = attack(Scaled(), trained.images, trained.labels, "fgsm:loss=plain-ce", eps=EPS)
    assert scale < 1 or blind.blind.sum() > 30


def test_within_a_linear_models_reach_everything_is_fooled_and_nothing_beyond(linear: Callable[..., Any]) -> None:
    made = linear(2, n=16)
    for norm in ("linf", "l2"):
        needed = made.smallest(norm, box=True)
        eps = float(np.median(needed))
        for how in ("pgd", "apgd-ce", "apgd-margin"):
            fooled = attack(made.model, made.images, made.labels, how, norm=norm, eps=eps).fooled
            assert not fooled[needed > eps].any()
            assert fooled[needed < 0.97 * eps].all()


def test_restarts_begin_elsewhere_and_only_help(trained: Any) -> None:
    once = attack(trained.network, trained.images, trained.labels, "pgd:steps=3", eps=EPS)
    how = "pgd:steps=3,restarts=4"
    more = attack(trained.network, trained.images, trained.labels, how, eps=EPS)
    assert (more.fooled | ~once.fooled).all()
    assert more.fooled.sum() > once.fooled.sum()
    still = attack(trained.network, trained.images, trained.labels, f"{how},random_start=false", eps=EPS)
    assert still.queries.max() == 4


def test_points_that_stop_moving_end_early() -> None:
    class Never(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.stack([images.sum(dim=(1, 2, 3)) + 100, torch.zeros(len(images))], dim=1)

    images = torch.rand(3, 3, 4, 4)
    result = attack(Never(), images, [0, 0, 0], "pgd:steps=40", eps=0.1)
    assert (result.queries < 10).all()
    np.testing.assert_allclose(result.adversarial, (images - 0.1).clamp(0, 1).numpy(), atol=1e-6)


def test_the_checkpoints_of_apgd_are_those_of_the_paper() -> None:
    places, total = [], 0
    for place, stretch in APGD(steps=100)._stretches().items():
        total += stretch
        places.append(place)
        assert total == place
    assert places == [22, 41, 57, 70, 80, 87, 93, 99]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FGSM(loss="mse"), "no loss 'mse'"),
        (lambda: PGD(steps=0), "steps must be positive"),
        (lambda: PGD(step=-1), "step must be positive"),
        (lambda: APGD(restarts=0), "restarts must be positive"),
    ],
)
def test_parameters_that_cannot_be_meant(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()
