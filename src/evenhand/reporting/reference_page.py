"""The page of a replay: the look of the report, its sections in the order of the reference study, one file."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.auditing.files import read_audit
from evenhand.data.manifest import Dataset, read_manifest
from evenhand.disk import write_bytes
from evenhand.errors import UsageError
from evenhand.records.audit import Audit
from evenhand.reporting import reference_view as views
from evenhand.reporting import reference_words as sayings
from evenhand.reporting.data_view import class_counts, pair_counts, samples, suspects
from evenhand.reporting.glossary import Glossary
from evenhand.reporting.pictures import make_album
from evenhand.reporting.rate_view import rate_view
from evenhand.reporting.report import page_environment
from evenhand.reporting.robustness import Attacked, read_attacks
from evenhand.reporting.robustness_view import robustness_view
from evenhand.store import STUDY
from evenhand.study.published import published
from evenhand.study.rate_figures import RateStudy, read_rates
from evenhand.study.reference import ReferenceStudy, read_reference

SAMPLES = 8
"""Pictures of each class."""
MOST_SUSPECTS = 24
SIDE = 64
QUALITY = 90
"""Of pictures that are too large to be kept as they are."""
LOSSLESS = 32


@dataclass(frozen=True)
class ReferenceData:
    """Everything the page tells."""

    title: str
    study: ReferenceStudy
    audit: Audit
    dataset: Dataset
    rates: RateStudy | None
    attacks: tuple[Attacked, ...]
    command: str
    versions: dict[str, str]


def write_reference_page(run: Path) -> Path:
    """Write ``report.html`` of a replay from the files of its run folder; return its place.

    Raises
    ------
    UsageError
        When the folder holds no finished replay.
    EvenhandError
        When a file of it is damaged, or the place cannot be written.
    """
    place = run / "report.html"
    write_bytes(place, render_reference(gather_reference(run)))
    return place


def gather_reference(run: Path) -> ReferenceData:
    """Return what is known of a replay. Raises as `write_reference_page` does."""
    study = read_reference(run)
    if study is None:
        raise UsageError(f"{run} holds no finished replay of the reference study. Run evenhand reference again.")
    facts: dict[str, Any] = json.loads((run / STUDY).read_text(encoding="utf-8"))
    pixels = run / facts["pixels"]
    if not pixels.is_file():
        raise UsageError(f"The decoded images {pixels} are gone. Run the same command again.")
    manifest = read_manifest(run / "manifest.csv", facts["classes"])
    environment = facts["environment"]
    return ReferenceData(
        title="/".join(Path(facts["data"]).absolute().parts[-2:]),
        study=study,
        audit=read_audit(run / "audit"),
        dataset=Dataset(manifest, np.load(pixels, mmap_mode="r")),
        rates=read_rates(run),
        attacks=read_attacks(run),
        command=_command(facts),
        versions={
            name: text if isinstance(text, str) else " ".join(text) for name, text in sorted(environment.items())
        },
    )


def _command(facts: dict[str, Any]) -> str:
    """Return a command line that does the same again."""
    words = ["evenhand", "reference", facts["data"]]
    if facts["test"]:
        words += ["--test", facts["test"]]
    words += facts.get("words", [])
    settings = facts["settings"]
    if "epochs" in settings["changes"]:
        words += ["--epochs", str(settings["changes"]["epochs"])]
    for option, name, joint in (("--classes", "classes", ","), ("--size", "size", "x")):
        if settings[name]:
            words += [option, joint.join(map(str, settings[name]))]
    if settings["seed"]:
        words += ["--seed", str(settings["seed"])]
    return shlex.join(words)


def render_reference(data: ReferenceData) -> bytes:
    """Return the page as UTF-8 bytes."""
    study, audit, theirs = data.study, data.audit, published()
    manifest = data.dataset.manifest
    sampled = samples(manifest, SAMPLES)
    doubted = suspects(manifest, audit, MOST_SUSPECTS)
    rows = {row for _, members in sampled for row in members} | {one.row for one in doubted}
    quality = None if max(data.dataset.size) <= LOSSLESS else QUALITY
    album = make_album(data.dataset.pixels, rows, SIDE, quality)
    template = page_environment(album).get_template("reference_page.html")
    html = template.render(
        title=data.title,
        album=album,
        study=study,
        audit=audit,
        theirs=theirs,
        headline=sayings.headline(study, audit, theirs),
        summary=tuple(sayings.summary(study, audit)),
        said={
            "data": sayings.data_words(study, audit, theirs),
            "baseline": sayings.baseline_words(study, theirs),
            "remedies": sayings.remedy_words(study, audit, theirs),
            "final": sayings.final_words(study, theirs),
            "rates": sayings.rate_section(data.rates, theirs),
            "attacks": sayings.attack_section([one.told for one in data.attacks]),
            "undone": sayings.undone_words(study, audit, theirs),
        },
        unstated=tuple(sayings.unstated(study, audit, theirs)),
        accuracies=views.accuracies(study, theirs),
        balanced=views.balanced(study),
        counts=class_counts(audit),
        samples=sampled,
        suspects=doubted,
        pairs=pair_counts(audit),
        baseline=views.baseline(study, audit, theirs),
        experiments=views.experiments(study, audit, theirs),
        undone=views.undone(study),
        rates=rate_view(data.rates),
        attacks=robustness_view(data.attacks),
        command=data.command,
        versions=data.versions,
        explain=Glossary().explain,
    )
    return html.encode("utf-8", errors="replace")
