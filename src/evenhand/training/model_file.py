"""The files of a trained model: a folder of safetensors and JSON that loads without executing code; foreign weights."""

from __future__ import annotations

import hashlib
import json
import pickle
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save
from torch import Tensor, nn

from evenhand.disk import write_bytes, write_json
from evenhand.errors import ModelFileError, UsageError
from evenhand.models.catalogue import build
from evenhand.models.heads import PLAIN, Shape
from evenhand.models.pretrained_network import TRUNK, described, share_trunk
from evenhand.records.values import SCHEMA_VERSION, Floats, Pixels
from evenhand.settings.costs import UNKNOWN, Uses
from evenhand.training.predict import predict, softmax
from evenhand.training.recipe import Recipe

WEIGHTS = "model.safetensors"
CARD = "model.json"


@dataclass(frozen=True)
class Model:
    """A trained classifier: one network or several whose probabilities are averaged.

    `logit_offsets` are added to every member's logits (a prior correction), which are then divided by `temperature`;
    with `flips`, an image and its mirror image are averaged first.
    """

    classes: tuple[str, ...]
    size: tuple[int, int]
    recipe: Recipe
    members: tuple[nn.Module, ...]
    flips: bool = False
    temperature: float = 1.0
    logit_offsets: tuple[float, ...] | None = None
    shape: Shape = PLAIN
    """What stands on the first layers of every member."""
    uses: Uses = UNKNOWN
    """For which mix of classes the probabilities are made, and how to decide by them."""

    def probabilities(self, pixels: Pixels) -> Floats:
        """Return (n, K) float32 probabilities of (n, height, width, 3) uint8 pixels of this model's size.

        They are computed in float32, whatever the training was: the same model says the same on every machine.
        """
        total = np.zeros((len(pixels), len(self.classes)), dtype=np.float64)
        if not len(pixels):
            return total.astype(np.float32)
        offsets = np.asarray(self.logit_offsets or 0.0, dtype=np.float32)
        recipe = replace(self.recipe, precision="float32")
        for member in self.members:
            logits = predict(member, pixels, recipe, flips=self.flips, batch=self._batch) + offsets
            total += softmax(logits / np.float32(self.temperature))
        return (total / len(self.members)).astype(np.float32)

    @property
    def _batch(self) -> int:
        """Images that go through a network at once: few where they are large, since their maps fill the cache."""
        return max(1, min(256, 2**20 // (self.size[0] * self.size[1])))


def save_model(model: Model, folder: Path, facts: dict[str, Any]) -> None:
    """Write ``model.safetensors`` and ``model.json`` into `folder`, the weights first.

    Parameters
    ----------
    model : Model
        What to write.
    folder : Path
        Made when missing.
    facts : dict
        JSON values to keep beside the model: figures, remedy, data fingerprint.
    """
    weights = {
        f"member.{number}.{name}": value.detach().cpu().contiguous()
        for number, member in enumerate(model.members)
        for name, value in member.state_dict().items()
        # A frozen backbone is the same in all members, and written once.
        if not (number and model.recipe.frozen and TRUNK in name)
    }
    folder.mkdir(parents=True, exist_ok=True)
    content = save(weights)
    write_bytes(folder / WEIGHTS, content)
    description = {
        "schema_version": SCHEMA_VERSION,
        "classes": list(model.classes),
        "size": list(model.size),
        "pixels": "RGB, uint8, height x width x 3; the network scales them itself",
        "weights_sha256": hashlib.sha256(content).hexdigest(),
        "recipe": model.recipe.to_json(),
        "shape": model.shape.to_json(),
        "backbone": described(model.members[0]),
        "members": len(model.members),
        "combination": "mean of probabilities",
        "flips": model.flips,
        "temperature": model.temperature,
        "logit_offsets": list(model.logit_offsets) if model.logit_offsets else None,
        **model.uses.to_json(model.classes),
    }
    write_json(folder / CARD, facts | description)


def load_model(folder: Path) -> Model:
    """Return the model that `save_model` wrote.

    Raises
    ------
    ModelFileError
        When a file is missing, damaged, of another version, or does not fit the description beside it.
    """
    description = _description(folder)
    try:
        recipe = Recipe.from_json(description["recipe"])
        classes = tuple(str(name) for name in description["classes"])
        size = (int(description["size"][0]), int(description["size"][1]))
        offsets = description["logit_offsets"]
        shape = Shape(**description.get("shape", {}))
        weights = _own_weights(folder, description.get("weights_sha256"))
        backbone = description.get("backbone")
        once = {name: value for name, value in _part(weights, "member.0.").items() if recipe.frozen and TRUNK in name}
        members = tuple(
            _with_weights(
                recipe.model,
                recipe.width,
                classes,
                size,
                once | _part(weights, f"member.{number}."),
                folder,
                shape,
                backbone,
            )
            for number in range(int(description["members"]))
        )
        if recipe.frozen:
            share_trunk(members)
        return Model(
            classes=classes,
            size=size,
            recipe=recipe,
            members=members,
            flips=bool(description["flips"]),
            temperature=float(description["temperature"]),
            logit_offsets=tuple(float(value) for value in offsets) if offsets else None,
            shape=shape,
            uses=Uses.from_json(description, classes),
        )
    except (
        KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, UsageError, OSError,
        SafetensorError,
    ) as error:  # fmt: skip
        raise ModelFileError(f"The model in {folder} cannot be read: {error}. Train or copy it again.") from error


def load_foreign(path: Path, name: str, classes: Sequence[str], size: tuple[int, int]) -> Model:
    """Return a model made from somebody's PyTorch file of weights (a state dict, or a dict that holds one).

    Only tensors and plain containers are read; a file that wants to run code is refused.

    Parameters
    ----------
    path : Path
        A ``.ckpt``, ``.pt``, ``.pth`` or ``.safetensors`` file.
    name : str
        The network the weights are for.
    classes : sequence of str
        The classes in the order of the network's outputs.
    size : tuple of int
        Height and width of the images, in pixels.

    Raises
    ------
    ModelFileError
        When the file cannot be read safely or its weights do not fit the network.
    """
    state = _state_dict(_read_weights(path), path)
    width = int(state["stem.0.weight"].shape[0]) if "stem.0.weight" in state else Recipe().width
    member = _with_weights(name, width, tuple(classes), size, state, path)
    recipe = Recipe(model=name, width=width, precision="float32", channels_last=False)
    return Model(classes=tuple(classes), size=size, recipe=recipe, members=(member,))


def _description(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        raise ModelFileError(
            f"{folder} is not a model folder: it has no {CARD} and {WEIGHTS}. Give the folder `model` of a run, or a "
            "PyTorch file of weights together with --model and --classes."
        )
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelFileError(f"{path} is not valid JSON: {error}. Train or copy the model again.") from error
    version = description.get("schema_version") if isinstance(description, dict) else None
    if version != SCHEMA_VERSION:
        raise ModelFileError(
            f"{path} has version {version!r}, and this evenhand reads version {SCHEMA_VERSION}. "
            "Train the model again, or use the evenhand that wrote it."
        )
    return dict(description)


def _own_weights(folder: Path, expected: str | None) -> dict[str, Tensor]:
    """Return the tensors of a model folder, which have to be those that the description beside them was written for."""
    content = (folder / WEIGHTS).read_bytes()
    weights = load(content)
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        raise ModelFileError(
            f"{folder / WEIGHTS} is not the file that {CARD} beside it was written for: one of the two was changed or "
            "comes from another model. Copy the whole folder again."
        )
    return weights


def _read_weights(path: Path) -> Any:
    if not path.is_file():
        raise ModelFileError(f"There is no file {path}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            # torch muses about old pickle protocols; whether the file can be read is said below.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelFileError(
            f"{path} was refused and nothing in it was executed: it holds more than weights. "
            "Save only the state dict (torch.save(model.state_dict(), path)) and try again."
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, SafetensorError) as error:
        raise ModelFileError(f"{path} is not a PyTorch file of weights that can be read: {error}") from error


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the tensors by name, found at the top or one level down (model_state_dict, state_dict, model)."""
    levels = [content, *content.values()] if isinstance(content, dict) else []
    for level in levels:
        if isinstance(level, dict) and level and all(isinstance(value, Tensor) for value in level.values()):
            # Wrappers such as DataParallel put a prefix before every name.
            return {str(name).removeprefix("module."): value for name, value in level.items()}
    raise ModelFileError(f"{path} holds no state dict: neither at its top nor one level down are names with tensors.")


def _part(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _with_weights(
    name: str,
    width: int,
    classes: tuple[str, ...],
    size: tuple[int, int],
    state: dict[str, Tensor],
    where: Path,
    shape: Shape = PLAIN,
    backbone: dict[str, Any] | None = None,
) -> nn.Module:
    network = build(name, n_classes=len(classes), size=size, width=width, shape=shape, backbone=backbone)
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in state.items()}
    wrong = [
        f"{key} is {_shape(found.get(key))}, wanted {_shape(wanted.get(key))}"
        for key in sorted(wanted.keys() | found.keys())
        if wanted.get(key) != found.get(key)
    ]
    if wrong:
        more = f" (and {len(wrong) - 4} more)" if len(wrong) > 4 else ""
        raise ModelFileError(
            f"The weights in {where} do not fit the model {name!r} for {len(classes)} classes at {size[0]}x{size[1]} "
            f"pixels: {'; '.join(wrong[:4])}{more}. Check --model, --classes and --size."
        )
    network.load_state_dict(state)
    return network.eval()


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else "x".join(map(str, shape)) or "a single number"
