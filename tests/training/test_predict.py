import numpy as np
import pytest
import torch

from evenhand.data.batches import to_network
from evenhand.models.catalogue import build
from evenhand.training.predict import embed, predict
from evenhand.training.recipe import Recipe

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("model", ["simple", "resnet"])
def test_features_are_what_the_head_decides_by_scaled_to_length_one(model: str) -> None:
    torch.manual_seed(0)
    network = build(model, n_classes=3, size=(16, 16), width=4)
    recipe = Recipe(model=model, width=4, precision="float32")
    found = embed(network, PIXELS, recipe, batch=3)
    assert network.training
    with torch.no_grad():
        hidden = network.eval().features(to_network(torch.from_numpy(PIXELS), channels_last=recipe.channels_last))
    expected = hidden / hidden.norm(dim=1, keepdim=True)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_nothing_in_gives_nothing_out() -> None:
    network = build("simple", n_classes=3, size=(16, 16))
    recipe = Recipe(model="simple", precision="float32")
    assert len(embed(network, PIXELS[:0], recipe)) == len(predict(network, PIXELS[:0], recipe)) == 0
