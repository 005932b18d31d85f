from pathlib import Path

import pytest
import torch

from evenhand.errors import DataError, UsageError
from evenhand.models.catalogue import MODELS, build
from evenhand.models.heads import Shape
from evenhand.models.network import Network

CHECKPOINT = Path(__file__).parents[2].parent / "shared/data/car-truck-cat/pre_trained.ckpt"


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("size", [(16, 16), (32, 32), (28, 40), (96, 64), (225, 300)])
@pytest.mark.parametrize("n_classes", [2, 7])
def test_any_size_and_class_count(name: str, size: tuple[int, int], n_classes: int) -> None:
    network = build(name, n_classes=n_classes, size=size, width=8).eval()
    logits = network(torch.rand(3, 3, *size))
    assert logits.shape == (3, n_classes)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_image_is_judged_by_itself(name: str) -> None:
    network = build(name, n_classes=3, size=(32, 32), width=8).eval()
    batch = torch.rand(4, 3, 32, 32)
    torch.testing.assert_close(network(batch)[2:3], network(batch[2:3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_too_small_images_are_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(DataError, match="--size"):
        build(name, n_classes=3, size=(7, 32))


def test_unknown_model_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="resnet"):
        build("resent", n_classes=2, size=(32, 32))


def test_simple_is_the_network_of_the_study() -> None:
    shapes = {
        name: tuple(value.shape) for name, value in build("simple", n_classes=3, size=(32, 32)).state_dict().items()
    }
    assert shapes == {
        "conv1.weight": (16, 3, 5, 5),
        "conv1.bias": (16,),
        "conv2.weight": (16, 16, 5, 5),
        "conv2.bias": (16,),
        "fc1.weight": (120, 400),
        "fc1.bias": (120,),
        "fc2.weight": (84, 120),
        "fc2.bias": (84,),
        "fc3.weight": (3, 84),
        "fc3.bias": (3,),
    }


def test_simple_scales_pixels_to_minus_one_and_one() -> None:
    """By hand: a first layer that passes the red channel's centre on must see 2 * 0.75 - 1 = 0.5."""
    network = build("simple", n_classes=2, size=(32, 32)).eval()
    with torch.no_grad():
        for value in network.state_dict().values():
            value.zero_()
        network.get_parameter("conv1.weight")[0, 0, 2, 2] = 1
        network.get_parameter("conv2.weight")[0, 0, 2, 2] = 1
        network.get_parameter("fc1.weight")[0, 0] = 1
        network.get_parameter("fc2.weight")[0, 0] = 1
        network.get_parameter("fc3.weight")[1, 0] = 1
    logits = network(torch.full((1, 3, 32, 32), 0.75))
    assert logits.tolist() == [[0.0, 0.5]]


def test_dropout_is_active_only_in_training() -> None:
    network = build("simple", n_classes=3, size=(32, 32))
    batch = torch.rand(8, 3, 32, 32)
    assert not torch.equal(network.train()(batch), network(batch))
    assert torch.equal(network.eval()(batch), network(batch))


@pytest.mark.skipif(not CHECKPOINT.exists(), reason="the reference study's data is not beside this checkout")
def test_simple_takes_the_studys_checkpoint() -> None:
    state = torch.load(CHECKPOINT, weights_only=True)["model_state_dict"]
    build("simple", n_classes=3, size=(32, 32)).load_state_dict(state)


def test_resnet_meets_larger_images_with_a_strided_stem() -> None:
    small = build("resnet", n_classes=3, size=(32, 32), width=8)
    large = build("resnet", n_classes=3, size=(224, 224), width=8)
    assert small.stem[0].stride == (1, 1)  # type: ignore[index,union-attr]
    assert large.stem[0].stride == (8, 8)  # type: ignore[index,union-attr]


def test_width_scales_the_resnet() -> None:
    def parameters(width: int) -> int:
        return sum(value.numel() for value in build("resnet", n_classes=3, size=(32, 32), width=width).parameters())

    assert 3.5 < parameters(32) / parameters(16) < 4.1


# What stands on top


@pytest.mark.parametrize("name", MODELS)
def test_features_and_last_layer_make_the_logits(name: str) -> None:
    network, batch = build(name, n_classes=3, size=(32, 32), width=4).eval(), torch.rand(5, 3, 32, 32)
    assert isinstance(network, Network)
    assert torch.equal(network(batch), network.last(network.features(batch)))
    assert torch.equal(network.features(batch), network.tail(network.shared(batch)))


@pytest.mark.parametrize("name", MODELS)
def test_experts_share_the_first_layers_and_are_averaged(name: str) -> None:
    network = build(name, n_classes=3, size=(32, 32), width=4, shape=Shape(experts=3))
    alone = build(name, n_classes=3, size=(32, 32), width=4)
    batch = torch.rand(5, 3, 32, 32)
    assert isinstance(alone, Network)
    size = {name: value.numel() for name, value in alone.named_parameters()}
    shared = sum(number for name, number in size.items() if name.split(".")[0] in alone.SHARED)
    assert sum(value.numel() for value in network.parameters()) == 3 * sum(size.values()) - 2 * shared
    each = network.train()(batch)
    assert each.shape == (5, 3, 3)
    network.eval()
    network.training = True  # only the outermost: dropout and batch norm stay as in use
    torch.testing.assert_close(network(batch).mean(dim=1), network.eval()(batch))
    width = alone.features(batch).shape[1]
    assert network.features(batch).shape == (5, 3 * width)  # type: ignore[operator]


@pytest.mark.parametrize("name", MODELS)
def test_cosines_by_hand_and_their_scale_travels_with_the_weights(name: str) -> None:
    network = build(name, n_classes=3, size=(32, 32), width=4, shape=Shape("cosine", scale=30.0)).eval()
    batch = torch.rand(5, 3, 32, 32)
    assert isinstance(network, Network)
    found, vectors = network.features(batch).detach(), network.last.get_parameter("weight").detach()
    logits = network(batch).detach()
    for image in range(5):
        for label in range(3):
            cosine = torch.dot(found[image], vectors[label]) / found[image].norm() / vectors[label].norm()
            assert float(logits[image, label]) == pytest.approx(30 * float(cosine), abs=1e-4)
    other = build(name, n_classes=3, size=(32, 32), width=4, shape=Shape("cosine")).eval()
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(batch), network(batch))


def test_a_last_layer_that_is_not_known_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="cosine"):
        Shape("cosin")
    with pytest.raises(UsageError, match="at least 1 expert"):
        Shape(experts=0)
