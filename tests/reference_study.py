"""A made-up replay of the reference study, for the tests of what is kept, said and shown of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evenhand.evaluation.metrics import evaluate
from evenhand.records.audit import Audit, LabelIssue
from evenhand.records.comparison import Curve
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Interval
from evenhand.study.published import published
from evenhand.study.reference import ReferenceStudy, Tried, expected_of

CLASSES = ("Cars", "Cats", "Trucks")
TRAINING, TESTING = (4949, 227, 449), (551, 23, 51)
"""The study's counts, in this order of the classes."""


def evaluation(accuracy: float, counts: Sequence[int] = TESTING) -> tuple[Evaluation, np.ndarray]:
    """Return the figures of a network that is right about so many images of each class, and its probabilities."""
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    called = labels.copy()
    wrong = np.flatnonzero(np.arange(len(labels)) % 1000 >= 1000 * accuracy) if accuracy < 0.375 else None
    if wrong is None:
        wrong = np.arange(len(labels) - round(accuracy * len(labels)))
    called[wrong] = (labels[wrong] + 1) % len(counts)
    probabilities = np.full((len(labels), len(counts)), 0.05, dtype=np.float32)
    probabilities[np.arange(len(labels)), called] = 0.9
    return evaluate(labels, probabilities, CLASSES, resamples=20), probabilities


def tried(name: str, remedy: str, accuracy: float, repair: str = "none", epochs: int = 10) -> Tried:
    """Return a network of this accuracy; every tenth image of the first class truly shows the second."""
    figures, probabilities = evaluation(accuracy)
    labels = np.repeat(np.arange(3), TESTING)
    posterior = np.eye(3)[labels]
    posterior[np.flatnonzero(labels == 0)[::10]] = [0.1, 0.9, 0.0]
    called = probabilities.argmax(axis=1).astype(np.int64)
    steps = tuple(np.linspace(1.1, 0.4, 200).tolist())
    return Tried(
        name=name,
        remedy=remedy,
        repair=repair,
        epochs=epochs,
        trained_counts=TRAINING,
        given=figures,
        expected=expected_of(called, posterior, figures.balanced_accuracy),
        ledger=None,
        curve=Curve(steps, steps[::20], ()),
    )


def study(off: float = 0.0) -> ReferenceStudy:
    """Return a replay that measured what was published, but for the sampler, which is off by so much."""
    theirs = published()
    own = tuple(
        tried(one.name, one.remedy, one.accuracy + (off if one.name == "sampler" else 0.0))
        for one in theirs.experiments
    )
    base = replace(tried("the baseline", "", theirs.baseline.accuracy, epochs=0), trained_counts=(), curve=None)
    return ReferenceStudy(
        judged_on="test",
        n=625,
        trained_on=5625,
        faithful=True,
        file="pre_trained.ckpt",
        baseline=base,
        experiments=own,
        final=tried("SMOTE", "smote", 0.9, epochs=20),
        refit=(5500, 5500, 5500),
        undone=tuple(tried(one.name, one.remedy, 0.85, "drop") for one in theirs.experiments),
        wrong=Interval(440.0, 400.0, 480.0),
        flagged=420,
        flagged_pair=400,
        missing=(),
    )


def audit(training: Sequence[int] = TRAINING, testing: Sequence[int] = TESTING) -> Audit:
    """Return the audit of such images, with one suspect."""

    def counts(values: Sequence[int]) -> dict[str, int]:
        return dict(zip(CLASSES, values, strict=True))

    return Audit(
        classes=CLASSES,
        counts={"train": counts(training), "val": counts((0, 0, 0)), "test": counts(testing)},
        findings=(),
        duplicates=(),
        issues=(LabelIssue("train/Cars/0.png", "Cars", "Cats", 0.98, True),),
        wrong_labels=Interval(440.0, 400.0, 480.0),
        pairs=(),
        notes=(),
        odd=(),
    )
