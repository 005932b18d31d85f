"""The reference study replayed: its data, baseline, experiments, final model, learning rates, attacks; then the rest.

Everything is one bench whose first fold judges: the test images where there are any. What the label audit says of an
image is said by networks that have not seen it, and repairs come from networks that have not seen what judges them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.attacks.assault import Assault
from evenhand.attacks.own_model import OwnNetwork
from evenhand.attacks.robustness import measure_robustness
from evenhand.attacks.subject import Subject
from evenhand.attacks.victim import Victim
from evenhand.auditing.decisions import Decisions, read_decisions
from evenhand.auditing.duplicates import training_rows
from evenhand.auditing.ledger import apply
from evenhand.data.folds import fold_of
from evenhand.disk import check_room
from evenhand.evaluation.metrics import evaluate
from evenhand.exporting.card import write_card
from evenhand.pipeline.auditing import write_findings
from evenhand.pipeline.baseline import given_model, probabilities_of
from evenhand.pipeline.desk import Desk, opened
from evenhand.pipeline.learning_rates import rate_plan
from evenhand.pipeline.replay_tuning import tuned
from evenhand.progress import SILENT, Progress
from evenhand.records.audit import Audit
from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Floats, Ints
from evenhand.remedies.catalogue import plan_for
from evenhand.remedies.counting import trained_counts
from evenhand.reporting.rebuild import rebuild_report
from evenhand.settings.commands import Settings
from evenhand.settings.presets import PRESETS
from evenhand.study.bench import Bench
from evenhand.study.final import stretched, train_final
from evenhand.study.forecast import MARGIN, Forecast
from evenhand.study.judging import Candidate, judge
from evenhand.study.label_audit import WHOLE, LabelAudit, audit_labels
from evenhand.study.learning_rate import RatePlan, expected, study_rates
from evenhand.study.published import published
from evenhand.study.rate_figures import RateStudy, write_rates
from evenhand.study.rate_verdict import FEWEST
from evenhand.study.reference import ReferenceStudy, Tried, foreign, tried, write_reference
from evenhand.study.time_limit import makespan
from evenhand.study.trial import Targets, environment
from evenhand.training.model_file import Model, save_model
from evenhand.training.precision import seconds_an_image
from evenhand.training.recipe import Recipe

FOLDS = 4
"""Parts of the images that the label audit predicts in turn, beside those that judge."""
JUDGES = 0
"""The fold that judges."""
EXAMINER = "simple"
"""The network of the label audit: the study's own, trained by the recipe of the preset `standard`."""
LONGER = 2
"""Epochs of the final model and of the learning rates, as a multiple of the experiments'."""
COMBINED = (
    ("SMOTE + augmentation", "smote+augment-online"),
    ("loss weights + augmentation", "class-weights:by=class+augment-online"),
)
"""Combinations that the study did not try; augmentation is drawn afresh while training."""
ATTACKED = 20
"""Images of each class that are attacked by the sign of the gradient, at most."""
ATTACKED_BY_NOISE = 6
"""Likewise by noise that is optimised, at six prices in hundreds of steps: half as many from its other starts."""


@dataclass(frozen=True)
class Replayed:
    """What `reference` leaves."""

    study: ReferenceStudy
    audit: Audit
    rates: RateStudy | None
    attacks: tuple[dict[str, Any], ...]
    """Figures of each attack."""
    report: Path


