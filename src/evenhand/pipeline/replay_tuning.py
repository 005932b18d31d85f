"""The search that the reference study named and did not do: settings of its own recipe, in a run of its own."""

from __future__ import annotations

import time
from dataclasses import replace

from evenhand.errors import EvenhandError, UsageError
from evenhand.pipeline.tuning import tune
from evenhand.progress import Progress
from evenhand.settings.commands import Settings
from evenhand.study.tuning.words import summary

FOLDER = "tuning"
"""Within the run folder of the replay."""


def tuned(settings: Settings, seconds: float, progress: Progress) -> tuple[str, ...]:
    """Return what a search comes to that begins at the study's network and recipe, in sentences.

    It is judged out of fold on the training images, as every search is, and goes on where it stopped.

    Parameters
    ----------
    settings : Settings
        Of the replay.
    seconds : float
        How long it may take.
    progress : Progress
        Told how far the work is.

    Raises
    ------
    UsageError
        When Optuna is not installed, or the folder holds another search.
    """
    asked = replace(
        settings,
        out=settings.out / FOLDER,
        preset="standard",
        model="simple",
        recipe="reference",
        folds=None,
        repairs=None,
        time_limit=seconds,
        started=time.monotonic(),
    )
    try:
        found, _ = tune(asked, progress)
    except UsageError:
        raise
    except EvenhandError as error:
        # All else of the replay is finished by now, and is worth a page.
        return (f"The search came to nothing: {str(error).replace('--time-limit', '--tune')}",)
    return tuple(summary(found))
