"""Networks on pre-trained backbones: the whole one, and what stands on features where the backbone is frozen."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from evenhand.errors import ModelFileError
from evenhand.models.network import Network
from evenhand.models.pretrained import FIRST, KINDS, check_installed, located, read
from evenhand.models.pretrained_pictures import Pictures, Preprocessing

TRUNK = "trunk."
"""What names of a backbone's weights begin with; the rest is what stands on it."""


class Trunk(nn.Module):
    """A backbone from pixels to features.

    Parameters
    ----------
    described : dict
        Its configuration and preprocessing, as `describe` returns them.
    size : tuple of int
        Height and width of the pictures, in pixels.
    folder : Path, optional
        Where the weights lie; without it they are random and wait to be loaded.

    Raises
    ------
    ModelFileError
        When the weights do not belong to the configuration, or pictures of that size cannot be looked at.
    """

    def __init__(self, described: dict[str, Any], size: tuple[int, int], folder: Path | None = None) -> None:
        super().__init__()
        check_installed()
        self.described = described
        self.where, words = KINDS[str(described["config"]["model_type"])]
        self.pictures = Pictures(Preprocessing.from_json(described["preprocessing"]), size)
        self.backbone: nn.Module = _from_folder(folder, words) if folder else _from_config(described["config"], words)
        try:
            with torch.inference_mode():
                self.width = int(self.eval()(torch.zeros(1, 3, *size)).shape[1])
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(
                f"The backbone cannot look at the pictures that its image processor makes: {error}"
            ) from error

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the (n, D) features of (n, 3, h, w) pixels in [0, 1]."""
        found = self.backbone(pixel_values=self.pictures(pixels))
        features: Tensor = found.last_hidden_state[:, 0] if self.where == FIRST else found.pooler_output.flatten(1)
        return features


class Scaling(nn.Module):
    """Features less their mean over the training part, divided by their spread; as they are, until somebody measures.

    Parameters
    ----------
    width : int
        Number of features, D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.middle: Tensor
        self.spread: Tensor
        self.register_buffer("middle", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    def measure(self, features: Tensor) -> None:
        """Take mean and spread from the (n, D) features of a training part."""
        self.middle.copy_(features.double().mean(dim=0))
        self.spread.copy_(features.double().std(dim=0, correction=0).clamp_min(1e-6))

    def forward(self, features: Tensor) -> Tensor:
        """Return scaled (n, D) features."""
        return (features - self.middle) / self.spread


class OnFeatures(Network):
    """What stands on a frozen backbone: scaled features and a last layer.

    It looks at pictures of one row and two columns whose D channels are the features of an image and of its mirror
    image. Mirroring such a picture is mirroring the image: whatever handles pictures handles it.

    Parameters
    ----------
    n_classes : int
        Number of classes, K.
    width : int
        Number of features, D.
    """

    SHARED: ClassVar[tuple[str, ...]] = ("scaling",)
    LAST = "head"

    def __init__(self, n_classes: int, width: int) -> None:
        super().__init__()
        self.scaling = Scaling(width)
        self.head = nn.Linear(width, n_classes)

    def shared(self, pixels: Tensor) -> Tensor:
        """Return the scaled (n, D) features of (n, D, 1, 2) pictures of features."""
        scaled: Tensor = self.scaling(pixels[:, :, 0, 0])
        return scaled

    def tail(self, hidden: Tensor) -> Tensor:
        """Return the features as they are."""
        return hidden


class Pretrained(OnFeatures):
    """A backbone and what stands on it.

    Parameters
    ----------
    n_classes : int
        Number of classes, K.
    trunk : Trunk
        The backbone, from pixels to features.
    """

    SHARED: ClassVar[tuple[str, ...]] = ("trunk", "scaling")

    def __init__(self, n_classes: int, trunk: Trunk) -> None:
        super().__init__(n_classes, trunk.width)
        self.trunk = trunk

    def shared(self, pixels: Tensor) -> Tensor:
        """Return the scaled (n, D) features; `pixels` is (n, 3, h, w) in [0, 1]."""
        scaled: Tensor = self.scaling(self.trunk(pixels))
        return scaled


def trunk_of(name: str, size: tuple[int, int]) -> Trunk:
    """Return a backbone with its own weights, by the name that `find` gave it.

    Raises
    ------
    ModelFileError
        When its files have changed or cannot be used.
    """
    folder = located(name)
    return Trunk(describe(name, folder), size, folder)


def describe(name: str, folder: Path) -> dict[str, Any]:
    """Return all that is needed to build a backbone without its folder, as JSON values."""
    import transformers

    config, wanted, content = read(folder)
    return {
        "name": name,
        "sha256": content,
        "transformers": transformers.__version__,
        "config": config,
        "preprocessing": wanted.to_json(),
    }


def described(network: nn.Module) -> dict[str, Any] | None:
    """Return the description of the backbone in a network; None where it has none."""
    trunk = next((part for part in network.modules() if isinstance(part, Trunk)), None)
    return trunk.described if trunk else None


def share_trunk(members: Sequence[nn.Module]) -> None:
    """Let all networks use the backbone of the first, where theirs is the same: it is kept in memory once."""
    first = next(part for part in members[0].modules() if isinstance(part, Pretrained))
    for part in (part for member in members[1:] for part in member.modules()):
        if isinstance(part, Pretrained) and hasattr(part, "trunk"):
            part.trunk = first.trunk


def measure(network: nn.Module, pictures: Tensor) -> None:
    """Let a network on a frozen backbone know mean and spread of the features in (n, 1, 2, D) training pictures."""
    for part in network.modules():
        if isinstance(part, Scaling):
            part.measure(pictures[:, 0].flatten(0, 1))


def _from_folder(folder: Path, words: dict[str, Any]) -> nn.Module:
    from transformers import AutoModel

    try:
        with _quietly():
            model, told = AutoModel.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
                dtype=torch.float32,
                **words,
            )
    except Exception as error:  # transformers' errors have no common kind
        raise ModelFileError(f"The backbone in {folder} cannot be loaded: {error}") from error
    wrong = sorted(map(str, [*told["missing_keys"], *told["mismatched_keys"]]))
    if wrong:
        raise ModelFileError(
            f"The weights in {folder} are not whole: {', '.join(wrong[:4])}{' and more' if len(wrong) > 4 else ''} "
            "would be left random. Copy the backbone again, or save it with the transformers that is installed."
        )
    found: nn.Module = model
    return found


def _from_config(told: dict[str, Any], words: dict[str, Any]) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    try:
        with _quietly():
            kind = str(told["model_type"])
            # What says how to compute rather than what is left out, and anything that would fetch code.
            plain = {key: value for key, value in told.items() if not key.startswith(("_", "model_type", "dtype"))}
            config = AutoConfig.for_model(kind, **plain)
            automatic: Any = AutoModel
            model: nn.Module = automatic.from_config(config, dtype=torch.float32, **words)
    except Exception as error:  # transformers' errors have no common kind
        raise ModelFileError(f"The backbone described in model.json cannot be built: {error}") from error
    return model


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep transformers' progress bars and reports from people."""
    from transformers import utils

    logging: Any = utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
