from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evenhand.attacks.attacking import attack
from evenhand.remedies.catalogue import plan_for
from evenhand.remedies.plan import Loss, Perturbation, Plan
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.losses import criterion
from evenhand.training.perturbation import Perturber
from evenhand.training.recipe import Recipe

RECIPE = Recipe(model="simple", batch=8, epochs=2, precision="float32", learning_rate=0.01, schedule="constant")
PLAIN = criterion(None, RECIPE, "cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Flat(nn.Module):
    """Two logits, linear in the pixels."""

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.slope = nn.Parameter(slope)

    def forward(self, images: Tensor) -> Tensor:
        score = (images * self.slope).flatten(1).sum(dim=1)
        return torch.stack([torch.zeros_like(score), score], dim=1)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 6) -> Tensor:
    """Pictures with many values near black and white, so that the range of values matters."""
    return torch.from_numpy(np.random.default_rng(0).beta(0.4, 0.4, (n, 3, 4, 5)).astype(np.float32))


@pytest.mark.parametrize(
    "loss", [None, Loss(logit_offsets=(0.5, -2.0)), Loss(class_weights=(0.2, 1.8)), Loss(focal=2.0)]
)
def test_of_a_linear_model_it_finds_the_worst_image_in_the_ball_and_in_the_box(loss: Loss | None) -> None:
    slope = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 4, 5)).astype(np.float32))
    labels, clean, eps = torch.tensor([0, 1, 0, 1, 1, 0]), images(), 0.1
    found = Perturber(Perturbation(eps, 5, 0.05), Flat(slope), "float32", dice()).apply(
        clean, labels, criterion(loss, RECIPE, "cpu")
    )
    # The loss rises with the score where the label is 0, and falls with it where it is 1; each value on its own.
    up = torch.where(labels == 0, 1.0, -1.0)[:, None, None, None] * slope.sign()
    assert torch.allclose(found, (clean + eps * up).clamp(0, 1), atol=1e-6)


def test_soft_labels_pull_towards_the_lesser_class() -> None:
    slope = torch.ones(3, 4, 5)
    rows = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    clean = torch.full((2, 3, 4, 5), 0.01)
    found = Perturber(Perturbation(0.005, 4, 0.005), Flat(slope), "float32", dice()).apply(clean, rows, PLAIN)
    assert torch.allclose(found[0], torch.tensor(0.015))
    assert torch.allclose(found[1], torch.tensor(0.005))


def test_nothing_is_left_behind_in_the_network() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(2))
    network(images())
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    first = Perturber(Perturbation(0.1, 3, 0.05), network, "float32", dice()).apply(images(), labels, PLAIN)
    assert torch.equal(state, torch.get_rng_state())
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not first.requires_grad
    # Statistics of the batch do not count: the same image among others gets the same noise, from the same start.
    alone = Perturber(Perturbation(0.1, 3, 0.05), network, "float32", dice()).apply(images()[:1], labels[:1], PLAIN)
    assert torch.equal(alone[0], first[0])


def test_training_sees_the_perturbed_images_alone() -> None:
    """One step of the loop equals one step on what the inner step made."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    labels = np.array([0, 1] * 4)
    data = TrainingSet(pixels, labels, np.arange(8, dtype=np.int64))
    recipe = Recipe(
        model="resnet",
        width=4,
        batch=8,
        epochs=1,
        precision="float32",
        learning_rate=0.1,
        schedule="constant",
        momentum=0.0,
        weight_decay=0.0,
        channels_last=False,
    )
    seen: list[Tensor] = []

    class Spy(Perturber):
        def apply(self, images: Tensor, labels: Tensor, criterion: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
            found = super().apply(images, labels, criterion)
            assert float((found - images).abs().max()) == pytest.approx(0.1, abs=1e-6)
            seen.append(found)
            return found

    plan = Plan(perturbation=Perturbation(0.1, 2, 0.1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evenhand.training.loop.Perturber", Spy)
        fitted = fit(data, plan, recipe, n_classes=2, seed=0)
    assert len(seen) == 1
    again = fit(data, plan, recipe, n_classes=2, seed=0)
    for one, other in zip(fitted.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)
    plain = fit(data, Plan(), recipe, n_classes=2, seed=0)
    assert fitted.curve.step_loss[0] > plain.curve.step_loss[0]


def pictures(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a rare and a common class, told by a weave that eight grey levels undo, and mostly by a bar."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.35).astype(np.int64)
    bar = np.where(random.random(n) < 0.85, labels, 1 - labels)
    rows, columns = np.mgrid[:16, :16]
    bars = np.stack([abs(rows - 7.5) < 3, abs(columns - 7.5) < 3]) * 50
    weave = np.where((rows + columns) % 2, 5, -5) * np.where(labels, 1, -1)[:, None, None]
    values = np.clip(np.rint(90 + bars[bar] + weave + random.normal(0, 8, (n, 16, 16))), 0, 255)
    return np.repeat(values[..., None], 3, axis=3).astype(np.uint8), labels


def test_robust_accuracy_rises_and_its_price_is_known() -> None:
    """What the plain network goes by is gone within the budget; the hardened ones go by the bar."""
    pixels, labels = pictures(300, 0)
    tested, right = pictures(150, 1)
    shown = torch.from_numpy(tested).permute(0, 3, 1, 2).float() / 255
    data = TrainingSet(pixels, labels, np.arange(300, dtype=np.int64))
    recipe = replace(RECIPE, model="resnet", width=8, epochs=6, batch=16, learning_rate=0.03, schedule="cosine")
    left, clean = {}, {}
    for remedy in ("none", "pgd-train:steps=3,step=5", "pgd-train:steps=3,step=5+balanced-softmax"):
        network = fit(data, plan_for(remedy, labels, 2), recipe, n_classes=2, seed=0).network
        result = attack(network, shown, right, "pgd:steps=10", eps=8 / 255)
        left[remedy], clean[remedy] = float(result.robust.mean()), float(result.clean_right.mean())
        print(f"{remedy}: {clean[remedy]:.3f} untouched, {left[remedy]:.3f} left of {result.n}")
    plain, *hardened = left
    for name in hardened:
        assert left[name] > left[plain] + 0.2
        assert clean[name] >= left[name] > 0.75
    assert clean[plain] > 0.8