def reference(
    settings: Settings,
    progress: Progress = SILENT,
    *,
    baseline: Path | None = None,
    edits: Sequence[Path] = (),
    tune: float | None = None,
) -> Replayed:
    """Replay the reference study and do what it left undone; a replay that was cut short goes on where it stopped.

    Nothing is chosen by what the judging images say: the study's own experiments and its own choice are repeated, and
    what it left undone stands beside them.

    Parameters
    ----------
    settings : Settings
        The words of the command: the preset is `reference`, and `changes` may hold the experiments' epochs.
    progress : Progress
        Told how far the work is.
    baseline : Path, optional
        A model folder, or a file of weights for the study's network; its section says when it is missing.
    edits : sequence of Path
        Ledgers. Networks are judged on labels that they correct, too; they are trained on the labels as given, as the
        study's were.
    tune : float, optional
        Seconds that a search of settings may take besides; None: nothing is tuned.

    Raises
    ------
    ModelFileError
        When the baseline cannot be read, or does not fit the data; before any training.
    DataError
        When the data cannot be used, or the run folder holds other data.
    UsageError
        When the run folder holds a run with other settings.
    """
    decisions = read_decisions(edits)
    words = [word for option, value in _named(baseline, edits, tune) for word in (option, value)]
    with opened(_filled(settings), "reference", progress, words=words) as desk:
        bench = _bench(desk)
        judge_of = _Judge.of(desk, bench, decisions)
        given = given_model(baseline, desk) if baseline else None
        candidates = _candidates(desk)
        plan = _rate_plan(desk)
        _announce(desk, bench, candidates, plan)
        labels = audit_labels(bench, _examiner(desk), (1,), nested=True, detector=desk.settings.detector)
        audit = write_findings(desk, _of_training(labels) if judge_of.tested else labels)
        posterior = labels.whole.posterior[bench.fold == JUDGES]
        base = probabilities_of(given, desk, judge_of.rows) if given else None
        found = judge_of.all(candidates, labels, posterior)
        rates = _rates(desk, plan)
        model, refit = _refit(desk, bench, found["final"][0])
        attacks = _attacks(desk, model, judge_of.rows)
        study = ReferenceStudy(
            judged_on="test" if judge_of.tested else "held-out",
            n=len(judge_of.rows),
            trained_on=int((bench.fold != JUDGES).sum()),
            faithful=not desk.settings.changes,
            file=baseline.name if baseline else "",
            baseline=None if base is None else judge_of.foreign(base, posterior),
            experiments=tuple(found["experiments"]),
            final=found["final"][0],
            refit=refit,
            undone=tuple(found["undone"]),
            wrong=audit.wrong_labels or labels.whole.wrong,
            flagged=len(audit.flagged),
            flagged_pair=_known_pair(audit),
            missing=tuple(_missing(baseline, tested=judge_of.tested, rates=rates)),
            tuning=tuned(settings, tune, progress) if tune else (),
        )
        write_reference(desk.run.path, study)
        return Replayed(study, audit, rates, attacks, rebuild_report(settings.out))


def _named(baseline: Path | None, edits: Sequence[Path], tune: float | None) -> list[tuple[str, str]]:
    found = [("--baseline", str(baseline))] if baseline else []
    found += [("--edits", str(path)) for path in edits]
    return found + ([("--tune", f"{tune:.0f}s")] if tune else [])


def _filled(settings: Settings) -> Settings:
    """Return the settings with what a replay brings along: recipe and model of the study, its own folds, a repair."""
    return replace(settings, preset="reference", folds=FOLDS + 1, repairs=("none", "drop"))


def _missing(baseline: Path | None, *, tested: bool, rates: RateStudy | None) -> list[str]:
    found = []
    if not tested:
        found.append(
            f"There are no test images, so one in {FOLDS + 1} of the training images judges in their place. Name some "
            "with --test, or put them into a folder test beside train."
        )
    if baseline is None:
        found.append("No checkpoint was given to evaluate. Name one with --baseline FILE.")
    if rates is None:
        found.append(
            f"The learning rates were not studied: with so few images and epochs a training has fewer than {FEWEST} "
            "steps, too few for a verdict."
        )
    return found


def _bench(desk: Desk) -> Bench:
    """Return the bench: what judges is its first fold, the others are for the label audit."""
    manifest = desk.manifest
    tests, train = manifest.where("test"), training_rows(manifest)
    folds = FOLDS if len(tests) else FOLDS + 1
    dealt = fold_of(manifest.given[train], manifest.group[train], folds, desk.settings.seed, manifest.classes)
    rows = np.sort(np.concatenate([train, tests]))
    fold = np.full(len(rows), JUDGES, dtype=np.int64)
    fold[np.searchsorted(rows, train)] = dealt + (FOLDS + 1 - folds)
    preset = replace(desk.preset, folds=FOLDS + 1, judged=1)
    return replace(desk, preset=preset).bench(rows, scope="replay", fold=fold)


def _examiner(desk: Desk) -> Recipe:
    """Return the recipe of the label audit's networks: the product's, for the study had none."""
    usual = PRESETS["standard"]
    preset = replace(desk.preset, recipe=usual.recipe, least_views=usual.least_views)
    return replace(desk, preset=preset).recipe(EXAMINER)


