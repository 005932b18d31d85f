from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.attacks.attacking import attack
from evenhand.attacks.black_box import Square
from evenhand.errors import UsageError

EPS = 24 / 255


class Asked:
    """A function that counts what it is asked, and gives no gradient."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.network, self.calls = network, 0

    def __call__(self, images: Any) -> Any:
        self.calls += len(images)
        with torch.no_grad():
            return self.network(torch.from_numpy(images)).numpy()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_square_needs_no_gradient_and_few_queries(trained: Any, norm: str) -> None:
    eps = EPS if norm == "linf" else 1.5
    asked = Asked(trained.network)
    result = attack(asked, trained.images, trained.labels, "square:steps=150", norm=norm, eps=eps)
    noise = attack(asked, trained.images, trained.labels, "noise:tries=50", norm=norm, eps=eps)
    assert result.fooled.mean() > 0.25 > noise.fooled.mean()
    assert result.queries.max() <= 150
    # A start, the first look, and the verdict twice; images that are done wait a little for company.
    assert asked.calls < 1.3 * (result.queries.sum() + noise.queries.sum()) + 10 * 60


def test_square_is_no_stronger_than_gradients(trained: Any) -> None:
    for norm, eps in (("linf", 16 / 255), ("l2", 1.0)):
        square = attack(trained.network, trained.images, trained.labels, "square:steps=100", norm=norm, eps=eps)
        apgd = attack(trained.network, trained.images, trained.labels, "apgd-margin:steps=40", norm=norm, eps=eps)
        assert square.fooled.sum() < apgd.fooled.sum()


def test_more_queries_only_help(trained: Any) -> None:
    few, many = (
        attack(trained.network, trained.images, trained.labels, Square(steps=steps), eps=EPS) for steps in (20, 120)
    )
    assert many.fooled.sum() > few.fooled.sum()


def test_aimed_at_a_class(trained: Any) -> None:
    result = attack(trained.network, trained.images, trained.labels, "square:steps=100", eps=0.3, target=1)
    assert (result.called[result.fooled] == 1).all()
    assert result.fooled[result.attempted].mean() > 0.5


@pytest.mark.parametrize("size", [(1, 5), (2, 2), (5, 40)])
def test_images_of_every_size(size: tuple[int, int], linear: Callable[..., Any]) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * size[0] * size[1], 2))
    torch.nn.init.normal_(model[1].weight)
    images = torch.rand(4, 3, *size)
    labels = model(images).argmax(dim=1)
    for norm in ("linf", "l2"):
        result = attack(model, images, labels, "square:steps=30", norm=norm, eps=0.2)
        assert (result.noise <= 0.2001).all()
        assert np.isfinite(result.adversarial).all()


def test_random_noise_is_new_noise_each_time(trained: Any) -> None:
    counts = [
        attack(trained.network, trained.images, trained.labels, f"noise:tries={tries}", eps=0.5).fooled.sum()
        for tries in (1, 30)
    ]
    assert counts[0] < counts[1]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_noise_fills_the_budget_evenly(norm: str) -> None:
    never = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(27, 2))
    torch.nn.init.zeros_(never[1].weight)
    with torch.no_grad():
        never[1].bias.copy_(torch.tensor([2.0, 0.0]))
    images = 0.5 + 0.01 * torch.rand(400, 3, 3, 3)
    result = attack(never, images, [0] * 400, "noise:tries=1", norm=norm, eps=0.2)
    noise = (result.adversarial - images.numpy()).reshape(400, -1)
    assert np.abs(noise.mean(axis=0)).max() < 0.04
    share = (result.noise / 0.2) ** 27 if norm == "l2" else np.abs(noise / 0.2).ravel()
    assert np.quantile(share, (0.25, 0.5, 0.75)) == pytest.approx([0.25, 0.5, 0.75], abs=0.09)


@pytest.mark.parametrize("how", ["square:steps=0", "square:area=-1", "noise:tries=0"])
def test_parameters_that_cannot_be_meant(trained: Any, how: str) -> None:
    with pytest.raises(UsageError, match="must be positive"):
        attack(trained.network, trained.images, trained.labels, how)
