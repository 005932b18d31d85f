"""From the files of a run folder to what the report shows: a report can be written again without the data."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.attacks.subject import model_fingerprint
from evenhand.auditing.files import read_audit
from evenhand.auditing.ledger import EDITS, apply, as_trained, read_ledger, replay
from evenhand.data.manifest import EXCLUDED, Dataset, Manifest, read_manifest
from evenhand.errors import UsageError
from evenhand.records.audit import Audit, Decided
from evenhand.records.comparison import RemedyResult
from evenhand.records.evaluation import Evaluation
from evenhand.records.reproduce import Reproduce
from evenhand.records.values import SCHEMA_VERSION
from evenhand.reporting.content import FinalModel, ReportData, Reviewed
from evenhand.reporting.final_model import model_told, stated
from evenhand.reporting.robustness import Attacked, read_attacks
from evenhand.settings.study_file import NAME as STUDY_FILE
from evenhand.store import STUDY
from evenhand.study.economy import read_economy
from evenhand.study.leak_figures import read_leakage
from evenhand.study.next_steps import read_what_next
from evenhand.study.rate_figures import read_rates
from evenhand.study.replay import read_replay
from evenhand.study.results import read_compared, read_judged, read_nested, read_results, read_test
from evenhand.study.tuning.figures import read_tuning
from evenhand.training.model_file import CARD, WEIGHTS


def gather(run: Path) -> ReportData:
    """Return what is known of a run so far.

    Raises
    ------
    UsageError
        When the folder is no run, or stopped before its audit was written.
    """
    study = _study(run)
    if not (run / "audit" / "summary.json").is_file():
        raise UsageError(f"The run in {run} stopped before its audit was finished. Run the same command again.")
    pixels = run / study["pixels"]
    if not pixels.is_file():
        raise UsageError(f"The decoded images {pixels} are gone. Run the same command again.")
    results, choice = read_results(run)
    nested: Evaluation | None = read_nested(run)
    folds, held_out = _folds(run, results)
    listed = read_manifest(run / "manifest.csv", study["classes"])
    manifest, audit = as_trained(listed), read_audit(run / "audit")
    return ReportData(
        title=_title(study),
        dataset=Dataset(manifest, np.load(pixels, mmap_mode="r")),
        audit=audit,
        results=results,
        choice=choice,
        test=read_test(run),
        nested=nested,
        reproduce=Reproduce(_command(study), _versions(study["environment"]), study["settings"]),
        folds=folds,
        held_out=held_out,
        model=_final_model(run),
        judged=read_judged(run),
        compared=read_compared(run),
        decided=Decided(**study["decided"]) if study.get("decided") else None,
        relabelled=_relabelled(listed),
        reviewed=_reviewed(run, listed, audit),
        leakage=read_leakage(run / "audit"),
        what_next=read_what_next(run),
        replay=read_replay(run),
        rates=read_rates(run),
        tuning=read_tuning(run),
        economy=read_economy(run),
        attacks=_attacks(run),
    )


_GENERAL = ("train", "training", "data", "images")
"""Names of folders that say nothing by themselves."""


def _title(study: dict[str, Any]) -> str:
    """Return what the data are called: the name of their folder or file, with its parent's where it says nothing."""
    if study["command"] == "demo":
        return "the demo set"
    path = Path(study["data"])
    if path.name.lower() in _GENERAL and path.parent.name:
        return f"{path.parent.name}/{path.name}"
    return path.name or study["data"]


def _folds(run: Path, results: tuple[RemedyResult, ...]) -> tuple[int, int]:
    """Return how many folds there are, and how many of them the results speak of; zeros where that is not known."""
    path = run / "cache" / "study" / "rows.npz"
    if not results or not path.is_file():
        return 0, 0
    with np.load(path, allow_pickle=False) as file:
        rows, folds = file["rows"], file["folds"]
    judged = np.isin(rows, results[0].indices)
    if judged.sum() < len(results[0].indices):
        return 0, 0
    return len(np.unique(folds)), len(np.unique(folds[judged]))


