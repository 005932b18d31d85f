"""Trials for MLflow: a run for each, in a database file on this machine unless the user names a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from evenhand.errors import EvenhandError
from evenhand.tracking.tracked import Tracked

TAG = "evenhand.trial"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
"""Set before MLflow is loaded: it would report its use to its makers."""
_BATCH = 900
"""Fewer than the 1,000 values that MLflow takes at once."""
_LONGEST = 500
"""Letters of a parameter, above which some stores refuse it."""


class MLflow:
    """Writes trials as MLflow runs of the experiment `evenhand`; a run is finished when it is whole.

    Parameters
    ----------
    place : str
        A folder, in which the file ``mlflow.db`` is made, or an address with ``://`` in it, which is used as it is.
    experiment : str
        Its name, `evenhand` for example.

    Raises
    ------
    EvenhandError
        When the place cannot be written or reached.
    """

    def __init__(self, place: str, experiment: str = "evenhand") -> None:
        os.environ.update(QUIET)
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self._failures = (MlflowException, OSError)
        self.place, artifacts = place, None
        if "://" not in place:
            folder = Path(place).absolute()
            folder.mkdir(parents=True, exist_ok=True)
            self.place, artifacts = f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()
        try:
            self._client = MlflowClient(tracking_uri=self.place)
            known = self._client.get_experiment_by_name(experiment)
            self._experiment = (
                known.experiment_id
                if known
                else self._client.create_experiment(experiment, artifact_location=artifacts)
            )
        except self._failures as error:
            raise self._failed(error) from error

    def known(self) -> frozenset[str]:
        """Return the keys of the trials whose runs are finished."""
        try:
            return frozenset(run.data.tags[TAG] for run in self._runs("attributes.status = 'FINISHED'"))
        except self._failures as error:
            raise self._failed(error) from error

    def write(self, trial: Tracked) -> None:
        """Write the run of a trial; what an interrupted process left of it is deleted.

        Raises
        ------
        EvenhandError
            When the place cannot be written or reached.
        """
        try:
            for half in self._runs(f"tags.`{TAG}` = '{trial.key}'"):
                self._client.delete_run(half.info.run_id)
            self._write(trial)
        except self._failures as error:
            raise self._failed(error) from error

    def _write(self, trial: Tracked) -> None:
        from mlflow.entities import Metric, Param

        end = int(trial.finished * 1000)
        start = end - int(trial.seconds * 1000)
        run = self._client.create_run(
            self._experiment, start_time=start, run_name=trial.name, tags={TAG: trial.key}
        ).info.run_id
        params = [Param(name, str(value)[:_LONGEST]) for name, value in trial.settings.items()]
        points = [(name, value, step) for name, curve in trial.curves.items() for step, value in curve]
        points += [(name, value, 0) for name, value in {**trial.figures, "seconds": trial.seconds}.items()]
        metrics = [Metric(name, value, end, step) for name, value, step in points]
        for first in range(0, len(params), 100):
            self._client.log_batch(run, params=params[first : first + 100])
        for first in range(0, len(metrics), _BATCH):
            self._client.log_batch(run, metrics=metrics[first : first + _BATCH])
        self._client.set_terminated(run, "FINISHED", end_time=end)

    def _runs(self, condition: str) -> list[Any]:
        """Return the runs of ours that meet a condition."""
        found: list[Any] = []
        token = None
        while token != "":
            page = self._client.search_runs([self._experiment], condition, max_results=1000, page_token=token)
            found += [run for run in page if TAG in run.data.tags]
            token = page.token or ""
        return found

    def _failed(self, error: Exception) -> EvenhandError:
        reason = str(error).strip().split("\n")[0]
        return EvenhandError(f"MLflow could not write to {self.place}: {reason}. Check the place given with --track.")