def _candidates(desk: Desk) -> dict[str, list[tuple[str, Candidate]]]:
    """Return what is trained, by its part of the report, each with what the report calls it."""
    recipe, theirs = desk.recipe("simple"), published()
    own = [(one.name, one.remedy) for one in theirs.experiments]
    longer = stretched(recipe, LONGER)
    rest = [(name, remedy, "drop") for name, remedy in own]
    rest += [(name, remedy, repair) for name, remedy in COMBINED for repair in ("none", "drop")]
    return {
        "experiments": [(name, Candidate(remedy, "none", recipe)) for name, remedy in own],
        "final": [(theirs.final.name, Candidate(theirs.final.remedy, "none", longer))],
        "undone": [(name, Candidate(remedy, repair, recipe)) for name, remedy, repair in rest],
    }


@dataclass(frozen=True)
class _Judge:
    """The images that judge, and their labels."""

    desk: Desk
    bench: Bench
    rows: Ints
    tested: bool
    corrected: Ints | None
    """Their labels as people corrected them, where that changes any."""

    @classmethod
    def of(cls, desk: Desk, bench: Bench, decisions: Decisions) -> _Judge:
        rows = bench.rows[bench.fold == JUDGES]
        for note in decisions.notes():
            desk.progress.note(note)
        corrected = apply(desk.manifest, decisions.in_force).manifest.corrected[rows]
        changed = bool((corrected != desk.manifest.given[rows]).any())
        tested = bool(len(desk.manifest.where("test")))
        return cls(desk, bench, rows, tested, corrected if changed else None)

    def all(
        self, candidates: dict[str, list[tuple[str, Candidate]]], labels: LabelAudit, posterior: Any
    ) -> dict[str, list[Tried]]:
        """Return every candidate as it was judged: trained on the rest, its repair made without what judges it."""
        named = [(part, name, one) for part, those in candidates.items() for name, one in those]
        scores = judge(
            self.bench,
            [one for _, _, one in named],
            labels,
            trust=self.desk.settings.trust,
            seeds=1,
            title="Training the study's experiments, and what it left undone",
        )
        found: dict[str, list[Tried]] = {part: [] for part in candidates}
        for (part, name, one), score in zip(named, scores, strict=True):
            ledger = self._corrected(score.result.probabilities)
            result = replace(score.result, trained_counts=self._trained(one, labels))
            found[part].append(tried(name, result, posterior, one.recipe.epochs, ledger))
        return found

    def _trained(self, one: Candidate, labels: LabelAudit) -> tuple[int, ...]:
        """Return the images of each class that an epoch holds; those that judge are none of them."""
        bench = self.bench
        targets = bench.workplace.targets(labels.targets(bench, JUDGES, one.repair, self.desk.settings.trust))
        kept = targets.labels[targets.keep & (bench.fold != JUDGES)]
        plan = plan_for(one.remedy, kept, bench.n_classes, allow_stacking=True)
        return trained_counts(plan, kept, bench.n_classes)

    def foreign(self, probabilities: Floats, posterior: Any) -> Tried:
        """Return the figures of the checkpoint that was given."""
        manifest = self.desk.manifest
        evaluation = evaluate(manifest.given[self.rows], probabilities, manifest.classes)
        return foreign(evaluation, probabilities, posterior, self._corrected(probabilities))

    def _corrected(self, probabilities: Floats) -> Evaluation | None:
        if self.corrected is None:
            return None
        return evaluate(self.corrected, probabilities, self.desk.manifest.classes)


def _of_training(labels: LabelAudit) -> LabelAudit:
    """Return what is believed about the training labels, made without the images and labels of the test."""
    return LabelAudit({WHOLE: labels.models[JUDGES]}, {WHOLE: labels.members[JUDGES]})


def _known_pair(audit: Audit) -> int:
    """Return how many suspects are of the kind that the study knows of; 0 where its classes are others."""
    theirs = published()
    named = theirs.named(audit.classes)
    pair = named.get(theirs.labels.label), named.get(theirs.labels.shows)
    return sum((issue.given, issue.suggested) == pair for issue in audit.flagged)


def _rate_plan(desk: Desk) -> RatePlan:
    """Return what is trained at each learning rate, for as many epochs as the study did."""
    plan = rate_plan(replace(desk, preset=replace(desk.preset, remedies=("none",), seeds=1)))
    return replace(plan, recipe=stretched(plan.recipe, LONGER))


