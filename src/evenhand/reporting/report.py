"""The report: one HTML file that needs nothing else, and never outgrows its budget."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evenhand.disk import write_bytes
from evenhand.errors import EvenhandError
from evenhand.reporting import words
from evenhand.reporting.charts import WHOLE, axis
from evenhand.reporting.content import ReportData
from evenhand.reporting.data_view import (
    MOST_FILES,
    Copies,
    Oddity,
    Suspect,
    class_counts,
    copies,
    leak_method,
    leak_views,
    oddities,
    pair_counts,
    samples,
    suspects,
)
from evenhand.reporting.evaluation_view import EvaluationView
from evenhand.reporting.faults import label_sentences, odd_sentence, wrong_labels_found
from evenhand.reporting.glossary import Glossary
from evenhand.reporting.groups import groups
from evenhand.reporting.next_view import next_view
from evenhand.reporting.overview import overview
from evenhand.reporting.pictures import COLUMNS, SHEET, Album, embedded_size, make_album
from evenhand.reporting.rate_view import rate_view
from evenhand.reporting.replay_view import replay_view
from evenhand.reporting.results_view import FinalView, Leaderboard, ResultView, final, leaderboard, rivals
from evenhand.reporting.robustness_view import robustness_view
from evenhand.reporting.tune_view import tune_view
from evenhand.reporting.verdict import model_sentence, row_name, verdict
from evenhand.reporting.worth import worth

LIMIT = 5_000_000
"""Bytes that a report may have."""
FEW_CLASSES = 12
"""Up to so many classes each shows its full row of sample pictures; of more, half a row."""
LOSSLESS_SIDE = 32
"""Images up to this many pixels a side are kept as they are where there is room."""


@dataclass(frozen=True)
class Allowance:
    """How many pictures a report shows, and how well."""

    cell: int
    """Pictures behind a cell of the final model's matrix and of the chosen candidate's."""
    others: int
    """Pictures behind a cell of every other candidate's."""
    suspects: int
    copies: int
    """Groups of copies, and as many odd images."""
    samples: int
    """Pictures a class."""
    side: int
    """Longest side of a picture as it is kept, in pixels."""
    quality: int | None
    """Of WebP; None keeps every pixel."""


ALLOWANCES = (
    Allowance(cell=18, others=18, suspects=60, copies=24, samples=8, side=64, quality=None),
    Allowance(cell=18, others=18, suspects=60, copies=24, samples=8, side=64, quality=90),
    Allowance(cell=18, others=12, suspects=60, copies=24, samples=8, side=64, quality=86),
    Allowance(cell=18, others=8, suspects=60, copies=24, samples=8, side=64, quality=82),
    Allowance(cell=18, others=4, suspects=60, copies=24, samples=8, side=64, quality=82),
    Allowance(cell=12, others=2, suspects=60, copies=24, samples=8, side=64, quality=80),
    Allowance(cell=12, others=1, suspects=60, copies=24, samples=8, side=64, quality=78),
    Allowance(cell=8, others=0, suspects=60, copies=24, samples=8, side=64, quality=75),
    Allowance(cell=4, others=0, suspects=60, copies=24, samples=6, side=64, quality=75),
    Allowance(cell=1, others=0, suspects=40, copies=16, samples=4, side=48, quality=70),
    Allowance(cell=0, others=0, suspects=24, copies=8, samples=1, side=32, quality=60),
    Allowance(cell=0, others=0, suspects=0, copies=0, samples=0, side=32, quality=60),
)
"""From plenty to none: the first that fits the budget is taken."""


def write_report(data: ReportData, path: Path) -> Path:
    """Write the report of a run to `path` and return it; the same run gives the same bytes.

    Raises
    ------
    EvenhandError
        When the place cannot be written, or even the words alone would not fit the budget of 5 MB.
    """
    write_bytes(path, render(data))
    return path


def render(data: ReportData, limit: int = LIMIT) -> bytes:
    """Return the report as UTF-8 bytes, at most `limit` of them: pictures are left out until it fits.

    Raises
    ------
    EvenhandError
        When even without pictures it does not fit.
    """
    pixels = data.dataset.pixels
    for allowance in ALLOWANCES:
        if allowance.quality is None and max(data.dataset.size) > LOSSLESS_SIDE:
            continue
        shown = _shown(data, allowance)
        if embedded_size(pixels, shown.rows, allowance.side, allowance.quality) > limit:
            continue
        page = _page(data, shown, allowance)
        if len(page) <= limit:
            return page
    raise EvenhandError(
        f"The report does not fit {limit:,} bytes even without pictures: {len(data.audit.classes)} classes and "
        f"{len(data.results)} candidates are too many for one page. Compare fewer candidates."
    )


