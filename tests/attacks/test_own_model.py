import numpy as np
import pytest
import torch

from evenhand.attacks.attacking import attack
from evenhand.attacks.own_model import OwnNetwork
from evenhand.models.catalogue import build
from evenhand.training.model_file import Model
from evenhand.training.recipe import Recipe

RECIPE = Recipe(model="simple", precision="float32", channels_last=False)
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
IMAGES = torch.from_numpy(PIXELS).permute(0, 3, 1, 2).float() * (1 / 255)


def model(members: int, **changes: object) -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        networks = tuple(build("simple", n_classes=3, size=(16, 16)).eval() for _ in range(members))
    return Model(("a", "b", "c"), (16, 16), RECIPE, networks, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(
    "changes", [{}, {"flips": True, "temperature": 2.0, "logit_offsets": (0.0, 1.0, -1.0)}], ids=["plain", "corrected"]
)
def test_the_network_says_what_the_model_says(members: int, changes: dict[str, object]) -> None:
    made = model(members, **changes)
    with torch.no_grad():
        found = OwnNetwork(made).eval()(IMAGES).softmax(dim=1).numpy()
    np.testing.assert_allclose(found, made.probabilities(PIXELS), atol=1e-5)


def test_all_members_are_attacked_at_once() -> None:
    made = model(2, flips=True)
    network = OwnNetwork(made)
    labels = made.probabilities(PIXELS).argmax(axis=1)
    result = attack(network, IMAGES, labels, "pgd:steps=20", eps=0.3)
    assert result.fooled.any()
    fooled = np.rint(result.adversarial.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    called = made.probabilities(fooled).argmax(axis=1)
    assert (result.fooled_png == (called != labels)).all()
    assert not any(member.training for member in made.members)
