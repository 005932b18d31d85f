from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.attacks.attacking import attack
from evenhand.attacks.optimised_noise import OptimisedNoise, noise_path
from evenhand.attacks.victim import Victim
from evenhand.errors import UsageError


class Binary(torch.nn.Module):
    """Logits (0, w x) of a binary softmax."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(weights)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = images.flatten(1) @ self.weights
        return torch.stack([torch.zeros_like(score), score], dim=1)


def binary() -> tuple[Binary, torch.Tensor]:
    """A model whose values differ in weight, and grey images that it calls the first class."""
    dice = np.random.default_rng(0)
    weights = torch.from_numpy(dice.permutation(np.linspace(-8, 7.5, 24)).astype(np.float32))
    images = torch.from_numpy(dice.uniform(0.45, 0.55, (5, 2, 3, 4)).astype(np.float32))
    model = Binary(weights)
    # The images are moved a little against the weights until the first class is called.
    score = (images.flatten(1) @ weights).detach()
    shift = (score + 1.5)[:, None] * weights / (weights @ weights)
    return model, images - shift.detach().view_as(images)


def optimum(model: Binary, images: torch.Tensor, price: float) -> np.ndarray:
    """Return the noise at which CE + price * l1 is least: only the value with the largest weight moves.

    Its slope of the cross-entropy, sigmoid(-score) |w|, must have fallen to the price.
    """
    weights = model.weights.detach().numpy().astype(np.float64)
    strongest = int(np.abs(weights).argmax())
    size = abs(weights[strongest])
    noise = np.zeros(images.shape).reshape(len(images), -1)
    for row, score in enumerate((images.flatten(1).double() @ model.weights.detach().double()).tolist()):
        if size / (1 + np.exp(score)) > price:
            noise[row, strongest] = (np.log((size - price) / price) - score) / weights[strongest]
    return noise.reshape(images.shape)


@pytest.mark.parametrize("price", [2.0, 3.0, 5.0])
@pytest.mark.parametrize("start", ["zeros", "gaussian", "white"])
def test_the_proximal_solver_finds_the_optimum(price: float, start: str) -> None:
    model, images = binary()
    expected = optimum(model, images, price)
    assert 0 < np.abs(expected).max() < 0.45  # inside the range of pixel values
    how = OptimisedNoise(c=price, start=start, size=0.1, steps=400)
    found = attack(model, images, [0] * 5, how, norm="l1", eps=None, target=1)
    np.testing.assert_allclose(found.adversarial - images.numpy(), expected, atol=2e-4)
    assert ((np.abs(found.adversarial - images.numpy()) > 1e-6).reshape(5, -1).sum(axis=1) == 1).all()


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_the_subgradient_solver_hovers_around_the_optimum(optimiser: str) -> None:
    model, images = binary()
    how = OptimisedNoise(c=3.0, solver="subgradient", optimiser=optimiser, rate=1e-3, momentum=0.5, steps=1200)
    found = attack(model, images, [0] * 5, how, norm="l1", eps=None, target=1)
    noise, expected = found.adversarial - images.numpy(), optimum(model, images, 3.0)
    np.testing.assert_allclose(noise, expected, atol=0.05)
    assert np.abs(noise[expected == 0]).max() < 0.02

    def objective(noise: Any) -> float:
        score = ((images.double().numpy() + noise).reshape(5, -1) * model.weights.detach().numpy()).sum(axis=1)
        return float(np.log1p(np.exp(-score)).sum() + 3 * np.abs(noise).sum())

    assert objective(expected) < objective(noise) < 1.1 * objective(expected) < objective(0 * noise)


def test_at_a_price_above_every_slope_nothing_moves() -> None:
    model, images = binary()
    weights = model.weights.detach()
    slopes = torch.sigmoid(-(images.flatten(1) @ weights))[:, None] * weights.abs()
    # With many steps, a step that grows as long as nothing moves would leave what float32 can hold.
    dear = float(slopes.max()) * 1.01
    for how, moved in ((OptimisedNoise(c=dear), 0), (OptimisedNoise(c=dear, steps=600), 0), (OptimisedNoise(c=2.0), 5)):
        found = attack(model, images, [0] * 5, how, norm="l1", eps=None, target=1)
        assert (found.noise > 0).sum() == moved


def test_where_the_strongest_value_reaches_its_bound_the_next_one_moves() -> None:
    model, images = binary()
    strongest = int(model.weights.abs().argmax())
    flat = images.flatten(1).clone()
    flat[:, strongest] = 0.0 if model.weights[strongest] < 0 else 1.0
    others = model.weights.detach().clone()
    others[strongest] = 0
    flat -= ((flat @ model.weights.detach() + 1.5) / (others @ others))[:, None] * others
    cornered = flat.view_as(images)
    result = attack(model, cornered, [0] * 5, OptimisedNoise(c=2.0, steps=400), norm="l1", eps=None, target=1)
    assert result.attempted.all()
    moved = np.abs(result.adversarial - cornered.numpy()).reshape(5, -1)
    assert (moved[:, strongest] == 0).all()
    second = int(model.weights.abs().argsort()[-2])
    assert (moved[:, second] > 0.01).all()
    assert result.adversarial.min() >= 0
    assert result.adversarial.max() <= 1


def test_one_step_of_the_study_by_hand(linear: Callable[..., Any]) -> None:
    made = linear(3)
    images = made.images[:4].clamp(0.2, 0.8)
    noise = 0.1
    how = OptimisedNoise(c=0.5, start="white", size=noise, solver="subgradient", rate=0.01, momentum=0.9, steps=1)
    target = 2
    rows = made.model(images).argmax(dim=1) != target
    images = images[rows]
    point = (images + noise).clone().requires_grad_()
    loss = (
        torch.nn.functional.cross_entropy(made.model(point), torch.full((len(images),), target), reduction="sum")
        + 0.5 * (point - images).abs().sum()
    )
    (slope,) = torch.autograd.grad(loss, point)
    labels = made.model(images).argmax(dim=1)
    result = attack(made.model, images, labels, how, norm="l1", eps=None, target=target)
    np.testing.assert_allclose(result.adversarial, (point - 0.01 * slope).clamp(0, 1).detach().numpy(), atol=1e-5)


def test_a_path_of_prices_is_one_batch_and_tells_the_trade_off(trained: Any) -> None:
    images, labels = trained.images[:12], trained.labels[:12]
    targets = (labels + 1) % 4
    prices = (0.003, 0.03, 0.3, 30.0)
    path = noise_path(Victim(trained.network), images, labels, targets, prices=prices, attack=OptimisedNoise(steps=60))
    assert path.fooled.shape == path.l1.shape == (4, 12)
    table = path.table()
    assert [row["c"] for row in table] == pytest.approx(prices)
    sizes, shares = [row["l1"] for row in table], [row["fooled"] for row in table]
    assert sizes == sorted(sizes, reverse=True)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert shares[-1] == sizes[-1] == 0
    single = attack(
        trained.network, images, labels, OptimisedNoise(c=0.03, steps=60), norm="l1", eps=None, target=targets
    )
    np.testing.assert_allclose(path.l1[1], single.noise, rtol=0.02)
    assert (path.first[0] > 0).all()


def test_gaussian_noise_fools_sooner_and_zeros_end_smaller(trained: Any) -> None:
    images, labels = trained.images, trained.labels
    found = {
        start: attack(
            trained.network,
            images,
            labels,
            OptimisedNoise(c=0.01, start=start, solver="subgradient", rate=0.02, steps=60),
            norm="l1",
            eps=None,
            target=(labels + 1) % 4,
        )
        for start in ("zeros", "gaussian")
    }
    assert np.median(found["zeros"].noise) < np.median(found["gaussian"].noise)
    assert found["gaussian"].fooled.mean() > 0.5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"start": "black"}, "There is no start 'black'"),
        ({"solver": "newton"}, "There is no solver"),
        ({"optimiser": "adam"}, "Did you mean 'adamw'"),
        ({"c": -1.0}, "c must be at least 0"),
        ({"momentum": 1.0}, "below 1"),
        ({"steps": 0}, "steps must be positive"),
    ],
)
def test_parameters_that_cannot_be_meant(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        OptimisedNoise(**words)


def test_a_path_needs_prices(trained: Any) -> None:
    for prices in ((), (-1.0,)):
        with pytest.raises(UsageError, match="prices"):
            noise_path(Victim(trained.network), trained.images, trained.labels, (trained.labels + 1) % 4, prices=prices)
