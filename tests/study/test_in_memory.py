import numpy as np
import pytest
import torch

from evenhand.study.in_memory import one_thread, train_in_memory
from evenhand.training.recipe import Recipe, recipe

DRAW = np.random.default_rng(0)
LABELS = (np.arange(40) % 4 == 0).astype(np.int64)
PIXELS = (DRAW.integers(0, 128, (40, 16, 16, 3)) + 120 * LABELS[:, None, None, None]).astype(np.uint8)
QUICK: Recipe = recipe("quick", "simple", epochs=6, batch=8, learning_rate=0.01, precision="float32")


@pytest.mark.parametrize("remedy", ["none", "crt", "balpoe", "logit-adjust", "smote:k=2"])
def test_every_part_of_a_plan_is_carried_out(remedy: str) -> None:
    model = train_in_memory(PIXELS, LABELS, ("dark", "bright"), remedy, QUICK)
    assert (model.probabilities(PIXELS).argmax(axis=1) == LABELS).mean() > 0.9
    assert (model.logit_offsets is not None) == (remedy == "logit-adjust")
    assert model.shape.experts == (3 if remedy == "balpoe" else 1)


def test_a_second_training_changes_the_last_layer_alone() -> None:
    plain, second = (train_in_memory(PIXELS, LABELS, ("a", "b"), remedy, QUICK) for remedy in ("none", "crt"))
    changed = {
        name
        for name, value in plain.members[0].state_dict().items()
        if not torch.equal(value, second.members[0].state_dict()[name])
    }
    assert changed == {"fc3.weight", "fc3.bias"}


def test_early_stopping_has_an_inner_slice() -> None:
    stopping = recipe("quick", "simple", epochs=8, batch=8, early_stopping=1, precision="float32")
    model = train_in_memory(PIXELS, LABELS, ("a", "b"), "none", stopping)
    assert model.probabilities(PIXELS).shape == (40, 2)


def test_threads_are_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
