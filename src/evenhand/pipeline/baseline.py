"""A checkpoint that somebody gives to be evaluated: a model folder, or a file of weights for the study's network."""

from __future__ import annotations

from pathlib import Path

from evenhand.errors import ModelFileError
from evenhand.pipeline.desk import Desk
from evenhand.records.values import Floats, Ints
from evenhand.study.published import published
from evenhand.training.model_file import Model, load_foreign, load_model

NETWORK = "simple"
"""What a file of weights is for."""


def given_model(path: Path, desk: Desk) -> Model:
    """Return the checkpoint as a model.

    A file of weights does not say what its outputs stand for: the order of ``--classes``, else the study's (Car, Truck,
    Cat) where the classes are the study's, else that of the data.

    Raises
    ------
    ModelFileError
        When it cannot be read, or is for other classes, another size or another network.
    """
    classes, size = desk.manifest.classes, desk.scan.dataset.size
    if not path.exists():
        raise ModelFileError(f"There is no baseline {path}. Give a model folder, or a PyTorch file of weights.")
    if path.is_file():
        order = tuple(published().named(classes).values())
        studys = not desk.settings.classes and len(order) == len(classes)
        return load_foreign(path, NETWORK, order if studys else classes, size)
    model = load_model(path)
    if set(model.classes) != set(classes):
        raise ModelFileError(
            f"The baseline {path} knows the classes {', '.join(model.classes)}, and the data have "
            f"{', '.join(classes)}. Give one that was trained on these classes."
        )
    if model.size != size:
        raise ModelFileError(
            f"The baseline {path} takes images of {model.size[0]}x{model.size[1]} pixels, and these are brought to "
            f"{size[0]}x{size[1]}. Say --size {model.size[0]}x{model.size[1]}."
        )
    return model


def probabilities_of(model: Model, desk: Desk, rows: Ints) -> Floats:
    """Return (n, K) what the model says of some images, columns in the order of the data's classes."""
    for member in model.members:
        member.to(desk.device)
    columns = [model.classes.index(name) for name in desk.manifest.classes]
    found: Floats = model.probabilities(desk.scan.dataset.pixels[rows])[:, columns]
    return found
