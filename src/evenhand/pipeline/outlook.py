"""Around the comparison: who takes part in it, what would help from here, and the study that it may be a replay of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evenhand.disk import write_text
from evenhand.pipeline.desk import Desk
from evenhand.records.comparison import Choice, RemedyResult
from evenhand.settings.study_file import NAME, study_text
from evenhand.study.bench import Bench
from evenhand.study.judging import Candidate, candidates
from evenhand.study.label_audit import LabelAudit
from evenhand.study.next_steps import WhatNext, write_what_next
from evenhand.study.replay import PRESET, Replay, replay, write_replay
from evenhand.study.results import read_judged
from evenhand.study.what_next import COMMANDS, extent, measure_what_next


def entered(desk: Desk, repairs: Sequence[str]) -> list[Candidate]:
    """Return what is compared: every remedy with every repair, in a study file's groups by the recipe of each.

    Parameters
    ----------
    desk : Desk
        Of the run.
    repairs : sequence of str
        Those that are possible.
    """
    preset = desk.preset
    if not preset.groups:
        return candidates(preset.remedies, repairs, desk.recipe(preset.screen))
    return [
        replace(one, group=group.name)
        for group in preset.groups
        for one in candidates(
            [remedy for remedy in group.remedies or () if remedy in preset.remedies],
            [repair for repair in group.repairs or () if repair in repairs],
            desk.recipe(group.model or preset.screen, group=group),
        )
    ]


def keep_study(desk: Desk) -> None:
    """Write the settings of a comparison into its run folder, so that it can be replayed on these or other pictures."""
    write_text(desk.run.path / NAME, study_text(desk.settings))


def what_next(
    desk: Desk, bench: Bench, choice: Choice, audits: tuple[LabelAudit, LabelAudit] | None
) -> WhatNext | None:
    """Write and return what more pictures, settled suspects or a larger network would bring, where that is asked for.

    Parameters
    ----------
    desk : Desk
        Of the run; its comparison is written down.
    bench : Bench
        The training images.
    choice : Choice
        What was chosen.
    audits : pair of LabelAudit, optional
        By which the comparison judged, and the refined one.
    """
    preset = desk.preset
    if not preset.what_next or desk.run.command not in COMMANDS:
        return None
    recipes = {one.network: one.recipe for one in entered(desk, preset.repairs)}
    # The smaller network where there are two; where there are groups, the recipe of the chosen one.
    network = preset.screen if preset.screen in recipes else choice.model
    found = measure_what_next(
        bench,
        desk.manifest.group[bench.rows],
        network,
        recipes[network],
        preset,
        choice,
        read_judged(desk.run.path),
        audits,
        trust=desk.settings.trust,
        size=extent(preset, bench.n_classes, desk.recipe),
        title="Drawing learning curves",
    )
    write_what_next(desk.run.path, found)
    return found


def replayed(desk: Desk, results: Sequence[RemedyResult]) -> Replay | None:
    """Write and return the reference study's table beside one's own, in the preset that replays it and no other."""
    if not desk.replays:
        return None
    settings = desk.settings
    found = replay(
        desk.bench,
        desk.manifest,
        desk.recipe(desk.preset.screen),
        results,
        faithful=not settings.changes and settings.recipe in (None, PRESET) and settings.model in (None, "simple"),
        title="Training the study's experiments on all training images",
    )
    write_replay(desk.run.path, found)
    return found
