"""The label audit: rounds of out-of-fold prediction and re-estimation, nested so that a fold never judges itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evenhand.auditing.detectors import OWN, detected
from evenhand.auditing.labels import LabelModel, estimate
from evenhand.auditing.repair import repair
from evenhand.auditing.second_opinion import Block, heard_together, neighbour_votes
from evenhand.records.comparison import RemedyResult
from evenhand.records.values import Floats, Interval, Ints
from evenhand.remedies.catalogue import REMEDIES, parse
from evenhand.study.bench import Bench, Outcome
from evenhand.study.trial import Targets
from evenhand.training.recipe import Recipe

REMEDY = "sampler+mixup:alpha=0.2"
"""The label model needs predictions for a uniform prior; with a plain network rare images hide in the common class.
Mixing images keeps a network from learning the wrong labels by heart."""
BETWEEN_ROUNDS = "relabel"
"""How suspects are treated between rounds. Relabelled, the found images of a rare class teach the next networks to find
the others, and the estimated count stays where it is. Left out, the next networks take hard images for errors and the
estimate grows; softened, they repeat the doubts of the last ones and it shrinks."""
TRUST = 0.5
"""Suspicion above which an image is relabelled for the next round."""

LEAST_PROBABILITY = 1e-7
"""Probabilities are raised to this before the logarithm; float32 knows little below."""

CUTOUT = 8
"""Side of the hole cut into each training image, for images of 32 pixels."""
COLOURS = 0.2
"""Largest relative change of brightness, contrast and saturation."""

WHOLE = -1
"""The scope that leaves no fold out."""


@dataclass(frozen=True)
class LabelAudit:
    """A label model for all training images, and one for each fold made without that fold.

    The models of the folds cover the images of the other folds, in the order of the training images.
    """

    models: Mapping[int, LabelModel]
    members: Mapping[int, Ints]
    """Positions among the training images that each model covers."""

    @property
    def whole(self) -> LabelModel:
        """The label model of all training images."""
        return self.models[WHOLE]

    def targets(self, bench: Bench, scope: int, method: str, trust: float) -> str:
        """Keep the targets that a repair leaves to a scope and return their name; `method` "none" is as given."""
        if method == "none":
            return bench.as_given
        return bench.save(_repaired(bench, self.models[scope], self.members[scope], method, trust))


def examiner_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe of the audit's networks: as given, with holes cut into the images and their colours changed.

    A network that sees each image as it is learns the wrongly labelled ones by heart.
    """
    asked = recipe.augmentation
    return replace(
        recipe,
        augmentation=replace(
            asked,
            cutout=max(asked.cutout, CUTOUT),
            **{name: max(getattr(asked, name), COLOURS) for name in ("brightness", "contrast", "saturation")},
        ),
    )


def audit_labels(
    bench: Bench, recipe: Recipe, networks: Sequence[int], *, nested: bool, detector: str = OWN
) -> LabelAudit:
    """Return what is believed about the training labels.

    A round trains for every fold a network on the other folds and predicts it. Nested, the same is done inside each
    training part: the networks that leave out two folds serve both. From the second round on the networks are trained
    on the labels as the round before would have them. The logits of all rounds are averaged, and the neighbours in the
    features of all these networks are asked for a second opinion.

    Parameters
    ----------
    bench : Bench
        The training images.
    recipe : Recipe
        Of the networks.
    networks : sequence of int
        How many networks each round trains for a fold; at least one round.
    nested : bool
        Whether each fold needs a label model made without it.
    detector : str
        Who names the suspects: a key of `DETECTORS`.
    """
    recipe = examiner_recipe(recipe)
    scopes = [WHOLE, *(bench.judged if nested and bench.n_folds > 2 else ())]
    members = {scope: np.flatnonzero(bench.fold != scope) for scope in scopes}
    targets = dict.fromkeys(scopes, bench.as_given)
    found: dict[int, LabelModel] = {}
    heard = {scope: _Opinions(bench, members[scope]) for scope in scopes}
    for number, models in enumerate(networks):
        asked = {
            (scope, fold, model): bench.trial(
                REMEDY,
                recipe,
                held=[held for held in (scope, fold) if held != WHOLE],
                targets=targets[scope],
                number=100 * number + model,
                features=True,
            )
            for scope in scopes
            for fold in range(bench.n_folds)
            if fold != scope
            for model in range(models)
        }
        outcomes = bench.carry_out(
            list(asked.values()), f"Looking for wrong labels, round {number + 1} of {len(networks)}"
        )
        for scope in scopes:
            for (owner, fold, _), trial in asked.items():
                if owner == scope:
                    heard[scope].add(outcomes[trial], fold)
            last = number + 1 == len(networks)
            # Between rounds our own suspects count: any detector then speaks of the same networks.
            found[scope] = heard[scope].estimated(detector if last else OWN)
            if not last:
                again = _repaired(bench, found[scope], members[scope], BETWEEN_ROUNDS, TRUST)
                targets[scope] = bench.save(again)
    return LabelAudit(found, members)