def _relabelled(manifest: Manifest) -> tuple[tuple[str, str, int], ...]:
    """Return (label as filed, corrected label, training images), those of most images first."""
    rows = np.flatnonzero((manifest.split == "train") & (manifest.given != manifest.corrected))
    found = Counter(zip(manifest.given[rows].tolist(), manifest.corrected[rows].tolist(), strict=True))
    return tuple(
        (manifest.classes[given], manifest.classes[corrected], count)
        for (given, corrected), count in found.most_common()
    )


def _reviewed(run: Path, manifest: Manifest, audit: Audit) -> Reviewed | None:
    """Return what was decided about this run's pictures since; None where nobody has decided anything.

    Raises
    ------
    DataError
        When its ledger cannot be read, or names a class that the run does not know.
    """
    if not (run / EDITS).is_file():
        return None
    edited = apply(manifest, replay(read_ledger(run / EDITS).edits))
    named = {issue.path for issue in audit.flagged}
    rows = [row for row in manifest.where("train").tolist() if edited.settled[row] and manifest.paths[row] in named]
    after = edited.manifest
    moved = [after.split[row] == EXCLUDED or after.corrected[row] != manifest.corrected[row] for row in rows]
    return Reviewed(edited.decided, len(rows), sum(moved))


def _final_model(run: Path) -> FinalModel | None:
    path = run / "model" / "model.json"
    if not path.is_file():
        return None
    made = json.loads(path.read_text(encoding="utf-8"))
    recipe = made["recipe"]
    return FinalModel(recipe["model"], made["members"], recipe["epochs"], made["trained_on"], tuple(model_told(made)))


def _attacks(run: Path) -> tuple[Attacked, ...]:
    """Return the attacks on the run's own model; a folder may hold some on others, which have a page of their own."""
    model = run / "model"
    whole = all((model / name).is_file() for name in (CARD, WEIGHTS))
    return read_attacks(run, model_fingerprint(model)) if whole else ()


def _study(run: Path) -> dict[str, Any]:
    path = run / STUDY
    if not path.is_file():
        raise UsageError(f"{run} is no run folder: it has no {STUDY}.")
    try:
        study: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if study.get("schema_version") != SCHEMA_VERSION or "classes" not in study:
        raise UsageError(f"{run} was made by another version of evenhand, or was stopped at its very beginning.")
    return study


def _command(study: dict[str, Any]) -> str:
    """Return a command line that does the same again."""
    if study["command"] == "demo":
        words = ["evenhand", "demo"]
        if study["settings"].get("scale"):
            words += ["--scale", f"{study['settings']['scale']:g}"]
    else:
        words = ["evenhand", study["command"], study["data"]]
        if study["test"]:
            words += ["--test", study["test"]]
        for ledger in _ledgers(study):
            words += ["--edits", ledger]
    settings = study["settings"]
    if settings.get("groups"):
        # What a command line cannot say: the run keeps the file that does.
        return shlex.join([*words, "--study", f"RUN/{STUDY_FILE}"])
    for name in ("preset", "model", "recipe", "trust", "folds", "seeds", "seed", "refit"):
        if settings[name] not in (None, _DEFAULTS.get(name)):
            words += [f"--{name}", str(settings[name])]
    for remedy in settings["remedies"] or ():
        words += ["--remedy", remedy]
    if settings.get("allow_stacking"):
        words.append("--allow-stacking")
    if settings.get("halving") is not None:
        words.append("--halving" if settings["halving"] else "--no-halving")
    if settings.get("what_next") is not None:
        words.append("--what-next" if settings["what_next"] else "--no-what-next")
    words += stated(settings)
    if settings.get("time_limit"):
        words += ["--time-limit", f"{settings['time_limit']:g}s"]
    for option, name, joint in (("--repair", "repairs", ","), ("--classes", "classes", ","), ("--size", "size", "x")):
        if settings[name] and not (study["command"] == "lr" and name == "repairs"):
            words += [option, joint.join(map(str, settings[name]))]
    for name, value in settings["changes"].items():
        words += ["--set", f"{name}={value}"]
    words += study.get("words", [])
    return shlex.join(words)


def _ledgers(study: dict[str, Any]) -> list[str]:
    """Return the ledgers that a run went by; it used to be one at most."""
    edits = study.get("edits") or []
    return [edits] if isinstance(edits, str) else edits


_DEFAULTS = {"trust": 0.5, "seed": 0, "refit": "train"}


def _versions(environment: dict[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else " ".join(value) for name, value in sorted(environment.items())}
