from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backbones import PROCESSOR
from evenhand.errors import ModelFileError
from evenhand.models.pretrained_pictures import Pictures, Preprocessing

HERE = Path("somewhere")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 30, 44, 3), dtype=np.uint8)


def seen(processor: dict[str, object], pixels: np.ndarray = PIXELS) -> np.ndarray:
    wanted = Preprocessing.of_processor(processor, HERE)
    assert Preprocessing.from_json(wanted.to_json()) == wanted
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
    return Pictures(wanted, pixels.shape[1:3])(images).permute(0, 2, 3, 1).numpy()


def normalised(pixels: np.ndarray) -> np.ndarray:
    return (pixels / 255 - PROCESSOR["image_mean"]) / PROCESSOR["image_std"]  # type: ignore[no-any-return,operator]


def by_pillow(size: tuple[int, int], resample: int) -> np.ndarray:
    """Return what Pillow makes of each channel in floating point, which it does not round."""
    resized = [
        [np.asarray(Image.fromarray(one[:, :, channel]).resize((size[1], size[0]), resample)) for channel in range(3)]
        for one in PIXELS.astype(np.float32)
    ]
    return normalised(np.moveaxis(np.array(resized), 1, 3).clip(0, 255))


@pytest.mark.parametrize("resample", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [(24, 24), (64, 51), (30, 17)])
def test_pictures_are_resized_as_pillow_does(resample: int, size: tuple[int, int]) -> None:
    found = seen(PROCESSOR | {"size": {"height": size[0], "width": size[1]}, "resample": resample})
    np.testing.assert_allclose(found, by_pillow(size, resample), atol=1e-4)


def test_mean_and_spread_by_hand() -> None:
    plain = {"do_resize": False, "image_mean": [0.5, 0.25, 0.0], "image_std": [0.5, 0.25, 1.0]}
    grey = np.full((1, 4, 4, 3), 255, dtype=np.uint8)
    np.testing.assert_allclose(seen(plain, grey)[0, 0, 0], [1.0, 3.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(seen(plain | {"do_rescale": False}, grey)[0, 0, 0], [509.0, 1019.0, 255.0], rtol=1e-6)
    np.testing.assert_allclose(seen(plain | {"do_normalize": False}, grey)[0, 0, 0], [1.0, 1.0, 1.0])


def test_the_shorter_side_and_the_middle() -> None:
    told = PROCESSOR | {"size": {"shortest_edge": 20}, "do_center_crop": True, "crop_size": 16}
    whole = by_pillow((20, 20 * 44 // 30), 3)
    np.testing.assert_allclose(seen(told), whole[:, 2:18, 6:22], atol=1e-4)


def test_what_is_cut_beyond_the_picture_is_black() -> None:
    told = PROCESSOR | {"size": 8, "do_center_crop": True, "crop_size": {"height": 10, "width": 8}}
    found = seen(told)
    assert found.shape == (2, 10, 8, 3)
    np.testing.assert_allclose(found[:, [0, -1]], np.broadcast_to(normalised(np.zeros(3)), (2, 2, 8, 3)), rtol=1e-5)


@pytest.mark.parametrize(
    ("told", "size", "shortest", "crop"),
    [
        ({"size": 224}, (224, 224), None, None),
        ({"size": 224, "image_processor_type": "CLIPImageProcessor"}, None, 224, None),
        ({"size": 224, "crop_pct": 0.875, "image_processor_type": "ConvNextImageProcessor"}, None, 256, (224, 224)),
        ({"size": {"shortest_edge": 224}, "feature_extractor_type": "ConvNextFeatureExtractor"}, None, 256, (224, 224)),
        ({"size": 384, "crop_pct": 1.0, "image_processor_type": "ConvNextImageProcessor"}, (384, 384), None, None),
        (
            {"size": {"height": 256, "width": 200}, "do_center_crop": True, "crop_size": 180},
            (256, 200),
            None,
            (180, 180),
        ),
    ],
)
def test_sizes_mean_what_their_processor_means(
    told: dict[str, object], size: object, shortest: object, crop: object
) -> None:
    plain = {name: value for name, value in PROCESSOR.items() if name not in ("size", "image_processor_type")}
    wanted = Preprocessing.of_processor(plain | told, HERE)
    assert (wanted.size, wanted.shortest, wanted.crop) == (size, shortest, crop)


@pytest.mark.parametrize(
    "told",
    [
        {"do_pad": True},
        {"do_flip_channel_order": True},
        {"resample": 4},
        {"image_std": [0.0, 1.0, 1.0]},
        {"image_mean": [0.5]},
        {"size": {"longest_edge": 8}},
    ],
)
def test_what_is_not_carried_out_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(ModelFileError, match="somewhere"):
        Preprocessing.of_processor(PROCESSOR | told, HERE)


def test_a_gradient_passes() -> None:
    images = torch.rand(1, 3, 30, 44, requires_grad=True)
    Pictures(Preprocessing.of_processor(PROCESSOR, HERE), (30, 44))(images).sum().backward()
    assert images.grad is not None
    assert float(images.grad.abs().max()) > 0