def refined(audit: LabelAudit, bench: Bench, results: Sequence[RemedyResult], *, detector: str = OWN) -> LabelAudit:
    """Return the audit with its model of all training images estimated from a comparison's own predictions.

    A comparison has predicted every image out of fold with better networks than the audit's; that costs nothing more.
    Those results count that make up for the class counts, with the suspects in training and without: networks that saw
    them repeat some of the errors, networks that did not take some hard images for errors, and together they are nearer
    the truth. Without such results the audit stays as it is. The models of the folds stay: what is judged with them
    must not change afterwards.

    Parameters
    ----------
    audit : LabelAudit
        What the comparison's repairs came from.
    bench : Bench
        Its training images.
    results : sequence of RemedyResult
        All of one network.
    detector : str
        Who names the suspects.
    """
    usable = [
        result
        for result in results
        if len(result.indices) == len(bench.rows)
        and any(REMEDIES[part.name].corrects_prior for part in parse(result.remedy, allow_stacking=True).parts)
    ]
    if not usable:
        return audit
    logits = np.mean([np.log(np.maximum(result.probabilities, LEAST_PROBABILITY)) for result in usable], axis=0)
    found = _estimated(logits.astype(np.float32), bench, np.arange(len(bench.rows)), detector)
    return replace(audit, models={**audit.models, WHOLE: found})


class _Opinions:
    """What the networks of all rounds say about the images of one scope."""

    def __init__(self, bench: Bench, members: Ints) -> None:
        self.bench, self.members = bench, members
        self.total = np.zeros((len(members), bench.n_classes))
        self.count = np.zeros(len(members))
        self.blocks: list[Block] = []

    def add(self, outcome: Outcome, fold: int) -> None:
        """Hear a network on the images of a fold that it has not trained on."""
        rows, fold_of = self.bench.rows[self.members], self.bench.fold[self.members]
        position = np.flatnonzero(fold_of == fold)
        # A network that leaves out two folds serves two scopes; each asks it about one of them.
        there = np.searchsorted(outcome.rows, rows[position])
        self.total[position] += outcome.logits[there]
        self.count[position] += 1
        if outcome.features is not None:
            self.blocks.append((position, outcome.features[there]))

    def estimated(self, detector: str) -> LabelModel:
        """Return the label model of the networks' logits and of the neighbours' votes together."""
        logits = (self.total / np.maximum(self.count, 1)[:, None]).astype(np.float32)
        alone = _estimated(logits, self.bench, self.members, OWN, interval=False)
        votes = neighbour_votes(alone.posterior, self.blocks)
        together = heard_together(logits, alone.temperature, votes, alone.posterior.mean(axis=0))
        return _estimated(together, self.bench, self.members, detector)


def _estimated(logits: Floats, bench: Bench, members: Ints, detector: str, *, interval: bool = True) -> LabelModel:
    """Return the label model of some training images; where somebody has decided, there is no doubt left."""
    given, settled = bench.given[members], bench.settled[members]
    model = detected(detector, estimate(logits, given, bench.n_classes, interval=interval), logits, given)
    if not settled.any():
        return model
    spared = float(model.suspicion(given)[settled].sum())
    wrong = Interval(*(max(0.0, end - spared) for end in (model.wrong.value, model.wrong.low, model.wrong.high)))
    posterior = np.where(settled[:, None], np.eye(bench.n_classes)[given], model.posterior)
    return replace(model, posterior=posterior, wrong=wrong)


def _repaired(bench: Bench, model: LabelModel, members: Ints, method: str, trust: float) -> Targets:
    """Return targets for all training images; those that the model does not cover stay as they are."""
    keep, labels = repair(method, model, bench.given[members], trust)
    return Targets.placed(bench.given, members, keep, labels, bench.n_classes)
