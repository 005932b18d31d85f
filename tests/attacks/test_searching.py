from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.attacks.attacking import attack
from evenhand.attacks.deepfool import rooms
from evenhand.attacks.norms import reach
from evenhand.attacks.threat import NORMS


def test_the_nearest_class_is_not_the_likeliest(linear: Callable[..., Any]) -> None:
    """Class 1 is likelier than class 2, but its boundary is twenty times as far."""
    weights = torch.zeros(3, 108)
    weights[1, 0], weights[2, 1:40] = 0.1, 1.0
    model = type(linear(3).model)(weights, torch.tensor([0.0, -0.3, -25.0]))
    images = torch.full((2, 3, 6, 6), 0.5)
    for how, norm in (("fmn", "l2"), ("ddn", "l2"), ("cw", "l2"), ("fmn", "linf"), ("deepfool", "l2")):
        result = attack(model, images, [0, 0], how, norm=norm, eps=None)
        assert (result.called == 2).all()
        assert result.clean_logits[0].argsort().tolist() == [2, 1, 0]
        least = 5.5 / 39 if norm == "linf" else 5.5 / np.sqrt(39)
        assert result.size.tolist() == pytest.approx([least] * 2, rel=0.01)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_estimate_is_exact_for_linear_models(linear: Callable[..., Any], norm: str, classes: int) -> None:
    made = linear(classes)
    weights, logits = made.model.weights.detach(), made.model(made.images).detach()
    others = torch.stack([torch.tensor([k for k in range(classes) if k != label]) for label in made.labels.tolist()])
    slopes = weights[others] - weights[made.labels][:, None]
    behind = logits.gather(1, made.labels[:, None]) - logits.gather(1, others)
    flat = made.images.flatten(1)[:, None]
    room = torch.where(slopes > 0, 1 - flat, flat)
    _, size = reach(slopes.abs(), behind, room, norm)
    np.testing.assert_allclose(size.amin(dim=1).numpy(), made.smallest(norm, box=True), rtol=2e-3)
    free = torch.full_like(room, torch.inf)
    _, size = reach(slopes.abs(), behind, free, norm)
    np.testing.assert_allclose(size.amin(dim=1).numpy(), made.smallest(norm, box=False), rtol=1e-3)
    _, size = reach(slopes.abs(), behind * 1e4, room, norm)
    assert torch.isinf(size).all()


def test_room_is_what_is_left_up_to_black_or_white() -> None:
    class Held:
        point = torch.tensor([[[[0.2, 0.7]]]])

        class threat:  # noqa: N801
            bounds = (0.0, 1.0)

    found = rooms(Held, torch.tensor([[[1.0, 1.0], [-1.0, -2.0]]]))  # type: ignore[arg-type]
    torch.testing.assert_close(found, torch.tensor([[[0.8, 0.3], [0.2, 0.7]]]))
