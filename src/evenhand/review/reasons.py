"""Why a picture is shown, in words that somebody can agree or disagree with."""

from __future__ import annotations

from collections import Counter

import numpy as np

from evenhand.records.values import Ints
from evenhand.review.queue import Queue


def reason(queue: Queue, row: int, alike: Ints) -> str:
    """Return in plain sentences why a picture is shown.

    Parameters
    ----------
    queue : Queue
        What is believed about the pictures.
    row : int
        The picture.
    alike : (m,) int64
        The pictures most like it, whatever their class, those with doubtful labels left out.
    """
    sentences = [_opinion(queue, row), _company(queue, alike), _copies(queue, row)]
    return " ".join(sentence for sentence in sentences if sentence)


def _opinion(queue: Queue, row: int) -> str:
    classes = queue.manifest.classes
    given, suggested = int(queue.manifest.given[row]), int(queue.suggested[row])
    chances = queue.probabilities[row]
    against = ""
    if suggested != given and not np.isnan(chances).any():
        against = f": {percent(chances[suggested])} against {percent(chances[given])} for {classes[given]}"
    if queue.manifest.split[row] == "test":
        opinion = "agrees" if suggested == given else f"calls it {classes[suggested]}{against}"
        return f"The final model {opinion}. It is a test picture: figures are shown on given and on corrected labels."
    if queue.check[row]:
        return "A random check, drawn from the pictures nobody suspects: it shows how many wrong labels were missed."
    if np.isnan(queue.suspicion[row]):
        return "The audit did not judge its label."
    chance = f"With a probability of {percent(queue.suspicion[row])} its label {classes[given]} is wrong."
    if queue.flagged[row]:
        return f"Networks that had not seen this picture take it for {classes[suggested]}{against}. {chance}"
    return f"Not a suspect. {chance}"


def _company(queue: Queue, alike: Ints) -> str:
    """Return under which classes the pictures most like it are filed."""
    if not len(alike):
        return ""
    filed = Counter(queue.manifest.given[alike].tolist()).most_common()
    names = [queue.manifest.classes[label] for label, _ in filed]
    if len(filed) == 1:
        return f"The {len(alike)} pictures most like it are all filed as {names[0]}."
    listed = [f"{name} ({count})" for name, (_, count) in zip(names, filed, strict=True)]
    return f"The {len(alike)} pictures most like it are filed as {_and(listed)}."


def _copies(queue: Queue, row: int) -> str:
    """Return what its copies are filed as, where that is something else."""
    manifest, others = queue.manifest, [other for other in queue.copies.get(row, ()) if other != row]
    differing = [other for other in others if manifest.given[other] != manifest.given[row]]
    if not differing:
        return ""
    names = _and(sorted({manifest.classes[manifest.given[other]] for other in differing}))
    same = any(manifest.pixel_sha256[other] == manifest.pixel_sha256[row] for other in differing)
    if same:
        return f"The same pixels are also filed as {names}; what you decide holds for all of them."
    return f"A near-duplicate is filed as {names}." if len(differing) == 1 else f"Near-duplicates are filed as {names}."


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def percent(value: float) -> str:
    """Return a share as people say it; nothing is called certain."""
    if value < 0.005:
        return "less than 1 %"
    return f"{100 * float(value):.0f} %" if value < 0.995 else "more than 99 %"