@dataclass(frozen=True)
class _Shown:
    """The parts of the page that show pictures."""

    board: Leaderboard
    final: FinalView | None
    samples: list[tuple[str, tuple[int, ...]]]
    suspects: tuple[Suspect, ...]
    copies: tuple[Copies, ...]
    odd: tuple[Oddity, ...]

    @property
    def evaluations(self) -> list[EvaluationView]:
        views = [row.evaluation for row in self.board.rows]
        last = (self.final.given, self.final.corrected) if self.final else ()
        return views + [view for view in last if view]

    @property
    def rows(self) -> set[int]:
        """Rows of the manifest whose pictures are wanted."""
        wanted = {row for _, rows in self.samples for row in rows}
        wanted |= {suspect.row for suspect in self.suspects}
        wanted |= {row for copies in self.copies for row in copies.rows}
        wanted |= {oddity.row for oddity in self.odd}
        return wanted.union(*(view.rows for view in self.evaluations))


def _shown(data: ReportData, allowance: Allowance) -> _Shown:
    manifest = data.dataset.manifest
    few = len(manifest.classes) <= FEW_CLASSES
    return _Shown(
        board=leaderboard(data, allowance.cell, allowance.others),
        final=final(data, allowance.cell),
        samples=samples(manifest, allowance.samples if few else -(-allowance.samples // 2)),
        suspects=suspects(manifest, data.audit, allowance.suspects),
        copies=copies(manifest, data.audit, allowance.copies),
        odd=oddities(manifest, data.audit, allowance.copies),
    )


def _page(data: ReportData, shown: _Shown, allowance: Allowance) -> bytes:
    album = make_album(data.dataset.pixels, shown.rows, allowance.side, allowance.quality)
    template = page_environment(album).get_template("page.html")
    html = template.render(
        **vars(shown),
        **_words(data),
        few_classes=FEW_CLASSES,
        most_files=MOST_FILES,
        album=album,
        pictures=_pictures_json(data, album, shown.evaluations),
        explain=Glossary().explain,
    )
    return html.encode("utf-8", errors="replace")


def _words(data: ReportData) -> dict[str, Any]:
    """Return the parts of the page that do not depend on how many pictures there is room for."""
    settings = ((key, _setting(value)) for key, value in sorted(data.reproduce.settings.items()))
    return {
        "data": data,
        "audit": data.audit,
        "verdict": verdict(data),
        "labels_doubted": wrong_labels_found(data.audit),
        "expected": any(row.expected for row in data.results),
        "overview": overview(data),
        "counts": class_counts(data.audit),
        "copy_groups": data.audit.exact_groups + data.audit.near_groups,
        "leaks": leak_views(data.leakage),
        "leak_method": leak_method(data.leakage),
        "odd_sentence": odd_sentence(data.audit),
        "label_sentences": label_sentences(data.audit),
        "pairs": pair_counts(data.audit),
        "worth": worth(data),
        "rivals": rivals(data),
        "groups": groups(data),
        "against": bool(data.compared),
        "next": next_view(data.what_next, data.audit.classes),
        "replayed": replay_view(data.replay, data.audit.classes),
        "rates": rate_view(data.rates),
        "tuning": tune_view(data.tuning),
        "economy": data.economy.sentences() if data.economy else [],
        "attacks": robustness_view(data.attacks),
        "model_sentence": model_sentence(data),
        "chosen_name": row_name(data.chosen) if data.chosen else "",
        "settings": [(key, text) for key, text in settings if text],
    }


def page_environment(album: Album) -> Environment:
    """Return what the templates of a page may use."""
    environment = Environment(
        loader=PackageLoader("evenhand.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": words.name,
        "path": words.path,
        "clipped": words.clipped,
        "number": words.number,
        "percent": words.percent,
        "chance": words.chance,
        "code": words.code,
        "spaced": words.spaced,
    }
    environment.globals |= {
        "picture": album.picture,
        "counted": words.counted,
        "spelled": words.spelled,
        "spelled_number": words.spelled_number,
        "starting": words.starting,
        "span": words.span,
        "sentence": words.sentence,
        "listed": words.listed,
        "mark": _mark,
        "percent_axis": axis(WHOLE, lambda tick: words.percent(tick, 0)),
        "split_words": {"train": "Training", "val": "Validation", "test": "Test"},
    }
    return environment


def _mark(row: ResultView) -> Markup:
    """Return the tag of a row of the leaderboard."""
    if row.chosen:
        return Markup(' <span class="tag chosen">chosen</span>')
    if row.result.stopped:
        return Markup(' <span class="tag">{}</span>').format(row.result.how_far)
    return Markup(' <span class="tag">tied</span>') if row.tied else Markup("")


def _setting(value: object) -> str:
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pictures_json(data: ReportData, album: Album, evaluations: Iterable[EvaluationView]) -> Markup:
    """Return what the script needs to show the pictures behind a cell, safe inside a script element."""
    manifest = data.dataset.manifest
    cells = {
        view.key: {
            f"{label},{called}": [
                [album.place[row], round(100 * chance)] for row, chance in zip(found.rows, found.chances, strict=True)
            ]
            for (label, called), found in view.pictures.items()
        }
        for view in evaluations
        if view.pictures
    }
    value: dict[str, Any] = {
        "classes": [words.clipped(label) for label in manifest.classes],
        "columns": COLUMNS,
        "sheet": SHEET,
        "paths": [words.clipped(manifest.paths[row]) for row in album.place],
        "cells": cells,
    }
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704 - no markup is left
