from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backbones import tiny
from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError
from evenhand.models.catalogue import on_features, with_trunk
from evenhand.models.heads import Shape
from evenhand.models.pretrained import Backbone, find
from evenhand.models.pretrained_network import measure, trunk_of
from evenhand.remedies.catalogue import plan_for
from evenhand.remedies.plan import Plan
from evenhand.training.frozen import content_of, keep_features, look, place_of_features, refuse_unfit
from evenhand.training.loop import TrainingSet, fit, shape_of
from evenhand.training.model_file import Model, load_model, save_model
from evenhand.training.precision import seconds_an_image, settled
from evenhand.training.predict import predict
from evenhand.training.recipe import Recipe, recipe

pytest.importorskip("transformers", reason="pre-trained backbones need evenhand[pretrained]")

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 20, 28, 3), dtype=np.uint8)
LABELS = np.repeat([0, 1, 2], [25, 10, 5]).astype(np.int64)


class Here:
    """Works in this process, and counts the work."""

    jobs = 1
    done = 0

    def map(self, function: Callable[[Any], Any], keys: Sequence[Any], tick: Any = None) -> list[Any]:
        self.done += len(keys)
        return [function(key) for key in keys]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return find(f"hf:{tiny(tmp_path_factory.mktemp('backbone') / 'tiny')}")


@pytest.fixture(scope="module")
def features(backbone: Backbone) -> Any:
    return look(trunk_of(backbone.name, (20, 28)), PIXELS)


def saved(folder: Path, name: str, pixels: Any) -> Path:
    np.save(folder / f"pixels-{name}.npy", pixels)
    return folder / f"pixels-{name}.npy"


def test_features_are_computed_once_and_kept_by_content(backbone: Backbone, features: Any, tmp_path: Path) -> None:
    engine: Any = Here()
    place, looked = keep_features(saved(tmp_path, "a", PIXELS[:30]), backbone, engine)
    assert looked == 30
    assert place == place_of_features(tmp_path / "pixels-a.npy", backbone.name)
    np.testing.assert_array_equal(np.load(place), features[:30])
    mirrored = look(trunk_of(backbone.name, (20, 28)), PIXELS[:30, :, ::-1])
    np.testing.assert_array_equal(np.load(place)[:, 0, 1], mirrored[:, 0, 0])
    before = engine.done
    assert keep_features(tmp_path / "pixels-a.npy", backbone, engine) == (place, 0)
    assert engine.done == before
    # Grown and in another order: only what is new is looked at.
    order = np.r_[35:40, 20:30]
    grown, looked = keep_features(saved(tmp_path, "b", PIXELS[order]), backbone, engine)
    assert looked == 5
    np.testing.assert_allclose(np.load(grown), features[order], rtol=1e-4, atol=1e-5)
    assert not list(tmp_path.glob(".*"))


def test_another_backbone_or_size_shares_nothing(backbone: Backbone, tmp_path: Path) -> None:
    engine: Any = Here()
    pixels = saved(tmp_path, "a", PIXELS[:4])
    keep_features(pixels, backbone, engine)
    other = find(f"hf:{tiny(tmp_path / 'tiny', seed=1)}")
    assert keep_features(pixels, other, engine)[1] == 4
    assert keep_features(saved(tmp_path, "b", PIXELS[:4, :16]), backbone, engine)[1] == 4
    turned = PIXELS[:1].transpose(0, 2, 1, 3).reshape(PIXELS[:1].shape)
    assert not (content_of(PIXELS[:1]) == content_of(turned)).all()


def frozen(backbone: Backbone, **changes: Any) -> Recipe:
    return settled(recipe("quick", backbone.name, **changes), (20, 28))


@pytest.mark.parametrize("remedy", ["none", "smote", "augment", "mixup", "ldam-drw", "balpoe", "sampler"])
def test_the_loop_trains_on_features_what_whole_networks_then_say(
    backbone: Backbone, features: Any, remedy: str
) -> None:
    plan, asked = plan_for(remedy, LABELS, 3, allow_stacking=True), frozen(backbone, epochs=10, batch=8)
    data = TrainingSet(features, LABELS, np.arange(40))
    fitted = fit(data, plan, asked, n_classes=3, seed=1)
    again = fit(data, plan, asked, n_classes=3, seed=1)
    assert fitted.curve == again.curve
    assert fitted.curve.epoch_loss[-1] < fitted.curve.epoch_loss[0]
    shape = shape_of(plan)
    (whole,) = with_trunk([fitted.network], backbone.name, n_classes=3, size=(20, 28), shape=shape)
    np.testing.assert_allclose(
        predict(whole, PIXELS, asked, flips=True), predict(fitted.network, features, asked, flips=True), atol=1e-4
    )


