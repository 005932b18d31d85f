"""What results look like in a notebook: plain HTML with its styles in it, for light and dark pages, without scripts."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from evenhand.records.evaluation import Evaluation
from evenhand.records.values import Interval, Pixels

BLUE, GREY, LINE = "#3987c9", "rgba(128,128,128,.22)", "rgba(128,128,128,.4)"
"""Seen on white and on black alike; text takes the page's own colour."""
SIDE = 40
"""Height of a picture, in CSS pixels."""
TINY = 48
"""Pictures up to this many pixels a side are enlarged with hard edges."""
_CELL = f"padding:3px 12px 3px 0;border:0;border-bottom:1px solid {LINE};background:none"


class Html(str):
    """Text that is HTML already, and is not escaped once more."""

    __slots__ = ()


def panel(title: str, *parts: str) -> str:
    """Return the HTML of a result: its one sentence, and below it the parts that are not empty."""
    inner = "".join(f'<div style="margin-top:8px">{part}</div>' for part in parts if part)
    return (
        f'<div class="evenhand" style="border:1px solid {LINE};border-radius:6px;padding:12px 16px;max-width:60em;'
        'overflow-x:auto;font-size:13px;line-height:1.5">'
        f'<div style="font-size:15px;font-weight:600">{escape(title)}</div>{inner}</div>'
    )


def paragraph(text: str) -> Html:
    """Return a sentence or several; nothing for none."""
    return Html(f'<div style="max-width:50em">{escape(text)}</div>' if text else "")


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Html:
    """Return a table: numbers to the right, everything else to the left and escaped, unless it is `Html`."""
    body = [list(row) for row in rows]
    right = [bool(body) and all(isinstance(row[place], int | float) for row in body) for place in range(len(header))]

    def cell(value: object, place: int, tag: str) -> str:
        side = "right" if right[place] else "left"
        weight = "600" if tag == "th" else "400"
        return (
            f'<{tag} style="{_CELL};text-align:{side};font-weight:{weight};white-space:nowrap">{_told(value)}</{tag}>'
        )

    lines = [
        "<tr>" + "".join(cell(value, place, tag) for place, value in enumerate(row)) + "</tr>"
        for tag, row in (("th", list(header)), *(("td", row) for row in body))
    ]
    return Html(
        '<table style="border-collapse:collapse;border:0;margin:0;font-size:inherit;color:inherit;'
        'font-variant-numeric:tabular-nums">'
        f"<thead>{lines[0]}</thead><tbody>{''.join(lines[1:])}</tbody></table>"
    )


def _told(value: object) -> str:
    if isinstance(value, Html):
        return value
    if isinstance(value, bool) or value is None:
        return "" if not value else "yes"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def places(named: Iterable[tuple[str, Path]]) -> Html:
    """Return where results lie."""
    told = " · ".join(
        f"{escape(words)}: <code style='background:none'>{escape(str(place))}</code>" for words, place in named
    )
    return Html(f'<span style="opacity:.75">{told}</span>')


def percent(value: float) -> str:
    """Return a share as people read it."""
    return f"{100 * value:.1f} %"


def between(interval: Interval) -> str:
    """Return the ends of an interval of shares."""
    return f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"


def with_interval(found: Interval) -> str:
    """Return a share with its interval in brackets."""
    return f"{percent(found.value)} ({between(found)})"


def whiskers(intervals: Sequence[Interval]) -> list[Html]:
    """Return a small drawing for each interval, all on one scale: the interval as a bar, the value as a dot."""
    if not intervals:
        return []
    low, high = min(one.low for one in intervals), max(one.high for one in intervals)
    reach = max(high - low, 1e-9)

    def place(value: float) -> float:
        return 6 + 148 * (value - low) / reach

    return [
        Html(
            '<svg width="160" height="14" role="img" style="vertical-align:middle" '
            f'aria-label="{percent(one.value)}, {between(one)}">'
            f'<line x1="0" x2="160" y1="7" y2="7" stroke="{GREY}"/>'
            f'<line x1="{place(one.low):.1f}" x2="{place(one.high):.1f}" y1="7" y2="7" stroke="{BLUE}" '
            'stroke-width="3" stroke-linecap="round" opacity=".55"/>'
            f'<circle cx="{place(one.value):.1f}" cy="7" r="4" fill="{BLUE}"/></svg>'
        )
        for one in intervals
    ]


def figures(evaluation: Evaluation) -> Html:
    """Return the figures of an evaluation with their intervals, and each class in words."""
    shares = [("accuracy", evaluation.accuracy), ("balanced accuracy", evaluation.balanced_accuracy)]
    shares.append(("macro F1", evaluation.macro_f1))
    rows = [
        (name, percent(one.value), between(one), drawn)
        for (name, one), drawn in zip(shares, whiskers([one for _, one in shares]), strict=True)
    ]
    others = [("log-loss", evaluation.log_loss), ("calibration error", evaluation.ece)]
    rows += [(name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}", Html("")) for name, one in others]
    classes = [
        (row.name, row.support, percent(row.precision), percent(row.recall), row.reading)
        for row in evaluation.per_class
    ]
    return Html(
        table(["figure", "value", "95 % interval", ""], rows)
        + '<div style="height:10px"></div>'
        + table(["class", "images", "precision", "recall", "in words"], classes)
    )


def confusion(evaluation: Evaluation) -> Html:
    """Return the confusion matrix: rows are labels, columns what they were called; the fuller, the more of a row."""
    rows = []
    for name, counts in zip(evaluation.classes, evaluation.confusion, strict=True):
        total = max(1, sum(counts))
        rows.append([name, *(_shaded(count, count / total) for count in counts)])
    return table(["labelled as \\ called", *evaluation.classes], rows)


def _shaded(count: int, share: float) -> Html:
    return Html(
        f'<span style="display:inline-block;min-width:4em;padding:1px 6px;text-align:right;border-radius:3px;'
        f'background:rgba(57,135,201,{0.6 * share:.3f})">{count:,}</span>'
    )


def strip(pictures: Sequence[Pixels]) -> Html:
    """Return some (h, w, 3) uint8 pictures side by side; they are part of the text, so nothing else is loaded."""
    return Html('<span style="display:inline-flex;gap:3px">' + "".join(map(picture, pictures)) + "</span>")


def picture(pixels: Pixels) -> Html:
    """Return one (h, w, 3) uint8 picture, small."""
    image = Image.fromarray(np.asarray(pixels))
    small = max(image.size) <= TINY
    if not small:
        image.thumbnail((4 * SIDE, 2 * SIDE))
    file = io.BytesIO()
    image.save(file, "PNG" if small else "WEBP")
    kind = "png" if small else "webp"
    edges = "image-rendering:pixelated;" if small else ""
    return Html(
        f'<img alt="" style="height:{SIDE}px;max-width:{2 * SIDE}px;margin:0;{edges}border-radius:2px" '
        f'src="data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}">'
    )
