"""The commands that ask a trained model as functions: evaluate, attack and predict, with the same words."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.api import words as words_
from evenhand.api.answers import EvaluationResult, Predictions, RobustnessResult
from evenhand.api.data import Data, DataLike, Place
from evenhand.api.pictures import are_paths, to_pixels
from evenhand.api.results import RunResult
from evenhand.api.words import Names, Size, Table
from evenhand.pipeline import attacking, evaluating
from evenhand.predicting import predict as predicting
from evenhand.settings.costs import Prior

ModelLike = Place | RunResult
"""A model folder, a PyTorch file of weights, an ``.onnx`` file, or the result of `run` or `train`."""


def evaluate(
    model: ModelLike,
    data: DataLike,
    *,
    network: str | None = None,
    classes: Names | None = None,
    size: Size | None = None,
    split: str = "auto",
    against: ModelLike | None = None,
    costs: Table | None = None,
    prior: Prior | None = None,
    reject_below: float | None = None,
    edits: Place | Sequence[Place] = (),
    device: str = "auto",
    jobs: int | None = None,
    quiet: bool = False,
) -> EvaluationResult:
    """Return every figure of a trained model on labelled images.

    Parameters
    ----------
    model : path or RunResult
        A model folder, the result of `run` or `train`, or a PyTorch file of weights together with `network`.
    data : path, Data or (images, labels)
        As `load` takes it; where its test images lie apart, these are meant.
    network : str, optional
        What the command line calls ``--model``: the network that a file of weights is for.
    classes, size
        For a file of weights: classes in the order of its outputs, and the size of the images in pixels.
    split : str
        train, val, test or all; "auto" is test where there is one, else all.
    against : path or RunResult, optional
        Another model folder, compared with on the same images.
    costs, prior
        As for `run`; by default as the model says.
    reject_below : float, optional
        Leave answers that are less probable to people, and tell what that brings, above 0 and up to 1.
    edits, device, jobs, quiet
        As for `audit`.

    Raises
    ------
    UsageError
        When a word cannot be meant, or contradicts the model.
    ModelFileError
        When the model cannot be found or loaded.
    DataError
        When the data have no images, or a class that the model does not know.
    """
    words = dict(locals())
    words["against"] = None if against is None else model_path(against)
    request = words_.evaluation(model_path(model), words)
    found, corrected, beside = evaluating.evaluate_against(request, words_.progress(quiet))
    return EvaluationResult(request.model, request.data, found, corrected, beside)


def attack(
    model: ModelLike,
    data: DataLike,
    *,
    attack: str = "pgd",
    norm: str | None = None,
    eps: float | str | None = None,
    target: str | None = None,
    out: Place | None = None,
    network: str | None = None,
    classes: Names | None = None,
    size: Size | None = None,
    split: str = "auto",
    limit: int | None = None,
    examples: int = 12,
    seed: int = 0,
    device: str = "auto",
    jobs: int | None = None,
    quiet: bool = False,
) -> RobustnessResult:
    """Return what is left of a model's accuracy under an attack, and whether rare classes are more fragile.

    Parameters
    ----------
    model, data, network, classes, size, split
        As for `evaluate`; `model` may be an ``.onnx`` file too, which can only be asked (``attack="square"``).
    attack : str
        fgsm, pgd, apgd-ce, apgd-margin, apgd-dlr, fmn, ddn, deepfool, cw, square, noise, optimised-noise, standard
        (several, of which the worst counts), or corruptions. ``NAME:parameter=value`` sets.
    norm : str, optional
        How noise is measured: linf, l2, l1 or l0.
    eps : float or str, optional
        The most noise allowed, in units of pixels in 0 to 1: a number, or a fraction such as "8/255".
    target : str, optional
        A class that the model is to say, or "all".
    out : path, optional
        A folder, or the run that the model is of, whose report and model card then tell of it.
    limit : int, optional
        At most so many images of each class.
    examples : int
        How many attacks to show in pictures.
    seed, device, jobs, quiet
        As for `audit`.

    Raises
    ------
    UsageError, ModelFileError, DataError
        As for `evaluate`; also when the attack does not suit the model.
    """
    words = dict(locals())
    request = words_.evaluation(model_path(model), words)
    kept = {name: words[name] for name in ("target", "seed", "limit", "examples")}
    assault = attacking.asked(attack, norm, eps, **kept)
    place = words_.out_of("attack", Data(request.data), out)
    return RobustnessResult(attacking.attack(request, assault, place, words_.progress(quiet)))


def predict(
    model: ModelLike,
    images: Any,
    *,
    reject_below: float | None = None,
    explain: Place | None = None,
    explain_by: str = "occlusion",
    root: Place | None = None,
    costs: Table | None = None,
    prior: Prior | None = None,
    network: str | None = None,
    classes: Names | None = None,
    size: Size | None = None,
    device: str = "auto",
    jobs: int | None = None,
    quiet: bool = True,
) -> Predictions:
    """Return class and probabilities of every picture, in order.

    All answers are held in memory; for more pictures than that, the command line writes them while they come.

    Parameters
    ----------
    model : path or RunResult
        As for `evaluate`, or an exported ``.onnx`` file.
    images : path, sequence of path, or array
        Files, folders, patterns such as ``"*.jpg"``, tables with a column path, archives; or pictures as an array of
        the shapes and ranges that `load` takes.
    reject_below : float, optional
        Give no answer that is less probable than this, 0 to 1.
    explain : path, optional
        Draw into this folder what speaks for each answer, and against it.
    explain_by : str
        occlusion or gradients.
    root : path, optional
        What paths in tables are relative to.
    costs, prior, network, classes, size, device, jobs
        As for `evaluate`.
    quiet : bool
        Whether to say nothing on stderr while working.

    Raises
    ------
    UsageError
        When a word cannot be meant, or contradicts the model.
    ModelFileError
        When the model cannot be found or loaded.
    DataError
        When there are no pictures at all. One that cannot be read is an answer with an error.
    """
    paths = are_paths(images)
    request = predicting.Predict(
        model=model_path(model),
        paths=tuple(map(str, words_.places(images))) if paths else (),
        root=None if root is None else Path(root),
        reject_below=reject_below,
        explain=None if explain is None else Path(explain),
        method=explain_by,
        network=network,
        classes=words_.names(classes),
        size=words_.size_of(size),
        device=device,
        jobs=jobs,
        costs=words_.costs_of(costs),
        prior=words_.prior_of(prior),
    )
    asked = predicting.opened(request)
    found = predicting.Predictions(request, asked, words_.progress(quiet))
    if paths:
        answers = tuple(found.answers())
        return Predictions(asked.classes, answers, found.sentence())
    pixels = to_pixels(np.asarray(images), asked.size)
    return Predictions(asked.classes, tuple(found.of_pixels(pixels)), found.sentence(), pixels[:12])


def model_path(model: ModelLike) -> Path:
    """Return the place of a model: a path as it is, of a result its model folder."""
    return Path(model) if isinstance(model, str | os.PathLike) else model.model
