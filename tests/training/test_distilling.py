from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from evenhand.data.batches import Augmentation
from evenhand.remedies.plan import Mixing, Plan
from evenhand.training.distilling import Teacher
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.losses import criterion
from evenhand.training.recipe import Recipe

RECIPE = Recipe(model="simple", epochs=2, batch=16, precision="float32", channels_last=False)
IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Colour(nn.Module):
    """Says by the mean colours of a picture what it is, and remembers what it was shown."""

    def __init__(self, scale: float = 4.0) -> None:
        super().__init__()
        self.scale, self.seen = scale, []  # type: ignore[var-annotated]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images)
        return images.mean(dim=(2, 3)) * self.scale


def teacher(**changes: Any) -> Teacher:
    return replace(Teacher((Colour(), Colour(8.0)), (0.0, 1.0, -1.0), 2.0, 3.0, 0.75), **changes)


def test_the_teachers_probabilities_are_those_of_the_averaged_model() -> None:
    means = IMAGES.mean(dim=(2, 3)).numpy()
    logits = np.stack([means * 4, means * 8]) + np.array([0.0, 1.0, -1.0])
    raised = np.exp(logits / 2)
    expected = (raised / raised.sum(axis=2, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(teacher().probabilities(IMAGES).numpy(), expected, rtol=1e-5)


def test_the_loss_is_the_mixture_of_hinton() -> None:
    plain = criterion(None, RECIPE, "cpu")
    logits, labels = torch.randn(4, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 2])
    told = teacher().probabilities(IMAGES)
    soft = torch.softmax(told.log() / 3, dim=1)
    followed = -(soft * torch.log_softmax(logits / 3, dim=1)).sum(dim=1).mean() * 9
    expected = 0.75 * followed + 0.25 * functional.cross_entropy(logits, labels)
    assert teacher().loss(logits, IMAGES, labels, plain).item() == pytest.approx(expected.item(), rel=1e-5)
    assert teacher(weight=0.0).loss(logits, IMAGES, labels, plain).item() == pytest.approx(plain(logits, labels).item())


def test_nothing_is_better_than_to_say_what_the_teacher_says() -> None:
    alone = teacher(weight=1.0)
    labels, plain = torch.zeros(4, dtype=torch.int64), criterion(None, RECIPE, "cpu")
    logits = alone.probabilities(IMAGES).log().requires_grad_()
    (slope,) = torch.autograd.grad(alone.loss(logits, IMAGES, labels, plain), logits)
    assert slope.abs().max() < 1e-6


def test_the_teacher_sees_what_the_student_sees() -> None:
    draw = np.random.default_rng(0)
    data = TrainingSet(
        draw.integers(0, 256, (24, 16, 16, 3), dtype=np.uint8), draw.integers(0, 3, 24), np.arange(24, dtype=np.int64)
    )
    recipe = replace(RECIPE, augmentation=Augmentation(crop=2, flip_horizontal=True))
    plan = Plan(mixing=Mixing("blend", 0.5))
    member = Colour()
    one = teacher(members=(member,))
    student = fit(data, plan, recipe, n_classes=3, seed=0, teacher=one)
    assert len(member.seen) == 4
    # Crops and mixtures: none of the batches is made of the pictures as they are.
    plain = torch.from_numpy(data.pixels).permute(0, 3, 1, 2).float() / 255
    assert not any((torch.cdist(batch.flatten(1), plain.flatten(1)) < 1e-3).all() for batch in member.seen)
    again = fit(data, plan, recipe, n_classes=3, seed=0, teacher=teacher(members=(Colour(),)))
    untaught = fit(data, plan, recipe, n_classes=3, seed=0)
    weights = [fitted.network.state_dict()["fc3.bias"] for fitted in (student, again, untaught)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
