"""The journal of a search: Optuna's, in a file of the run folder that all workers write to, on any machine."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evenhand.errors import UsageError
from evenhand.study.tuning.space import Point

NAME = "tune"
RANDOM = 10
"""Trials that are drawn at random or given, before anything is learnt from them."""
UNSTOPPED = 6
"""Trials that must be over before others are stopped for being behind them."""
WORKER = "worker"
"""Under this name a trial keeps which worker took it."""


@contextlib.contextmanager
def optuna() -> Iterator[Any]:
    """Yield the library, which keeps silent meanwhile.

    Raises
    ------
    UsageError
        When it is not installed.
    """
    try:
        import optuna as library
    except ImportError as error:
        raise UsageError(
            f"tune needs the package {error.name}. Install it with: pip install 'evenhand[tune]'"
        ) from error
    before = library.logging.get_verbosity()
    library.logging.set_verbosity(library.logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Grouped sampling and PED-ANOVA are called experimental; the versions are pinned.
            warnings.simplefilter("ignore", library.exceptions.ExperimentalWarning)
            yield library
    finally:
        library.logging.set_verbosity(before)


def open_study(library: Any, journal: Path, seed: int) -> Any:
    """Return the search that a journal tells of, new or to be continued; what is drawn next depends on `seed`."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return library.create_study(
        # Its lock is a link to the journal, which must not hang on where the process stands.
        storage=JournalStorage(JournalFileBackend(str(journal.absolute()))),
        study_name=NAME,
        direction="maximize",
        load_if_exists=True,
        sampler=sampler(library, seed),
        pruner=library.pruners.MedianPruner(n_startup_trials=UNSTOPPED, n_warmup_steps=0),
    )


def sampler(library: Any, seed: int) -> Any:
    """Return what draws the next point, given all that is known: the tree-structured Parzen estimator."""
    return library.samplers.TPESampler(
        seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=RANDOM
    )


def prepare(journal: Path, starts: Sequence[Point]) -> None:
    """Make the journal ready for workers: begin it with these points, or tidy up after a search that was killed.

    Only the owner of the run folder may call this, while no worker is at it.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    # A process that was killed in the middle of a line left its lock; nobody else can hold it now.
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    _cut(journal)
    with optuna() as library:
        study = open_study(library, journal, 0)
        valid = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name != "FAIL"]
        known = [trial.system_attrs.get("fixed_params") for trial in valid]
        for point in starts:
            if point not in known:
                study.enqueue_trial(point)
        for trial in study.get_trials(deepcopy=False):
            if trial.state.name == "RUNNING" and WORKER not in trial.user_attrs:
                study._storage.set_trial_user_attr(trial._trial_id, WORKER, 0)


def _cut(journal: Path) -> None:
    """Take away a last line that was not written to its end."""
    if not journal.is_file():
        return
    with journal.open("rb+") as file:
        data = file.read()
        if data and not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)


def finished(journal: Path) -> int:
    """Return how many trials are over."""
    with optuna() as library:
        trials = open_study(library, journal, 0).get_trials(deepcopy=False)
    return sum(trial.state.is_finished() and trial.value is not None for trial in trials)
