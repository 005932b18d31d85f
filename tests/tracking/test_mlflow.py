import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from evenhand.errors import EvenhandError
from evenhand.tracking import mlflow as tracking
from evenhand.tracking.mlflow import MLflow
from evenhand.tracking.tracked import Tracked

TRIAL = Tracked(
    "k" * 20,
    "none seed 0 fold 1 kkkkkkkk",
    {"remedy": "none", "seed": 0, "long": "x" * 900},
    {"loss/step": tuple((step, 1 / step) for step in range(1, 2001))},
    {"held_out/accuracy": 0.25},
    2.5,
    1_700_000_000.0,
)


class RefusalError(Exception):
    """What a server that is not there answers."""


class Client:
    """Keeps in memory what the real client would write, and knows the limits that it has."""

    runs: dict[str, SimpleNamespace]
    asked: list[str]
    dies = False

    def __init__(self, tracking_uri: str) -> None:
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
        if tracking_uri == "http://nowhere":
            raise RefusalError("connection refused\nat some length")
        type(self).asked.append(tracking_uri)

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(experiment_id="1") if type(self).runs else None

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        assert (name, (artifact_location or "file://")[:7]) == ("evenhand", "file://")
        return "1"

    def create_run(self, experiment: str, start_time: int, run_name: str, tags: dict[str, str]) -> Any:
        name = f"run{len(self.runs)}"
        info = SimpleNamespace(run_id=name, status="RUNNING", start=start_time, end=0, name=run_name)
        self.runs[name] = SimpleNamespace(info=info, data=SimpleNamespace(tags=tags), params={}, metrics=[])
        return self.runs[name]

    def log_batch(self, run: str, params: Any = (), metrics: Any = ()) -> None:
        assert len(params) <= 100
        assert len(metrics) <= 1000
        if metrics and self.dies:
            raise KeyboardInterrupt
        self.runs[run].params |= dict(params)
        self.runs[run].metrics += metrics

    def set_terminated(self, run: str, status: str, end_time: int) -> None:
        self.runs[run].info.status, self.runs[run].info.end = status, end_time

    def delete_run(self, run: str) -> None:
        del self.runs[run]

    def search_runs(self, experiments: list[str], condition: str, max_results: int, page_token: str | None) -> Any:
        found = [
            run
            for run in self.runs.values()
            if condition
            in (
                f"attributes.status = '{run.info.status}'",
                f"tags.`{tracking.TAG}` = '{run.data.tags.get(tracking.TAG)}'",
            )
        ]
        place = int(page_token or 0)
        page = Page(found[place : place + 1])
        page.token = str(place + 1) if place + 1 < len(found) else None
        return page


class Page(list[Any]):
    """One result at a time, so that there are several pages."""

    token: str | None = None


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    """Put a client in the place of MLflow's, which the test command does not install."""
    Client.runs, Client.asked, Client.dies = {}, [], False
    for name, content in {
        "mlflow": {},
        "mlflow.exceptions": {"MlflowException": RefusalError},
        "mlflow.tracking": {"MlflowClient": Client},
        "mlflow.entities": {"Metric": lambda *row: row, "Param": lambda *row: row},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in tracking.QUIET:
        monkeypatch.setenv(name, "")
    return Client


def test_a_trial_is_a_finished_run_in_a_file_of_the_folder(tmp_path: Path, client: type[Client]) -> None:
    tracker = MLflow(str(tmp_path / "ml"))
    tracker.write(TRIAL)
    assert client.asked == [f"sqlite:///{tmp_path / 'ml/mlflow.db'}"]
    (run,) = client.runs.values()
    assert (run.info.name, run.info.status) == (TRIAL.name, "FINISHED")
    assert (run.info.start, run.info.end) == (1_699_999_997_500, 1_700_000_000_000)
    assert run.params == {"remedy": "none", "seed": "0", "long": "x" * 500}
    assert len(run.metrics) == 2002
    assert ("loss/step", 0.5, 1_700_000_000_000, 2) in run.metrics
    assert tracker.known() == {TRIAL.key}


def test_what_an_interrupted_process_left_is_replaced(tmp_path: Path, client: type[Client]) -> None:
    client.dies = True
    with pytest.raises(KeyboardInterrupt):
        MLflow(str(tmp_path)).write(TRIAL)
    client.dies = False
    assert MLflow(str(tmp_path)).known() == frozenset()
    MLflow(str(tmp_path)).write(TRIAL)
    assert [run.info.status for run in client.runs.values()] == ["FINISHED"]


def test_all_pages_are_looked_through_and_runs_of_others_left_alone(tmp_path: Path, client: type[Client]) -> None:
    tracker = MLflow(str(tmp_path))
    for name in "abc":
        tracker.write(Tracked(name, name, {}, {}, {}, 0.0, 0.0))
    foreign = client("x").create_run("1", 0, "somebody's", {})
    foreign.info.status = "FINISHED"
    assert tracker.known() == {"a", "b", "c"}


def test_an_address_is_asked_only_when_it_is_named(tmp_path: Path, client: type[Client]) -> None:
    MLflow("http://somewhere:5000")
    assert client.asked == ["http://somewhere:5000"]
    with pytest.raises(EvenhandError, match=r"could not write to http://nowhere: connection refused\. Check the place"):
        MLflow("http://nowhere")


REAL = """
import sys
from pathlib import Path
from evenhand.tracking.mlflow import MLflow
from evenhand.tracking.tracker import check_tracker
check_tracker(lambda folder: MLflow(str(folder)), Path(sys.argv[1]))
"""


@pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None,
    reason="MLflow is an extra with thirty packages; make test leaves it out",
)
def test_the_real_client_keeps_the_contract(tmp_path: Path) -> None:
    # In a process of its own: MLflow changes warnings, signals and the environment of the one that loads it.
    done = subprocess.run([sys.executable, "-c", REAL, str(tmp_path / "ml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ml/mlflow.db").is_file()