def test_of_all_that_happens_to_pictures_only_mirroring_happens_to_features(backbone: Backbone, features: Any) -> None:
    data, asked = TrainingSet(features, LABELS, np.arange(40)), frozen(backbone, epochs=2)
    much = Augmentation(crop=16, flip_horizontal=True, cutout=8, brightness=0.5, policy="trivial")
    plain, altered = (fit(data, Plan(augmentation=one), asked, n_classes=3, seed=0) for one in (None, much))
    still = fit(data, Plan(), replace(asked, augmentation=Augmentation()), n_classes=3, seed=0)
    assert plain.curve == altered.curve
    assert plain.curve != still.curve


@pytest.mark.parametrize("remedy", ["cutmix", "pgd-train"])
def test_what_needs_pictures_is_refused(remedy: str) -> None:
    with pytest.raises(UsageError, match="frozen=false"):
        refuse_unfit(plan_for(remedy, LABELS, 3), remedy)
    refuse_unfit(plan_for("mixup", LABELS, 3), "mixup")


def test_a_whole_backbone_is_trained_where_that_is_asked_for(backbone: Backbone) -> None:
    asked = settled(recipe("quick", backbone.name, frozen=False, epochs=2, learning_rate=1e-3), (20, 28))
    assert not asked.frozen
    fitted = fit(TrainingSet(PIXELS, LABELS, np.arange(40)), Plan(), asked, n_classes=3, seed=0)
    before = trunk_of(backbone.name, (20, 28)).state_dict()
    after = fitted.network.get_submodule("trunk").state_dict()
    changed = [name for name, value in before.items() if not torch.equal(value, after[name])]
    assert len(changed) > len(before) / 2


def test_only_backbones_can_be_frozen() -> None:
    with pytest.raises(UsageError, match="hf:NAME_OR_FOLDER"):
        Recipe(model="simple", frozen=True)


def test_the_time_of_an_image_is_known_without_the_backbone(tmp_path: Path) -> None:
    """Features are of a usual length, so that nothing need be loaded before the estimate is printed."""
    asked = settled(recipe("quick", "hf:nowhere@000000000000"), (32, 32))
    assert 0 < seconds_an_image(asked, (32, 32), table=tmp_path / "table.json") < 0.01


@pytest.mark.parametrize("shape", [Shape(), Shape(experts=2)])
def test_a_model_on_a_backbone_loads_where_the_backbone_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: Shape
) -> None:
    found = find(f"hf:{tiny(tmp_path / 'tiny')}")
    trunk = trunk_of(found.name, (20, 28)).eval()
    torch.manual_seed(0)
    heads = [on_features(n_classes=3, width=trunk.width, shape=shape) for _ in range(2)]
    for head in heads:
        measure(head, torch.from_numpy(look(trunk, PIXELS)))
    members = with_trunk(heads, found.name, n_classes=3, size=(20, 28), shape=shape)
    made = Model(("a", "b", "c"), (20, 28), frozen(found), members, flips=True, shape=shape)
    save_model(made, tmp_path / "model", {})
    (tmp_path / "tiny/model.safetensors").unlink()
    monkeypatch.setattr("evenhand.models.pretrained._PLACES", {})
    again = load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.probabilities(PIXELS), made.probabilities(PIXELS))
    # Two members, one backbone: on the disk and in memory.
    kept = {id(part) for member in again.members for part in member.parameters()}
    alone = sum(1 for _ in trunk.parameters())
    assert len(kept) == alone + sum(1 for head in heads for _ in head.parameters())
    size = (tmp_path / "model/model.safetensors").stat().st_size
    assert size < 1.5 * 4 * sum(value.numel() for value in trunk.parameters()) + 20_000
