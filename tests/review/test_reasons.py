from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenhand.review.queue import Queue, read_queue
from evenhand.review.reasons import percent, reason

NOBODY = np.empty(0, dtype=np.int64)


@pytest.fixture
def queue(run_folder: Path) -> Queue:
    return read_queue(run_folder)


def test_a_suspect_is_shown_because_of_what_networks_say(queue: Queue) -> None:
    assert reason(queue, 0, NOBODY) == (
        "Networks that had not seen this picture take it for Cars: 91 % against 5 % for Cats. "
        "With a probability of 99 % its label Cats is wrong."
    )
    queue.probabilities[0] = np.nan
    assert reason(queue, 0, NOBODY).startswith("Networks that had not seen this picture take it for Cars. With")


def test_a_check_and_a_picture_of_no_suspicion_say_so(queue: Queue) -> None:
    check, calm = np.flatnonzero(queue.check)[0], np.flatnonzero(~queue.check[14:64])[0] + 14
    assert reason(queue, int(check), NOBODY).startswith("A random check, drawn from the pictures nobody suspects")
    assert reason(queue, int(calm), NOBODY).startswith("Not a suspect. With a probability of ")
    queue.suspicion[calm] = np.nan
    assert reason(queue, int(calm), NOBODY) == "The audit did not judge its label."


def test_a_test_picture_is_about_the_final_model(queue: Queue) -> None:
    test = "It is a test picture: figures are shown on given and on corrected labels."
    assert reason(queue, 69, NOBODY) == f"The final model agrees. {test}"
    queue.suggested[69] = (queue.manifest.given[69] + 1) % 3
    name = queue.manifest.classes[queue.suggested[69]]
    assert reason(queue, 69, NOBODY) == f"The final model calls it {name}. {test}"


def test_the_company_it_keeps_is_counted(queue: Queue) -> None:
    given = queue.manifest.given
    cars, cats = np.flatnonzero(given == 0)[:5], np.flatnonzero(given == 1)[:2]
    told = reason(queue, 0, np.concatenate([cats, cars]))
    assert told.endswith(" The 7 pictures most like it are filed as Cars (5) and Cats (2).")
    assert reason(queue, 0, cars).endswith(" The 5 pictures most like it are all filed as Cars.")
    every = np.concatenate([cars, cats, np.flatnonzero(given == 2)[:1]])
    assert reason(queue, 0, every).endswith(" are filed as Cars (5), Cats (2) and Trucks (1).")


def test_copies_of_another_class_are_named(queue: Queue) -> None:
    near = replace(queue, copies=dict.fromkeys((0, 1, 2), (0, 1, 2)))
    assert [near.manifest.given[row] for row in (0, 1, 2)] == [1, 2, 0]
    assert reason(near, 0, NOBODY).endswith(" Near-duplicates are filed as Cars and Trucks.")
    two = replace(queue, copies=dict.fromkeys((0, 1), (0, 1)))
    assert reason(two, 0, NOBODY).endswith(" A near-duplicate is filed as Trucks.")
    hashes = list(queue.manifest.pixel_sha256)
    hashes[1] = hashes[0]
    same = replace(near, manifest=replace(queue.manifest, pixel_sha256=tuple(hashes)))
    assert reason(same, 0, NOBODY).endswith(
        " The same pixels are also filed as Cars and Trucks; what you decide holds for all of them."
    )
    given = queue.manifest.given.copy()
    given[[1, 2]] = given[0]
    agreeing = replace(near, manifest=replace(queue.manifest, given=given))
    assert "filed as" not in reason(agreeing, 0, NOBODY)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "less than 1 %"),
        (0.004, "less than 1 %"),
        (0.006, "1 %"),
        (0.5, "50 %"),
        (0.994, "99 %"),
        (1, "more than 99 %"),
    ],
)
def test_nothing_is_called_certain(value: float, words: str) -> None:
    assert percent(value) == words
