from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from evenhand.remedies.plan import Plan
from evenhand.training.averaging import Average
from evenhand.training.loop import TrainingSet, fit
from evenhand.training.predict import predict
from evenhand.training.recipe import Recipe

RECIPE = Recipe(model="resnet", width=4, batch=8, epochs=3, precision="float32", learning_rate=0.02)


def moved(network: nn.Module, value: float) -> None:
    with torch.no_grad():
        for found in network.state_dict().values():
            found.fill_(int(value) if not found.is_floating_point() else value)


def test_the_average_by_hand() -> None:
    """After 1, 2, 4 with decay .5 the weights are 1, 2, 4 sevenths: (1 + 4 + 16) / 7 = 3."""
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = Average(network, 0.5)
    for value in (1.0, 2.0, 4.0):
        moved(network, value)
        average.update()
    with average.shown():
        for name, found in network.state_dict().items():
            expected = 4 if name == "1.num_batches_tracked" else 3.0
            torch.testing.assert_close(found, torch.full_like(found, expected))
    assert (network[0].weight == 4).all()
    average.settle()
    torch.testing.assert_close(network[0].weight, torch.full((2, 2), 3.0))


def test_the_first_step_is_its_own_average() -> None:
    network = nn.Linear(2, 2)
    average = Average(network, 0.999)
    moved(network, 7.0)
    average.update()
    average.settle()
    torch.testing.assert_close(network.weight, torch.full((2, 2), 7.0))


def test_an_error_inside_the_block_gives_the_weights_back() -> None:
    network = nn.Linear(2, 2)
    average = Average(network, 0.5)
    moved(network, 5.0)
    with pytest.raises(RuntimeError, match="inside"), average.shown():
        raise RuntimeError("inside")
    assert (network.weight == 5).all()


def data(n: int = 48) -> TrainingSet:
    labels = (np.arange(n) % 4 == 0).astype(np.int64)
    noise = np.random.default_rng(0).integers(-40, 40, (n, 16, 16, 3))
    pixels = np.where(labels, 200, 60)[:, None, None, None] + noise
    return TrainingSet(pixels.astype(np.uint8), labels, np.arange(n, dtype=np.int64))


def test_training_goes_its_way_and_the_average_is_what_comes_out() -> None:
    torch.set_num_threads(1)
    plain, averaged = (fit(data(), Plan(), replace(RECIPE, ema=ema), n_classes=2, seed=0) for ema in (0.0, 0.9))
    assert plain.curve == averaged.curve
    one, other = plain.network.state_dict(), averaged.network.state_dict()
    assert not torch.equal(one["head.weight"], other["head.weight"])
    assert not torch.equal(one["stem.1.running_mean"], other["stem.1.running_mean"])
    # So short a memory is no memory.
    short = fit(data(), Plan(), replace(RECIPE, ema=1e-9), n_classes=2, seed=0).network.state_dict()
    for name, value in one.items():
        torch.testing.assert_close(short[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_early_stopping_watches_and_keeps_the_average() -> None:
    torch.set_num_threads(1)
    held, recipe = data(24), replace(RECIPE, ema=0.9, early_stopping=5)
    fitted = fit(data(), Plan(), recipe, n_classes=2, seed=0, validation=held)
    logits = torch.from_numpy(predict(fitted.network, held.pixels, recipe))
    each = nn.functional.cross_entropy(logits, torch.from_numpy(held.targets), reduction="none").numpy()
    by_class = np.mean([each[held.targets == label].mean() for label in (0, 1)])
    assert by_class == pytest.approx(min(fitted.curve.validation_loss), rel=1e-4)
