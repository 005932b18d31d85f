"""The report: one HTML file that needs nothing else, and never outgrows its budget."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evenhand.errors import EvenhandError
from evenhand.reporting import words
from evenhand.reporting.content import ReportData
from evenhand.reporting.data_view import class_counts, copies, samples, suspects
from evenhand.reporting.evaluation_view import EvaluationView
from evenhand.reporting.glossary import Glossary
from evenhand.reporting.pictures import Album, make_album
from evenhand.reporting.results_view import final, leaderboard
from evenhand.reporting.verdict import verdict
from evenhand.store import write_bytes

LIMIT = 5_000_000
"""Bytes that a report may have."""
MOST_PICTURES = 2400


@dataclass(frozen=True)
class Allowance:
    """How many pictures a report shows, and how well: the first that fits the budget is taken."""

    cell: int
    suspects: int
    copies: int
    samples: int
    side: int
    quality: int | None


ALLOWANCES = (
    Allowance(cell=18, suspects=60, copies=24, samples=8, side=64, quality=None),
    Allowance(cell=18, suspects=60, copies=24, samples=8, side=64, quality=90),
    Allowance(cell=12, suspects=60, copies=24, samples=8, side=64, quality=82),
    Allowance(cell=6, suspects=60, copies=24, samples=8, side=64, quality=80),
    Allowance(cell=3, suspects=60, copies=24, samples=6, side=64, quality=75),
    Allowance(cell=1, suspects=48, copies=16, samples=4, side=48, quality=70),
    Allowance(cell=0, suspects=24, copies=8, samples=1, side=32, quality=60),
    Allowance(cell=0, suspects=0, copies=0, samples=0, side=32, quality=60),
)
LOSSLESS_SIDE = 32
"""Images up to this many pixels a side are kept as they are where there is room."""


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
    for allowance in ALLOWANCES:
        if allowance.quality is None and max(data.dataset.size) > LOSSLESS_SIDE:
            continue
        page = _page(data, allowance)
        if page is not None and len(page) <= limit:
            return page
    raise EvenhandError(
        f"The report does not fit {limit:,} bytes even without pictures: {len(data.audit.classes)} classes and "
        f"{len(data.results)} candidates are too many for one page. Compare fewer candidates."
    )


def _page(data: ReportData, allowance: Allowance) -> bytes | None:
    """Return the page with so many pictures; None where they are too many to try."""
    manifest = data.dataset.manifest
    board, last = leaderboard(data, allowance.cell), final(data, allowance.cell)
    shown = samples(manifest, allowance.samples)
    doubted = suspects(manifest, data.audit, allowance.suspects)
    twins = copies(manifest, data.audit, allowance.copies)
    evaluations = [row.evaluation for row in board.rows]
    if last:
        evaluations += [last.given] + ([last.corrected] if last.corrected else [])
    wanted = {row for _, rows in shown for row in rows} | {suspect.row for suspect in doubted}
    wanted |= {twin.row for twin in twins if twin.row >= 0}
    wanted |= {row for evaluation in evaluations for row in evaluation.rows}
    if len(wanted) > MOST_PICTURES and allowance.cell > 1:
        return None
    album = make_album(data.dataset.pixels, wanted, allowance.side, allowance.quality)
    html = (
        _environment(album)
        .get_template("page.html")
        .render(
            data=data,
            audit=data.audit,
            verdict=verdict(data),
            counts=class_counts(data.audit),
            samples=shown,
            suspects=doubted,
            copies=twins,
            copy_groups=len({row.group for row in data.audit.duplicates}),
            board=board,
            final=last,
            album=album,
            pictures=_pictures_json(data, album, evaluations),
            explain=Glossary().explain,
            settings=sorted(data.reproduce.settings.items()),
        )
    )
    return html.encode("utf-8", errors="replace")


def _environment(album: Album) -> Environment:
    environment = Environment(
        loader=PackageLoader("evenhand.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": words.name,
        "clipped": words.clipped,
        "number": words.number,
        "percent": words.percent,
        "code": words.code,
    }
    environment.globals |= {
        "picture": album.picture,
        "counted": words.counted,
        "span": words.span,
        "sentence": words.sentence,
        "listed": words.listed,
    }
    return environment


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
        "paths": [words.clipped(manifest.paths[row]) for row in album.place],
        "cells": cells,
    }
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704 - no markup is left
