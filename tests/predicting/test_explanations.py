"""Both kinds of explanation point at what decides, and the pictures of them can be read."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from evenhand.errors import EvenhandError
from evenhand.exporting.whole_model import WholeModel
from evenhand.models.catalogue import build
from evenhand.predicting.gradients import IntegratedGradients
from evenhand.predicting.occlusion import log_odds, occlusion
from evenhand.predicting.pictures import AGAINST, FOR, draw, keep
from evenhand.records.values import Floats, Pixels
from evenhand.training.model_file import Model
from evenhand.training.recipe import Recipe
from handed_over import model, pixels


class Corner:
    """Answers by the brightness of the corner at the bottom right, and of nothing else."""

    classes = ("dark", "bright")
    size = (24, 36)

    def probabilities(self, pixels: Pixels) -> Floats:
        bright = pixels[:, -4:, -6:].mean(axis=(1, 2, 3)) / 256 + 1e-3
        return np.stack([1 - bright, bright], axis=1).astype(np.float32)


class CornerNetwork(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(3.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        bright = self.scale * images[:, :, -4:, -6:].mean(dim=(1, 2, 3))
        return torch.stack([-bright, bright], dim=1)


@pytest.fixture
def image() -> np.ndarray:
    found = np.full((24, 36, 3), 60, dtype=np.uint8)
    found[-4:, -6:] = 240
    return found


def test_occlusion_points_at_what_decides(image: np.ndarray) -> None:
    found = occlusion(Corner(), image, 1)
    assert found.shape == (24, 36)
    assert np.unravel_index(found.argmax(), found.shape)[0] >= 18
    assert found[-1, -1] > 0
    assert found[:10, :20] == pytest.approx(0)
    np.testing.assert_allclose(occlusion(Corner(), image, 0), -found, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (1, 5), (224, 224)])
def test_occlusion_covers_every_pixel_of_any_size(size: tuple[int, int]) -> None:
    class Anything(Corner):
        def probabilities(self, pixels: Pixels) -> Floats:
            return np.full((len(pixels), 2), 0.5, dtype=np.float32)

    assert (
        occlusion(Anything(), pixels(1, (max(16, size[0]), max(16, size[1])))[0][: size[0], : size[1]], 0) == 0
    ).all()


def test_log_odds_stay_finite() -> None:
    found = log_odds(np.array([0, 0.5, 1], dtype=np.float32))
    assert found.tolist() == pytest.approx([-13.8155, 0, 13.8155], abs=1e-3)


def test_integrated_gradients_point_at_what_decides(image: np.ndarray) -> None:
    made = Model(("dark", "bright"), (24, 36), Recipe(), (CornerNetwork(),))
    found = IntegratedGradients(WholeModel(made))(image, 1)
    assert found[-4:, -6:].min() > 0
    assert np.abs(found[:-4]).max() == 0


@pytest.mark.parametrize("network", ["simple", "resnet"])
def test_integrated_gradients_add_up_to_the_gain(network: str) -> None:
    made = model(network, members=2, flips=True, temperature=1.5, logit_offsets=(1.0, -1.0, 0.0))
    method = IntegratedGradients(WholeModel(made))
    for number, image in enumerate(pixels(3, seed=4)):
        label = int(made.probabilities(image[None])[0].argmax())
        gain = method.gain(image, label)
        assert method(image, label).sum() == pytest.approx(gain, abs=0.05 + 0.05 * abs(gain)), number


def test_a_network_without_opinion_explains_nothing() -> None:
    network = build("simple", n_classes=2, size=(16, 16)).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
    made = Model(("a", "b"), (16, 16), Recipe(), (network,))
    assert (IntegratedGradients(WholeModel(made))(pixels(1, (16, 16))[0], 0) == 0).all()


def test_the_picture_shows_the_image_beside_what_speaks_for_it(image: np.ndarray, tmp_path: Path) -> None:
    contributions = np.zeros((24, 36))
    contributions[-4:, -6:], contributions[:4, :6] = 2.0, -2.0
    panel = np.asarray(draw(image, contributions)).astype(int)
    times = 8  # 36 pixels become 288, the first multiple from 256 on
    assert panel.shape == (24 * times, 2 * 36 * times + 8, 3)
    assert (panel[: 24 * times : times, : 36 * times : times] == image).all()
    overlay = panel[:, 36 * times + 8 :]
    assert np.abs(overlay[-1, -1] - FOR).max() < 40
    assert np.abs(overlay[0, 0] - AGAINST).max() < 40
    grey = overlay[12 * times, 18 * times]
    assert len(set(grey.tolist())) == 1
    nothing = np.asarray(draw(image, np.zeros((24, 36))))
    assert nothing.shape == panel.shape


def test_pictures_get_names_that_every_system_takes(image: np.ndarray, tmp_path: Path) -> None:
    panel = draw(image, np.zeros((24, 36)))
    found = keep(panel, tmp_path / "new", 7, "a/b: c?*/Кот <1>.png")
    assert found.name == "000007-Кот_1_.png"
    with Image.open(found) as again:
        assert again.size == panel.size
    assert keep(panel, tmp_path, 1, "-").name == "000001--.png"
    (tmp_path / "file").touch()
    with pytest.raises(EvenhandError, match="file"):
        keep(panel, tmp_path / "file", 1, "x")
