"""Checkpoints that are given to be evaluated."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from evenhand.errors import ModelFileError
from evenhand.models.catalogue import build
from evenhand.pipeline.baseline import given_model, probabilities_of
from evenhand.training.model_file import Model, save_model
from evenhand.training.recipe import recipe

STUDYS = ("Cars", "Cats", "Trucks")


def desk(classes: tuple[str, ...] = STUDYS, side: int = 32, *, asked: tuple[str, ...] | None = None) -> Any:
    """Return what a checkpoint is held against."""
    pixels = np.zeros((2, side, side, 3), dtype=np.uint8)
    scan = SimpleNamespace(dataset=SimpleNamespace(size=(side, side), pixels=pixels))
    manifest, settings = SimpleNamespace(classes=classes), SimpleNamespace(classes=asked)
    return SimpleNamespace(manifest=manifest, scan=scan, settings=settings, device="cpu")


def weights(place: Path, outputs: int = 3) -> Path:
    """Write weights of the study's network that call everything by its second output."""
    network = build("simple", n_classes=outputs, size=(32, 32), width=24)
    state = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    state["fc3.bias"][1] = 5.0
    torch.save(state, place)
    return place


def test_the_outputs_of_a_file_are_in_the_studys_order_unless_another_is_said(tmp_path: Path) -> None:
    file = weights(tmp_path / "w.pt")

    def called(where: Any) -> str:
        found = probabilities_of(given_model(file, where), where, np.array([0]))
        return str(where.manifest.classes[int(found[0].argmax())])

    assert called(desk()) == "Trucks"
    assert called(desk(asked=STUDYS)) == "Cats"
    assert called(desk(("a", "b", "c"))) == "b"


def test_what_does_not_fit_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="There is no baseline"):
        given_model(tmp_path / "nowhere.pt", desk())
    with pytest.raises(ModelFileError, match="do not fit the model 'simple' for 3 classes"):
        given_model(weights(tmp_path / "w.pt", outputs=4), desk())
    network = build("simple", n_classes=2, size=(32, 32), width=24)
    model = Model(("a", "b"), (32, 32), recipe("reference", "simple"), (network,))
    save_model(model, tmp_path / "model", {})
    with pytest.raises(ModelFileError, match="knows the classes a, b, and the data have Cars, Cats, Trucks"):
        given_model(tmp_path / "model", desk())
    assert given_model(tmp_path / "model", desk(("b", "a"))).classes == ("a", "b")
    with pytest.raises(ModelFileError, match="Say --size 32x32"):
        given_model(tmp_path / "model", desk(("b", "a"), side=40))
