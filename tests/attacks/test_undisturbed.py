import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evenhand.attacks.undisturbed import undisturbed


class Counting(nn.Module):
    """Changes itself whenever it is asked, as some do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5))
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("total", torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        self.total = self.total + images.sum()
        return self.inner(images)


def dice() -> tuple[object, ...]:
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_put_back(fails: bool) -> None:
    network = Counting()
    network.inner[1].eval()
    network.inner[0].weight.requires_grad_(False)
    network.inner[0].bias.grad = torch.ones(3)
    gradient, buffers = network.inner[0].bias.grad, [network.calls, network.total]
    before, thrown = {name: value.clone() for name, value in network.state_dict().items()}, dice()
    try:
        with undisturbed(network, 0):
            assert not any(module.training for module in network.modules())
            assert not any(parameter.requires_grad for parameter in network.parameters())
            network(torch.rand(2, 3, 4, 4))
            random.random()
            np.random.random()
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [network.calls, network.total] == buffers
    assert [module.training for module in network.modules()] == [True, True, True, False]
    assert [parameter.requires_grad for parameter in network.parameters()] == [False, True]
    assert network.inner[0].bias.grad is gradient
    assert dice() == thrown


def test_a_network_that_rolls_dice_rolls_the_same_ones() -> None:
    rolled = []
    for seed in (1, 1, 2):
        with undisturbed(None, seed):
            rolled.append((float(torch.rand(1)), random.random(), float(np.random.random())))
    assert rolled[0] == rolled[1] != rolled[2]
