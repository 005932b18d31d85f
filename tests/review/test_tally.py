import re
from pathlib import Path

import numpy as np
import pytest

from evenhand.evaluation.intervals import wilson
from evenhand.review.queue import Queue, read_queue
from evenhand.review.standing import UNDECIDED
from evenhand.review.tally import LAST, tally


@pytest.fixture
def queue(run_folder: Path) -> Queue:
    return read_queue(run_folder)


def nothing(queue: Queue) -> np.ndarray:
    return np.full(len(queue.manifest), UNDECIDED, dtype=np.int64)


def test_before_the_first_decision_nothing_is_known(queue: Queue) -> None:
    state = tally(queue, nothing(queue), [])
    assert (state["suspects"], state["suspects_settled"], state["settled"]) == (14, 0, 0)
    assert state["precision"] is None
    assert state["missed"] is None
    left = state["left"]
    assert left["low"] <= float(queue.suspicion[:64].sum()) <= left["high"]
    assert state["advice"] == "Go on: 14 of 14 suspects are open."


def test_precision_counts_suggestions_that_were_right(queue: Queue) -> None:
    decided = nothing(queue)
    decided[:5] = queue.suggested[:5]
    decided[5] = queue.manifest.given[5]  # a suspect that was filed rightly
    decided[6] = (queue.suggested[6] + 1) % 3  # wrong, but not as suggested; with three classes that is the given one
    decided[7] = 3  # excluded: says nothing about the suggestion
    state = tally(queue, decided, list(range(8)))
    low, high = wilson(5, 7)
    assert state["precision"] == pytest.approx(
        {"hits": 5, "n": 7, "value": 5 / 7, "low": float(low), "high": float(high)}
    )
    assert (state["suspects_settled"], state["changed"], state["kept"], state["excluded"]) == (8, 5, 2, 1)
    assert state["left"]["high"] < tally(queue, nothing(queue), [])["left"]["high"]


def test_random_checks_tell_what_nobody_suspects(queue: Queue) -> None:
    decided = nothing(queue)
    checks = np.flatnonzero(queue.check)
    decided[checks] = queue.manifest.given[checks]
    decided[checks[0]] = (queue.manifest.given[checks[0]] + 1) % 3
    decided[:14] = queue.suggested[:14]
    state = tally(queue, decided, list(range(14)))
    assert (state["missed"]["hits"], state["missed"]["n"]) == (1, 24)
    assert state["unsuspected_open"] == 64 - 14 - 24
    assert state["advice"].startswith("All suspects are settled, but 1 of 24 random checks had a wrong label.")
    decided[checks[0]] = queue.manifest.given[checks[0]]
    advice = tally(queue, decided, [])["advice"]
    assert advice.startswith("You can stop. All suspects are settled, and none of 24 random checks had a wrong label.")
    assert re.search(r"About \d wrong labels are left\.$", advice)
    decided[checks[:3]] = UNDECIDED
    assert "3 random checks are open" in tally(queue, decided, [])["advice"]


def test_it_says_when_going_on_is_not_worth_it(queue: Queue) -> None:
    queue.flagged[:40] = True
    decided = nothing(queue)
    decided[:LAST] = queue.manifest.given[:LAST]
    assert tally(queue, decided, list(range(LAST)))["advice"].startswith(
        "You may stop here: of the last 20 suspects only 0"
    )
    # An excluded suspect says nothing of its label; the one settled before it counts instead.
    decided[0] = 3
    assert tally(queue, decided, [*range(LAST), LAST])["advice"].startswith("Go on: ")
    decided[LAST] = queue.manifest.given[LAST]
    assert tally(queue, decided, [*range(LAST), LAST])["advice"].startswith("You may stop here")
    decided[:3] = queue.suggested[:3]
    assert tally(queue, decided, list(range(LAST)))["advice"].startswith("Go on: ")


def test_test_pictures_do_not_count(queue: Queue) -> None:
    decided = nothing(queue)
    decided[64:] = 0
    state = tally(queue, decided, [64, 65])
    assert (state["suspects_settled"], state["checks_settled"]) == (0, 0)
