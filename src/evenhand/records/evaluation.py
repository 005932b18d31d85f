"""All figures of one model on one set of labelled images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from evenhand.records.abstention import Abstention
from evenhand.records.values import Floats, Interval, Ints


@dataclass(frozen=True)
class ClassFigures:
    """Precision, recall, F1 and support of one class, and what they mean in words."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    reading: str


@dataclass(frozen=True)
class Cost:
    """What decisions cost an image as the images are, and with classes as common as `prior`; `confusion` has them."""

    mean: Interval
    most_probable: Interval  # where the most probable class is called
    at_prior: Interval | None
    prior: tuple[float, ...] | None
    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Cost:
        """Return what ``asdict`` made of it."""
        told = {name: data[name] and Interval(**data[name]) for name in ("mean", "most_probable", "at_prior")}
        return cls(**told, prior=data["prior"] and tuple(data["prior"]), confusion=tuple(map(tuple, data["confusion"])))


@dataclass(frozen=True)
class Evaluation:
    """All figures of one model on one set of labelled images."""

    n: int
    classes: tuple[str, ...]
    accuracy: Interval
    balanced_accuracy: Interval
    macro_f1: Interval
    log_loss: Interval
    ece: Interval
    macro_average: tuple[float, float, float]
    weighted_average: tuple[float, float, float]
    per_class: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    cost: Cost | None = None
    abstention: Abstention | None = None
    """What leaving unsure answers to people would bring; None where it was not looked at."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the command contract (`evaluate`); `cost` and `abstention` where they are known."""
        figures: dict[str, Any] = {"n": self.n, "classes": list(self.classes)}
        for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece"):
            interval: Interval = getattr(self, name)
            figures |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        average = ("precision", "recall", "f1")
        figures["macro_average"] = dict(zip(average, self.macro_average, strict=True))
        figures["weighted_average"] = dict(zip(average, self.weighted_average, strict=True))
        figures["per_class"] = {
            row.name: {key: value for key, value in asdict(row).items() if key != "name"} for row in self.per_class
        }
        figures["confusion"] = [list(row) for row in self.confusion]
        figures |= {"cost": asdict(self.cost)} if self.cost else {}
        return figures | ({"abstention": self.abstention.to_json(self.classes)} if self.abstention else {})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Evaluation:
        """Return the evaluation that `to_json` wrote."""

        def interval(name: str) -> Interval:
            return Interval(data[name], data[f"{name}_low"], data[f"{name}_high"])

        def average(name: str) -> tuple[float, float, float]:
            row = data[name]
            return (row["precision"], row["recall"], row["f1"])

        abstention = data.get("abstention")
        return cls(
            n=data["n"],
            classes=tuple(data["classes"]),
            accuracy=interval("accuracy"),
            balanced_accuracy=interval("balanced_accuracy"),
            macro_f1=interval("macro_f1"),
            log_loss=interval("log_loss"),
            ece=interval("ece"),
            macro_average=average("macro_average"),
            weighted_average=average("weighted_average"),
            # In the order of the classes: files keep the keys of an object in the order of the alphabet.
            per_class=tuple(ClassFigures(name=name, **data["per_class"][name]) for name in data["classes"]),
            confusion=tuple(tuple(row) for row in data["confusion"]),
            cost=Cost.from_json(data["cost"]) if data.get("cost") else None,
            abstention=Abstention.from_json(abstention, data["classes"]) if abstention else None,
        )


@dataclass(frozen=True)
class TestResult:
    """The final model on the test split: read once, after the choice was written down."""

    __test__: ClassVar[bool] = False  # not a test class, whatever pytest thinks of its name

    evaluation: Evaluation
    probabilities: Floats
    indices: Ints
    """Rows of the manifest."""
    corrected: Evaluation | None = None
