import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from evenhand.attacks.norms import DUAL, measure, project, steepest
from evenhand.attacks.threat import NORMS


def noises(seed: int = 0, n: int = 5) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 0.4, (n, 2, 3, 4)).astype(np.float32))


def box(noise: Tensor, seed: int = 1) -> tuple[Tensor, Tensor]:
    images = torch.from_numpy(np.random.default_rng(seed).random(noise.shape, dtype=np.float32))
    return -images, 1 - images


WIDE = (torch.tensor(-np.inf), torch.tensor(np.inf))


def test_norms_are_what_they_are_called() -> None:
    noise = torch.tensor([[[[0.0, 3.0], [-4.0, 0.0]]]])
    assert [float(measure(noise, norm)) for norm in ("linf", "l2", "l1", "l0")] == [4, 5, 7, 2]


@pytest.mark.parametrize("norm", NORMS)
@given(seed=st.integers(0, 10**6), eps=st.floats(0, 6))
def test_what_is_projected_lies_in_the_budget_and_the_box(norm: str, seed: int, eps: float) -> None:
    noise = noises(seed)
    low, high = box(noise, seed)
    eps = float(round(eps)) if norm == "l0" else eps
    found = project(noise, norm, eps, low, high)
    assert (measure(found, norm) <= eps * (1 + 1e-5) + 1e-6).all()
    assert (found >= low).all()
    assert (found <= high).all()
    inside = project(noise, norm, 1e9, low, high)
    torch.testing.assert_close(inside, noise.clamp(low, high))


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("boxed", [True, False])
def test_no_noise_in_reach_is_nearer(norm: str, boxed: bool) -> None:
    """Frank and Wolfe's condition: from the nearest point, nothing allowed lies towards what was projected."""
    noise, eps = noises(), {"linf": 0.2, "l2": 0.8, "l1": 2.0}[norm]
    low, high = box(noise) if boxed and norm != "l2" else WIDE
    found = project(noise, norm, eps, low, high)
    dice = np.random.default_rng(3)
    for _ in range(200):
        other = torch.from_numpy(dice.normal(0, 1, noise.shape).astype(np.float32))
        other = project(other, norm, eps, low, high)
        towards = ((noise - found) * (other - found)).flatten(1).sum(dim=1)
        assert (towards <= 1e-4).all()


def test_in_l2_the_budget_is_used_up_although_the_box_cuts() -> None:
    noise = torch.full((1, 1, 1, 4), 1.0)
    low, high = torch.full_like(noise, -1), torch.tensor([[[[0.1, 1.0, 1.0, 1.0]]]])
    found = project(noise, "l2", 1.0, low, high)
    assert float(measure(found, "l2")) == pytest.approx(1, rel=2e-3)
    assert found.flatten().tolist() == pytest.approx([0.1, *[np.sqrt(0.99 / 3)] * 3], rel=2e-3)


def test_l1_keeps_few_values_and_l0_the_largest() -> None:
    noise = torch.tensor([[[[0.9, -0.5, 0.1, 0.0]]]])
    assert project(noise, "l1", 0.6, *WIDE).flatten().tolist() == pytest.approx([0.5, -0.1, 0, 0], abs=1e-5)
    assert project(noise, "l0", 2.0, *WIDE).flatten().tolist() == pytest.approx([0.9, -0.5, 0, 0])


def test_each_image_may_have_a_budget_of_its_own() -> None:
    noise = noises(n=3)
    budgets = torch.tensor([0.1, 0.5, torch.inf])
    for norm in ("linf", "l2", "l1"):
        found = project(noise, norm, budgets, *WIDE)
        assert (measure(found, norm)[:2] <= budgets[:2] * 1.00001).all()
        assert torch.equal(found[2], noise[2])


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_steepest_noise_gains_what_the_dual_norm_says(norm: str) -> None:
    gradient = noises()
    step = steepest(gradient, norm)
    assert measure(step, norm).tolist() == pytest.approx([1] * len(step), rel=1e-5)
    torch.testing.assert_close((gradient * step).flatten(1).sum(dim=1), measure(gradient, DUAL[norm]))
    assert (steepest(torch.zeros_like(gradient), norm) == 0).all()
