"""How far a review has come: how good the suggestions are, how many wrong labels are left, and when to stop."""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand.evaluation.intervals import wilson
from evenhand.records import Ints
from evenhand.review.queue import Queue

UNDECIDED = -1
LAST = 20
"""The suspects settled last decide whether going on is worth it."""


def tally(queue: Queue, decided: Ints, latest: list[int]) -> dict[str, Any]:
    """Return the state of a review as JSON values.

    Parameters
    ----------
    queue : Queue
        What there is to review.
    decided : (n,) int64
        The class decided on for each row of the manifest, K for excluded, -1 for undecided.
    latest : list of int
        Rows in the order in which they were decided.
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
        "excluded": int((decided == k).sum()),
        "precision": _share(int(right.sum()), int(labelled.sum())),
        "left_by_suspicion": float(queue.suspicion[open_].sum()),
        "missed": _share(int(missed.sum()), int(checked.sum())),
        "unsuspected_open": int((open_ & ~queue.flagged).sum()),
    }
    recent = [row for row in latest if suspects[row] and decided[row] != UNDECIDED][-LAST:]
    wrong = sum(int(decided[row] != given[row]) for row in recent)
    return state | {"advice": _advice(state, len(recent), wrong)}


def _share(hits: int, n: int) -> dict[str, float] | None:
    """Return a share with its 95 % interval; None where nothing was counted."""
    if not n:
        return None
    low, high = wilson(hits, n)
    return {"hits": hits, "n": n, "value": hits / n, "low": float(low), "high": float(high)}


def _advice(state: dict[str, Any], recent: int, wrong: int) -> str:
    """Return whether to go on, in a sentence or two."""
    left = state["suspects"] - state["suspects_settled"]
    if left:
        if recent == LAST and wrong <= LAST // 10:
            return f"You may stop here: of the last {LAST} suspects only {wrong} had a wrong label."
        return f"Go on: {left} of {state['suspects']} suspects are open."
    missed = state["missed"]
    begun = "All suspects are settled" if state["suspects"] else "The audit named no suspects"
    if state["checks_settled"] < state["checks"]:
        return (
            f"{begun}. {state['checks'] - state['checks_settled']} random checks are open; they tell how many wrong "
            "labels nobody suspects."
        )
    if missed is None:
        return f"{begun}. You can stop."
    if missed["hits"]:
        return (
            f"{begun}, but {missed['hits']} of {missed['n']} random checks had a wrong label. Look through the "
            "classes, worst first, or run the audit again with these edits."
        )
    return f"You can stop. {begun}, and none of {missed['n']} random checks had a wrong label."
