"""The recipe: model, optimiser, schedule, batch, epochs, precision, augmentation; part of every trial's key."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from evenhand.data.batches import Augmentation
from evenhand.errors import UsageError, suggest
from evenhand.models.pretrained import is_pretrained

OPTIMISERS = ("sgd", "adamw")
SCHEDULES = ("constant", "cosine", "one-cycle")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, remedies aside.

    `early_stopping` is the number of epochs without improvement on an inner slice of the training images after which
    training stops (0: never). `precision` "auto" is settled by measuring before the recipe enters a trial's key.
    With `equal_work` training ends when `epochs` times the plain training set has been seen, whatever a remedy draws or
    adds: no remedy wins by training longer. Without it an epoch is as long as the remedy makes it. `ema` is the decay a
    step of the moving average of the weights that is evaluated in their place (0: the weights themselves). `mixup` is
    the alpha with which every image is blended with another (0: never), unless the remedy itself mixes. `frozen`
    leaves a pre-trained backbone as it is and trains what stands on its features.
    """

    model: str = "simple"
    width: int = 24
    optimiser: str = "sgd"
    learning_rate: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "one-cycle"
    batch: int = 64
    epochs: int = 10
    equal_work: bool = True
    label_smoothing: float = 0.0
    early_stopping: int = 0
    ema: float = 0.0
    mixup: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: str = "auto"
    channels_last: bool = True
    frozen: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that no training could follow.

        Raises
        ------
        UsageError
            When a name is unknown or a number is out of its range.
        """
        for name, known in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise UsageError(f"There is no {name} {getattr(self, name)!r}. Known: {', '.join(known)}.")
        if self.frozen and not is_pretrained(self.model):
            raise UsageError(
                f"The model {self.model!r} begins with random weights, which are not worth freezing. Take a "
                "pre-trained one with --model hf:NAME_OR_FOLDER, or leave out frozen=true."
            )
        for name, least, most in _RANGES:
            if not least <= getattr(self, name) <= most:
                raise UsageError(f"The recipe's {name} must be {least:g} to {most:g}, not {getattr(self, name)}.")

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recipe:
        """Return the recipe that `to_json` wrote."""
        return cls(**{**data, "augmentation": Augmentation(**data["augmentation"])})


_RANGES = (
    ("width", 1, 4096),
    ("learning_rate", 0, 1e6),
    ("momentum", 0, 1),
    ("weight_decay", 0, 1e6),
    ("batch", 1, 1_000_000),
    ("epochs", 1, 1_000_000),
    ("label_smoothing", 0, 0.999),
    ("early_stopping", 0, 1_000_000),
    ("ema", 0, 0.999999),
    ("mixup", 0, 100),
)

_GENTLE = Augmentation(crop=4, flip_horizontal=True)
_STRONG = Augmentation(crop=4, flip_horizontal=True, cutout=8, brightness=0.2, contrast=0.2, saturation=0.2)

_SIMPLE = Recipe(model="simple", optimiser="adamw", learning_rate=0.0015, batch=32, epochs=10, augmentation=_GENTLE)
_RESNET = Recipe(
    model="resnet", width=8, learning_rate=0.03, weight_decay=5e-4, batch=32, epochs=24, augmentation=_GENTLE
)

RECIPES: dict[str, dict[str, Recipe]] = {
    "reference": {
        "simple": Recipe(
            model="simple",
            learning_rate=0.001,
            schedule="constant",
            batch=4,
            epochs=10,
            equal_work=False,
            precision="float32",
        ),
    },
    "quick": {
        "simple": Recipe(
            model="simple", optimiser="adamw", learning_rate=0.0015, batch=32, epochs=8, augmentation=_GENTLE
        ),
        "resnet": Recipe(
            model="resnet", width=8, learning_rate=0.03, weight_decay=5e-4, batch=32, epochs=12, augmentation=_GENTLE
        ),
    },
    "standard": {"simple": _SIMPLE, "resnet": _RESNET},
    # Stronger augmentation costs a little in 24 epochs and pays in the three times as many of the final model.
    "thorough": {"simple": _SIMPLE, "resnet": replace(_RESNET, mixup=0.2, augmentation=_STRONG)},
}

PRETRAINED: dict[bool, Recipe] = {
    True: Recipe(
        model="hf:",
        optimiser="adamw",
        learning_rate=0.01,
        weight_decay=0.01,
        schedule="cosine",
        batch=128,
        epochs=15,
        augmentation=Augmentation(flip_horizontal=True),
        frozen=True,
    ),
    False: Recipe(
        model="hf:",
        optimiser="adamw",
        learning_rate=1e-4,
        weight_decay=0.05,
        batch=32,
        epochs=5,
        augmentation=_GENTLE,
    ),
}
"""Of pre-trained backbones: frozen, where features are scaled and one rate suits all, and trained in full."""


def recipe(name: str, model: str, **changes: Any) -> Recipe:
    """Return a named recipe for a model, with single settings changed.

    Parameters
    ----------
    name : str
        A key of `RECIPES`: reference, quick, standard, thorough.
    model : str
        The network; a recipe without settings of its own for it lends those of its first. A pre-trained backbone has
        a recipe of its own under all names, and is frozen unless a change says otherwise.
    **changes
        Fields of `Recipe`, and of its augmentation as ``augmentation.crop``.

    Raises
    ------
    UsageError
        When the recipe or a setting is unknown, or a value is out of range.
    """
    if name not in RECIPES:
        raise UsageError(f"There is no recipe {name!r}. {suggest(name, RECIPES)}")
    known = {part.name for part in fields(Recipe)} | {f"augmentation.{part.name}" for part in fields(Augmentation)}
    for change in changes:
        if change not in known:
            raise UsageError(f"A recipe has no setting {change!r}. {suggest(change, known)}")
    if is_pretrained(model):
        base = replace(PRETRAINED[bool(changes.get("frozen", True))], model=model)
    else:
        base = RECIPES[name].get(model) or replace(next(iter(RECIPES[name].values())), model=model)
    pictures = {key.removeprefix("augmentation."): value for key, value in changes.items() if "." in key}
    plain = {key: value for key, value in changes.items() if "." not in key}
    return replace(base, **{"augmentation": replace(base.augmentation, **pictures)} | plain)


_KINDS = {bool: "true or false", int: "a whole number", float: "a number"}


def read_change(name: str, text: str) -> Any:
    """Return the value of a recipe setting written as text; `name` may be ``augmentation.crop`` and the like.

    Raises
    ------
    UsageError
        When there is no such setting or the text is no value for it.
    """
    holder: Any = Augmentation() if name.startswith("augmentation.") else Recipe()
    field_name = name.removeprefix("augmentation.")
    known = [part.name for part in fields(holder) if part.name != "augmentation"]
    if field_name not in known:
        raise UsageError(f"A recipe has no setting {name!r}. {suggest(field_name, known)}")
    kind = type(getattr(holder, field_name))
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    try:
        return words[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        raise UsageError(f"{name} is {_KINDS[kind]} and cannot be {text!r}.") from error
