"""Train image classifiers that treat every class fairly, from small, lopsided, partly mislabelled data.

What the command line does, from Python: `load`, `audit`, `compare`, `train`, `run`, `evaluate`, `attack`, `predict`;
`EvenhandClassifier` for scikit-learn, and `plan` for a training loop of one's own. They are looked up when they are
asked for, so that importing this package loads no numeric library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenhand.api.asking import attack as attack
    from evenhand.api.asking import evaluate as evaluate
    from evenhand.api.asking import predict as predict
    from evenhand.api.classifier import EvenhandClassifier as EvenhandClassifier
    from evenhand.api.data import Data as Data
    from evenhand.api.data import load as load
    from evenhand.api.functions import audit as audit
    from evenhand.api.functions import compare as compare
    from evenhand.api.functions import run as run
    from evenhand.api.functions import train as train
    from evenhand.api.remedy import RemedyPlan as RemedyPlan
    from evenhand.api.remedy import plan as plan

__version__ = "0.1.0"

_PLACES = {
    "load": "data",
    "Data": "data",
    "audit": "functions",
    "compare": "functions",
    "train": "functions",
    "run": "functions",
    "evaluate": "asking",
    "attack": "asking",
    "predict": "asking",
    "plan": "remedy",
    "RemedyPlan": "remedy",
    "EvenhandClassifier": "classifier",
}
"""The file of `evenhand.api` in which each name is."""


def __getattr__(name: str) -> Any:
    """Return what is asked for, and load its file only now."""
    if name not in _PLACES:
        raise AttributeError(f"module 'evenhand' has no attribute {name!r}")
    return getattr(import_module(f"evenhand.api.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    """Return all names, for people who press the tabulator."""
    return sorted({*globals(), *_PLACES})
