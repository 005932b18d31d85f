from typing import Any

import numpy as np
import torch

from evenhand.attacks.attacking import attack


def test_images_of_pure_black_and_white_are_no_obstacle() -> None:
    weights = torch.from_numpy(np.random.default_rng(0).standard_normal(48).astype(np.float32))

    class Binary(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            score = (images - 0.5).flatten(1) @ weights
            return torch.stack([score, -score], dim=1)

    images = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (6, 3, 4, 4)).astype(np.float32))
    labels = Binary()(images).argmax(dim=1)
    result = attack(Binary(), images, labels, "cw", norm="l2", eps=None)
    other = attack(Binary(), images, labels, "fmn", norm="l2", eps=None)
    assert result.fooled.all()
    np.testing.assert_allclose(result.size, other.size, rtol=0.01)


def test_more_rounds_find_smaller_noise(trained: Any) -> None:
    few, many = (
        attack(trained.network, trained.images, trained.labels, f"cw:steps=40,rounds={rounds}", norm="l2", eps=None)
        for rounds in (2, 6)
    )
    assert many.fooled.sum() >= few.fooled.sum()
    both = few.fooled & many.fooled
    assert np.median(many.size[both] / few.size[both]) <= 1
