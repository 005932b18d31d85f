import json
from pathlib import Path

import pytest
import torch

from backbones import WORDS, change, tiny
from evenhand.errors import ModelFileError
from evenhand.models.catalogue import build, on_features, with_trunk
from evenhand.models.heads import Shape
from evenhand.models.network import Network
from evenhand.models.pretrained import KINDS, find
from evenhand.models.pretrained_network import Trunk, describe, described, measure, trunk_of

pytest.importorskip("transformers", reason="pre-trained backbones need evenhand[pretrained]")

BATCH = torch.rand(3, 3, 20, 28, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def name(tmp_path_factory: pytest.TempPathFactory) -> str:
    return find(f"hf:{tiny(tmp_path_factory.mktemp('backbone'))}").name


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_finds_features_and_is_built_again_from_its_description(kind: str, tmp_path: Path) -> None:
    assert set(WORDS) == set(KINDS)
    found = find(f"hf:{tiny(tmp_path, kind)}")
    trunk = trunk_of(found.name, (20, 28)).eval()
    features = trunk(BATCH).detach()
    assert features.shape == (3, trunk.width)
    assert float(features.std(dim=0).max()) > 0
    told = json.loads(json.dumps(describe(found.name, found.folder)))
    again = Trunk(told, (20, 28))
    again.load_state_dict(trunk.state_dict())
    torch.testing.assert_close(again.eval()(BATCH), features)


def test_the_features_are_those_of_transformers(tmp_path: Path) -> None:
    """Asked directly: the first token of the last layer, of pictures that need no preparing."""
    from transformers import AutoModel

    folder = tiny(tmp_path, do_resize=False, do_normalize=False)
    trunk = trunk_of(find(f"hf:{folder}").name, (24, 24)).eval()
    images = torch.rand(2, 3, 24, 24)
    model = AutoModel.from_pretrained(folder).eval()
    torch.testing.assert_close(trunk(images), model(pixel_values=images).last_hidden_state[:, 0])


@pytest.mark.parametrize("shape", [Shape(), Shape("cosine", scale=10.0), Shape(experts=2)])
def test_what_was_trained_on_features_says_the_same_on_the_backbone(name: str, shape: Shape) -> None:
    trunk = trunk_of(name, (20, 28)).eval()
    with torch.no_grad():
        seen = torch.stack([trunk(BATCH), trunk(BATCH.flip(3))], dim=1)[:, None]
    head = on_features(n_classes=4, width=trunk.width, shape=shape)
    measure(head, seen)
    head.eval()
    pictures = seen.permute(0, 3, 1, 2)
    (network,) = with_trunk([head], name, n_classes=4, size=(20, 28), shape=shape)
    torch.testing.assert_close(network(BATCH), head(pictures))
    # The mirror image of such a picture stands for the mirror image.
    torch.testing.assert_close(network(BATCH.flip(3)), head(pictures.flip(3)))
    assert described(network) is not None
    assert described(head) is None


def test_features_are_scaled_by_the_training_part(name: str) -> None:
    head = on_features(n_classes=2, width=5)
    assert isinstance(head, Network)
    pictures = 7 + 3 * torch.randn(500, 1, 2, 5)
    pictures[..., 4] = 1.0
    measure(head, pictures)
    scaled = torch.cat(
        [head.features(pictures.permute(0, 3, 1, 2)), head.features(pictures.permute(0, 3, 1, 2).flip(3))]
    )
    torch.testing.assert_close(scaled.mean(dim=0), torch.zeros(5), atol=1e-3, rtol=0)
    torch.testing.assert_close(scaled.std(dim=0, correction=0)[:4], torch.ones(4), atol=1e-3, rtol=0)
    assert torch.isfinite(scaled).all()


def test_a_whole_network_can_be_trained(name: str) -> None:
    network = build(name, n_classes=3, size=(20, 28)).train()
    network(BATCH).sum().backward()
    assert any(
        float(part.grad.abs().sum()) > 0
        for key, part in network.named_parameters()
        if "trunk" in key and part.grad is not None
    )


def test_weights_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    folder = tiny(tmp_path, "resnet")
    change(folder, depths=[1, 2])
    name = find(f"hf:{folder}").name
    with pytest.raises(ModelFileError, match="would be left random"):
        trunk_of(name, (32, 32))


def test_a_processor_that_does_not_fit_the_network_is_refused(tmp_path: Path) -> None:
    name = find(f"hf:{tiny(tmp_path, size={'height': 32, 'width': 32})}").name
    with pytest.raises(ModelFileError, match="cannot look at the pictures"):
        trunk_of(name, (32, 32))
