from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evenhand.remedies.plan import Loss, Plan
from evenhand.training.loop import TrainingSet, fit, one_hot
from evenhand.training.losses import criterion
from evenhand.training.predict import predict
from evenhand.training.recipe import Recipe
from evenhand.training.watching import Watch, mean_loss

RECIPE = Recipe(
    model="simple", batch=8, epochs=3, precision="float32", learning_rate=0.01, schedule="constant", channels_last=False
)


def data(seed: int = 0, n: int = 40) -> TrainingSet:
    random = np.random.default_rng(seed)
    labels = (np.arange(n) % 4 == 0).astype(np.int64)
    pixels = np.where(labels, 200, 60)[:, None, None, None] + random.integers(-40, 40, (n, 16, 16, 3))
    return TrainingSet(pixels.astype(np.uint8), labels, np.arange(n, dtype=np.int64))


def cross_entropy(network: nn.Module, some: TrainingSet) -> float:
    logits = torch.from_numpy(predict(network, some.pixels, RECIPE))
    return float(nn.functional.cross_entropy(logits, torch.from_numpy(some.targets)))


def test_the_loss_on_other_images_is_told_after_each_epoch_and_decides_nothing() -> None:
    plain = fit(data(), Plan(), RECIPE, n_classes=2, seed=0)
    watched = fit(data(), Plan(), RECIPE, n_classes=2, seed=0, watched=data(1))
    assert len(watched.curve.validation_loss) == 3
    assert watched.curve.validation_loss[-1] == pytest.approx(cross_entropy(watched.network, data(1)), abs=1e-6)
    assert watched.curve.step_loss == plain.curve.step_loss
    assert (plain.untrained, plain.curve.validation_loss) == (None, ())
    for one, other in zip(plain.network.parameters(), watched.network.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("model", ["simple", "resnet"])
def test_the_loss_before_the_first_step_is_that_of_steps_that_do_not_move(model: str) -> None:
    still = replace(RECIPE, model=model, width=4, learning_rate=0.0, epochs=1)
    fitted = fit(data(), Plan(), still, n_classes=2, seed=0, watched=data(1))
    assert fitted.untrained == pytest.approx(np.mean(fitted.curve.step_loss), abs=0.02)


def test_the_plan_changes_the_loss_before_the_first_step_too() -> None:
    weighted = Plan(loss=Loss(logit_offsets=(3.0, 0.0)))
    plain = fit(data(), Plan(), RECIPE, n_classes=2, seed=0, watched=data(1)).untrained
    shifted = fit(data(), weighted, RECIPE, n_classes=2, seed=0, watched=data(1))
    assert shifted.untrained is not None
    assert plain is not None
    assert shifted.untrained == pytest.approx(plain, abs=2.0)
    assert abs(shifted.untrained - plain) > 0.1
    # The loss on other images is plain cross-entropy, whatever the plan makes of it in training.
    assert shifted.curve.validation_loss[-1] == pytest.approx(cross_entropy(shifted.network, data(1)), abs=1e-6)


def test_a_training_that_diverges_is_watched_to_its_end() -> None:
    fitted = fit(data(), Plan(), replace(RECIPE, learning_rate=1e6), n_classes=2, seed=0, watched=data(1))
    assert fitted.diverged_at is not None
    assert len(fitted.curve.validation_loss) == len(fitted.curve.epoch_loss)
    assert not np.isfinite(fitted.curve.validation_loss[-1])


def test_soft_labels_are_watched_too() -> None:
    network = fit(data(), Plan(), RECIPE, n_classes=2, seed=0).network
    hard, soft = one_hot(data().targets, 2), np.full((40, 2), 0.5)
    losses = []
    for rows in (hard, soft, (hard + soft) / 2):
        watch = Watch(network, data().pixels, rows, RECIPE)
        watch.look(None)
        losses.append(watch.losses[0])
    assert losses[2] == pytest.approx((losses[0] + losses[1]) / 2)


def test_the_mean_loss_counts_images_not_batches() -> None:
    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        yield torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0])
        yield torch.tensor([[0.0, 0.0]]), torch.tensor([1])

    found = mean_loss(nn.Identity(), batches(), criterion(None, RECIPE, "cpu"))
    assert found == pytest.approx((np.log(1 + np.exp(-2)) + 2 * np.log(2)) / 3)
    assert np.isnan(mean_loss(nn.Identity(), [], criterion(None, RECIPE, "cpu")))
