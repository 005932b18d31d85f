"""Several attacks, of which the worst counts image by image: no attack alone finds every weakness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evenhand.attacks.base import Attack
from evenhand.attacks.black_box import Square
from evenhand.attacks.gradient import APGD
from evenhand.attacks.minimum_norm import DDN, FMN
from evenhand.attacks.result import AttackResult
from evenhand.attacks.session import run
from evenhand.attacks.threat import Threat
from evenhand.attacks.victim import Victim
from evenhand.errors import UsageError
from evenhand.progress import SILENT, Progress
from evenhand.records.values import Ints

AIMED = "apgd-aimed"
MOST_AIMS = 9
"""Wrong classes that the standard ensemble aims at one after the other, the likeliest first."""

Member = tuple[str, Attack]


def standard(threat: Threat, n_classes: int, *, differentiable: bool = True) -> list[Member]:
    """Return the attacks of the standard ensemble, the quick ones first.

    Within a budget in linf or l2: APGD on cross-entropy, on the difference of logits ratio (below four classes on the
    margin), APGD aimed at each of the likeliest wrong classes, FMN, and Square, which needs no gradient. Without a
    budget, and in l1 and l0: the attacks that look for the smallest noise.

    Raises
    ------
    UsageError
        When the model can only be asked, and Square does not work in this norm or without a budget.
    """
    bounded = threat.eps is not None and threat.norm in ("linf", "l2")
    square = [("square", Square())] if bounded else []
    if not differentiable:
        if not square:
            raise UsageError("A model that can only be asked is attacked in linf or l2, with a budget: give --eps.")
        return list(square)
    smallest: list[Member] = [("fmn", FMN())]
    if threat.norm == "l2" and not bounded:
        smallest.append(("ddn", DDN()))
    if not bounded:
        return smallest
    free = "dlr" if n_classes >= 4 else "margin"
    members: list[Member] = [("apgd-ce", APGD(loss="ce")), (f"apgd-{free}", APGD(loss=free))]
    if n_classes > 2:
        members.append((AIMED, APGD(loss=free)))
    return [*members, *smallest, *square]


def ensemble(
    victim: Victim,
    images: Tensor,
    labels: Tensor,
    threat: Threat,
    *,
    members: Sequence[Member] | None = None,
    identity: Ints | None = None,
    seed: int = 0,
    name: str = "standard",
    progress: Progress = SILENT,
) -> AttackResult:
    """Return the worst that several attacks do to each image; `by` says which attack it was.

    With a budget an image that is fooled is left alone by the attacks that follow; without one all of them try, and
    the smallest noise counts.

    Parameters
    ----------
    victim, images, labels, threat, identity, seed, progress
        As `run` takes them.
    members : sequence of (str, Attack), optional
        By default those of `standard`.
    name : str
        Kept in the result.
    """
    if members is None:
        with victim.held(images, seed):
            members = standard(threat, victim.n_classes, differentiable=victim.differentiable)
    worst: AttackResult | None = None
    for label, attack in members:
        for rank in range(min(MOST_AIMS, victim.n_classes - 1) if label == AIMED else 1):
            rows = _still_open(worst, len(images))
            if not len(rows):
                break
            picked = torch.from_numpy(rows)
            found = run(
                victim,
                images[picked],
                labels[picked],
                attack,
                threat,
                targets=_aims(worst, rows, rank) if label == AIMED else None,
                identity=None if identity is None else identity[rows],
                seed=seed,
                name=label,
                progress=progress,
            )
            worst = found if worst is None else _worse(worst, found, rows)
    assert worst is not None  # noqa: S101 - there is at least one member
    return replace(worst, attack=name, targets=np.full_like(worst.targets, -1), smallest=threat.eps is None)


def _still_open(worst: AttackResult | None, n: int) -> Ints:
    """Return the rows that the next attack has to try."""
    if worst is None:
        return np.arange(n, dtype=np.int64)
    wanted = worst.attempted if worst.threat.eps is None else worst.attempted & ~worst.fooled
    return np.flatnonzero(wanted).astype(np.int64)


def _aims(worst: AttackResult | None, rows: Ints, rank: int) -> Tensor:
    """Return the wrong class that the model finds likeliest but `rank` others, for some rows."""
    assert worst is not None  # noqa: S101 - plain attacks come first
    logits = worst.clean_logits[rows].copy()
    logits[np.arange(len(rows)), worst.labels[rows]] = -np.inf
    return torch.from_numpy(np.argsort(-logits, axis=1, kind="stable")[:, rank].copy())


def _worse(worst: AttackResult, found: AttackResult, rows: Ints) -> AttackResult:
    """Return the result with the rows replaced that the last attack did more to."""
    # An aimed attack that misses its class may still have made the model wrong.
    lost = found.called != found.labels
    fooled = lost & (found.noise <= worst.threat.allowed)
    size = np.where(lost, found.noise, np.inf).astype(found.size.dtype)
    png = found.png_logits.argmax(axis=1) != found.labels
    found = replace(found, fooled=fooled, size=size, fooled_png=found.fooled_png | (fooled & png & found.png_within))
    better = fooled & (found.size < worst.size[rows])
    columns: dict[str, Any] = {}
    for part in fields(AttackResult):
        before, new = getattr(worst, part.name), getattr(found, part.name)
        if isinstance(before, np.ndarray) and part.name not in ("queries", "first", "blind"):
            columns[part.name] = before.copy()
            columns[part.name][rows[better]] = new[better]
    queries, first, blind = worst.queries.copy(), worst.first.copy(), worst.blind.copy()
    fresh = (first[rows] < 0) & (found.first > 0)
    first[rows[fresh]] = queries[rows[fresh]] + found.first[fresh]
    queries[rows] += found.queries
    blind[rows] |= found.blind
    return replace(worst, **columns, queries=queries, first=first, blind=blind)
