"""How far a review has come: how good the suggestions are, how many wrong labels are left, and when to stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any

import numpy as np

from evenhand.evaluation.intervals import wilson
from evenhand.records.values import Ints
from evenhand.review.queue import Flags, Queue
from evenhand.review.remaining import wrong_left
from evenhand.review.standing import UNDECIDED

LAST = 20
"""The suspects settled last decide whether going on is worth it."""


def tally(queue: Queue, decided: Ints, newest: Iterable[int]) -> dict[str, Any]:
    """Return the state of a review as JSON values.

    Parameters
    ----------
    queue : Queue
        What there is to review.
    decided : (n,) int64
        The class decided on for each row of the manifest, K for excluded, -1 for undecided.
    newest : iterable of int
        The rows that are decided, the newest decision first.
    """
    given, k = queue.manifest.given, len(queue.manifest.classes)
    judged = ~np.isnan(queue.suspicion) & (queue.manifest.split == "train")
    open_ = judged & (decided == UNDECIDED)
    suspects, checks = judged & queue.flagged, judged & queue.check
    labelled = suspects & (decided != UNDECIDED) & (decided < k)
    right = labelled & (decided == queue.suggested)
    checked = checks & (decided != UNDECIDED) & (decided < k)
    missed = checked & (decided != given)
    state: dict[str, Any] = {
        "suspects": int(suspects.sum()),
        "suspects_settled": int((suspects & ~open_).sum()),
        "checks": int(checks.sum()),
        "checks_settled": int((checks & ~open_).sum()),
        "settled": int((decided != UNDECIDED).sum()),
        "changed": int(((decided != UNDECIDED) & (decided != given) & (decided < k)).sum()),
        "kept": int((decided == given).sum()),
        "excluded": int((decided == k).sum()),
        "precision": _share(int(right.sum()), int(labelled.sum())),
        "left": _left(queue, decided, judged),
        "missed": _share(int(missed.sum()), int(checked.sum())),
        "unsuspected_open": int((open_ & ~queue.flagged).sum()),
    }
    told = set(np.flatnonzero(labelled).tolist())
    recent = list(islice((row for row in newest if row in told), min(LAST, len(told))))
    wrong = sum(int(decided[row] != given[row]) for row in recent)
    return state | {"advice": _advice(state, len(recent), wrong)}


def _left(queue: Queue, decided: Ints, judged: Flags) -> dict[str, float]:
    """Return how many wrong labels are left, with its 95 % interval. An excluded picture has no label any more."""
    settled = decided[judged]
    known = (settled != UNDECIDED) & (settled < len(queue.manifest.classes))
    wrong = np.where(known, settled != queue.manifest.given[judged], np.nan).astype(np.float32)
    return asdict(
        wrong_left(queue.suspicion[judged], queue.flagged[judged], queue.check[judged], wrong, settled == UNDECIDED)
    )


def _share(hits: int, n: int) -> dict[str, float] | None:
    """Return a share with its 95 % interval; None where nothing was counted."""
    if not n:
        return None
    low, high = wilson(hits, n)
    return {"hits": hits, "n": n, "value": hits / n, "low": float(low), "high": float(high)}


def _advice(state: dict[str, Any], recent: int, wrong: int) -> str:
    """Return whether to go on, and why, in a sentence or two."""
    open_ = state["suspects"] - state["suspects_settled"]
    left = f"About {number(state['left']['value'])} wrong labels are left."
    if open_:
        if recent == LAST and wrong <= LAST // 10:
            return f"You may stop here: of the last {LAST} suspects only {wrong} had a wrong label. {left}"
        return f"Go on: {number(open_)} of {number(state['suspects'])} suspects are open."
    begun = "All suspects are settled" if state["suspects"] else "The audit named no suspects"
    unchecked, missed = state["checks"] - state["checks_settled"], state["missed"]
    if unchecked:
        are = "random check is open; it tells" if unchecked == 1 else "random checks are open; they tell"
        return f"{begun}. {unchecked} {are} how many wrong labels nobody suspects."
    if missed is None:
        return f"{begun}. You can stop."
    if missed["hits"]:
        return (
            f"{begun}, but {missed['hits']} of {missed['n']} random checks had a wrong label. {left} Look through the "
            "classes, worst first, or run the audit again with these edits."
        )
    return f"You can stop. {begun}, and none of {missed['n']} random checks had a wrong label. {left}"


def number(value: float) -> str:
    """Return a count as people write it."""
    return f"{round(value):,}"
