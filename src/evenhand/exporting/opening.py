"""A model from the words of a command: a model folder, or somebody's file of weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evenhand.errors import ModelFileError, UsageError, suggest
from evenhand.models.catalogue import MODELS
from evenhand.training.model_file import Model, load_foreign, load_model


def open_model(
    path: Path,
    network: str | None = None,
    classes: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
) -> Model:
    """Return the model that lies at a place.

    Parameters
    ----------
    path : Path
        A model folder, or a PyTorch file of weights, which needs the three others.
    network : str, optional
        The name of the network.
    classes : sequence of str, optional
        In the order of its outputs.
    size : tuple of int, optional
        Height and width of its images, in pixels.

    Raises
    ------
    UsageError
        When a file comes without the three, or a folder with others than its own.
    ModelFileError
        When the model cannot be found or loaded.
    """
    if not path.exists():
        raise ModelFileError(f"There is no model {path}. Give the folder `model` of a run, or a file of weights.")
    if path.is_dir():
        model = load_model(path)
        refuse_others(path, (model.recipe.model, model.classes, model.size), (network, classes, size))
        return model
    if network is None or classes is None or size is None:
        raise UsageError(
            f"{path} is no model folder; a file of weights needs --model NAME, --classes A,B,C and --size."
        )
    if network not in MODELS:
        raise UsageError(f"There is no model {network!r}. {suggest(network, MODELS)}")
    return load_foreign(path, network, classes, size)


def refuse_others(
    path: Path,
    own: tuple[str | None, tuple[str, ...], tuple[int, int]],
    said: tuple[str | None, Sequence[str] | None, tuple[int, int] | None],
) -> None:
    """Refuse words that contradict what a model says of itself: network, classes, size.

    Raises
    ------
    UsageError
        When one does.
    """
    for option, mine, other in zip(("--model", "--classes", "--size"), own, said, strict=True):
        if other is not None and (other if isinstance(other, str) else tuple(other)) != mine:
            words = mine if isinstance(mine, str) else ("x" if option == "--size" else ",").join(map(str, mine or ()))
            raise UsageError(f"The model in {path} brings its own {option} {words}. Leave {option} out.")
