"""The end of a run: the choice trained as the final model, calibrated, distilled if asked for, and tested once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.data.manifest import EXCLUDED
from evenhand.evaluation.abstaining import abstention
from evenhand.evaluation.costs import cost_of
from evenhand.evaluation.metrics import evaluate as evaluate_probabilities
from evenhand.pipeline.desk import Desk
from evenhand.records.comparison import Choice, RemedyResult
from evenhand.records.evaluation import Evaluation, TestResult
from evenhand.records.values import Floats, Ints
from evenhand.remedies.counting import class_counts
from evenhand.settings.costs import Uses
from evenhand.study.bench import Bench
from evenhand.study.distil import SOFTNESS, WEIGHT, distilled
from evenhand.study.final import stretched, train_final
from evenhand.study.final_temperature import FinalTemperature, final_temperature
from evenhand.study.prior import assumed_prior
from evenhand.study.results import write_test
from evenhand.study.trial import Targets, environment
from evenhand.training.model_file import Model


@dataclass(frozen=True)
class Chosen:
    """What was chosen, with all that its final model is made from."""

    choice: Choice
    results: tuple[RemedyResult, ...]
    """Rows of the leaderboard; the choice is one of them."""
    posterior: NDArray[np.float64] | None
    """What the audit believed of each training image while it judged; None without an audit."""

    @property
    def remedy(self) -> str:
        """The chosen remedy, what was to be tuned settled."""
        return self.choice.settled or self.choice.remedy

    def temperature(self, bench: Bench, targets: Targets) -> FinalTemperature:
        """Return the temperature of its final model, fitted out of fold on the images of the comparison."""
        wanted = (self.choice.remedy, self.choice.repair, self.choice.model)
        result = next(row for row in self.results if (row.remedy, row.repair, row.model) == wanted)
        return final_temperature(bench, self.remedy, result, targets, self.posterior)


def finished(desk: Desk, bench: Bench, chosen: Chosen, targets: Targets, temperature: FinalTemperature) -> Model:
    """Return the final model: the choice trained on all images of the bench, its probabilities calibrated."""
    recipe = stretched(desk.recipe(chosen.choice.model), desk.preset.stretch)
    model = train_final(
        bench,
        chosen.remedy,
        recipe,
        targets,
        members=desk.preset.members,
        size=desk.scan.dataset.size,
        title="Training the final model",
    )
    model = replace(model, temperature=temperature.value, uses=_uses(desk, bench, chosen.remedy, targets))
    if not desk.preset.distil:
        return model
    return distilled(bench, chosen.remedy, recipe, targets, model, title="Teaching one network what all of them know")


def _uses(desk: Desk, bench: Bench, remedy: str, targets: Targets) -> Uses:
    labels = targets.labels[targets.keep]
    counts = class_counts(labels, bench.n_classes)
    uses = Uses(tuple(assumed_prior(remedy, labels, bench.n_classes).tolist()), tuple((counts / counts.sum()).tolist()))
    return replace(uses, decision=uses.decided(desk.settings.costs, desk.settings.prior, bench.classes))


def refitted(
    desk: Desk, chosen: Chosen, positions: Ints, repaired: Targets, temperature: FinalTemperature
) -> tuple[Model, Targets]:
    """Train the choice once more on every image, and return its targets too; val and test labels are taken as given.

    Parameters
    ----------
    positions : (m,) int64
        Rows of the manifest that the comparison trained on, and that `repaired` speaks of.
    """
    rows = np.flatnonzero(desk.manifest.split != EXCLUDED).astype(np.int64)
    bench = desk.bench(rows, scope="everything")
    place = np.searchsorted(rows, positions)
    targets = Targets.placed(bench.given, place, repaired.keep, repaired.labels, bench.n_classes)
    return finished(desk, bench, chosen, targets, temperature), targets


def tested(desk: Desk, model: Model) -> TestResult | None:
    """Judge the model on the test images, once; without any, the out-of-fold figure is the headline."""
    manifest = desk.manifest
    rows = manifest.where("test")
    if not len(rows):
        return None
    probabilities = model.probabilities(desk.scan.dataset.pixels[rows])
    given, corrected = manifest.given[rows], manifest.corrected[rows]
    result = TestResult(
        evaluation=judged(model, given, probabilities),
        probabilities=probabilities,
        indices=rows,
        corrected=judged(model, corrected, probabilities) if (corrected != given).any() else None,
    )
    write_test(desk.run.path, result)
    return result


def judged(model: Model, labels: Ints, probabilities: Floats) -> Evaluation:
    """Return every figure of a model's probabilities, what leaving unsure ones to people would bring, and its costs."""
    found = evaluate_probabilities(labels, probabilities, model.classes)
    found = replace(found, abstention=abstention(labels, probabilities))
    decision = model.uses.decision
    return replace(found, cost=cost_of(labels, probabilities, decision)) if decision else found


def description(
    desk: Desk, model: Model, chosen: Chosen, trained: Targets, temperature: FinalTemperature
) -> dict[str, Any]:
    """Return what ``model.json`` says of how the model was made."""
    # As the repair left them: what weights and priors are made from. Soft labels give fractions of an image.
    counts = class_counts(trained.labels[trained.keep], len(model.classes)).round(1).tolist()
    found: dict[str, Any] = {
        "remedy": chosen.remedy,
        "repair": chosen.choice.repair,
        "trained_on": desk.settings.refit,
        "data": desk.manifest.fingerprint(),
        "training_counts": {
            name: int(count) if count.is_integer() else count for name, count in zip(model.classes, counts, strict=True)
        },
        "temperature_fitted_on": f"{temperature.fitted_on}, {temperature.n} images",
        "calibration": temperature.to_json(),
        "environment": environment(),
    }
    if desk.preset.distil:
        found["distilled_from"] = {"members": desk.preset.members, "softness": SOFTNESS, "weight": WEIGHT}
    return found