def _rates(desk: Desk, plan: RatePlan) -> RateStudy | None:
    """Study the two rates; None where a training has too few steps for a verdict."""
    if plan.steps < FEWEST:
        return None
    study = study_rates(plan, published().rates)
    write_rates(desk.run.path, study)
    return study


def _refit(desk: Desk, bench: Bench, final: Tried) -> tuple[Model, tuple[int, ...]]:
    """Train what the study settled on once more on everything, and keep it as the run's model."""
    recipe = stretched(desk.recipe("simple"), LONGER)
    targets = Targets(np.ones(len(bench.rows), dtype=bool), bench.given)
    model = train_final(
        bench,
        final.remedy,
        recipe,
        targets,
        members=1,
        size=desk.scan.dataset.size,
        title="Training the final model on everything",
    )
    counts = trained_counts(plan_for(final.remedy, bench.given, bench.n_classes), bench.given, bench.n_classes)
    given = np.bincount(bench.given, minlength=bench.n_classes)
    save_model(
        model,
        desk.run.path / "model",
        {
            "remedy": final.remedy,
            "repair": "none",
            "trained_on": "all",
            "data": desk.manifest.fingerprint(),
            "training_counts": dict(zip(bench.classes, given.tolist(), strict=True)),
            "environment": environment(),
        },
    )
    return model, tuple(int(count) for count in counts)


def assaults(seed: int) -> tuple[Assault, ...]:
    """Return the study's two attacks: noise that is optimised, from each start it tried, and the sign of a gradient."""
    noise: dict[str, Any] = {"norm": "l1", "target": "all", "lean": True, "seed": seed}
    sign: dict[str, Any] = {"limit": ATTACKED, "lean": True, "seed": seed}
    return (
        Assault("optimised-noise", examples=6, limit=ATTACKED_BY_NOISE, **noise),
        Assault("optimised-noise:start=gaussian", examples=3, limit=ATTACKED_BY_NOISE // 2, **noise),
        Assault("optimised-noise:start=white", examples=3, limit=ATTACKED_BY_NOISE // 2, **noise),
        Assault("fgsm", eps=2 / 255, examples=0, **sign),
        Assault("fgsm", eps=8 / 255, examples=6, **sign),
        Assault("fgsm", eps=8 / 255, examples=0, target="all", **sign),
    )


def _attacks(desk: Desk, model: Model, rows: Ints) -> tuple[dict[str, Any], ...]:
    folder = desk.run.path / "model"
    subject = Subject.of(Victim(OwnNetwork(model)), desk.scan.dataset, rows, folder, seen=True)
    seed = desk.settings.seed
    found = tuple(measure_robustness(subject, one, desk.run.path, desk.progress)[0] for one in assaults(seed))
    write_card(folder)
    return found


def _announce(desk: Desk, bench: Bench, candidates: dict[str, list[tuple[str, Candidate]]], plan: RatePlan) -> None:
    """Say how long it will take, and refuse to begin what the disk has no room for."""
    size = desk.scan.dataset.size

    def seconds(recipe: Recipe, images: float) -> float:
        return images * seconds_an_image(recipe, size, desk.device)

    jobs, n, asked = desk.engine.jobs, len(bench.rows), [one for those in candidates.values() for _, one in those]
    trained = [
        (1, seconds(one.recipe, bench.work(bench.trial(one.remedy, one.recipe, held=[JUDGES])))) for one in asked
    ]
    examiner = _examiner(desk)
    looked = [(2 * FOLDS + 1, seconds(examiner, examiner.epochs * n * FOLDS / (FOLDS + 1)))]
    (final,) = (one for _, one in candidates["final"])
    last = seconds(final.recipe, bench.work(bench.trial(final.remedy, final.recipe, held=())))
    rates = expected(plan, len(published().rates), 0, seconds(plan.recipe, 1.0), jobs)
    spent = makespan(looked, jobs) + makespan(trained, jobs) + last
    told = Forecast(
        trainings=len(asked) + 2 * FOLDS + 1 + 1 + rates.trainings,
        seconds=MARGIN * spent + rates.seconds,
        bytes=rates.bytes + 40 * n * (len(asked) + 2 * FOLDS + 1) + 400 * n,
    )
    check_room(desk.run.path, told.bytes, "The trainings")
    desk.progress.note(told.sentence())
