"""The Ray engine on a cluster of two nodes on this machine, one of which is killed in the middle of a study."""

import csv
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from evenhand.cli.options import settings
from evenhand.engines.contract import check_engine
from evenhand.engines.ray import RayEngine
from evenhand.errors import EvenhandError, UsageError
from evenhand.pipeline.run import compare
from evenhand.pipeline.tuning import tune

pytestmark = [
    pytest.mark.filterwarnings("ignore:::ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO:FutureWarning"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one node with one core, to which tests add others."""
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'evenhand[ray]'")
    from ray.cluster_utils import Cluster

    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0", "RAY_worker_niceness": "0"}
    with mock.patch.dict(os.environ, quiet):
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def second(cluster: Any) -> Iterator[Any]:
    """A second node of one core; a test may take it away."""
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield node
    if node in cluster.list_all_nodes():
        cluster.remove_node(node)


@pytest.fixture
def connected(cluster: Any) -> Any:
    """Ray, connected for the rest of the file: an engine then uses that connection, which saves seconds."""
    import ray

    if not ray.is_initialized():
        ray.init(address=cluster.address, log_to_driver=False)
    return ray


def leaderboard(run: Path) -> bytes:
    return (run / "leaderboard.csv").read_bytes()


def test_it_keeps_the_contract_of_engines(cluster: Any, second: Any) -> None:
    check_engine(lambda: RayEngine(address=cluster.address))


def test_a_study_goes_on_when_a_node_dies_and_comes_to_the_same_leaderboard(
    cluster: Any, second: Any, connected: Any, pictures: Path, tmp_path: Path
) -> None:
    words = {
        "data": pictures, "preset": "quick", "remedy": ["none", "sampler", "class-weights"], "repair": "none",
        "folds": 3, "change": ["epochs=10", "precision=float32"], "seed": 0, "device": "cpu", "jobs": 2,
    }  # fmt: skip
    compare(settings("compare", {**words, "out": tmp_path / "local"}))
    trials = tmp_path / "ray" / "trials"
    killed = threading.Event()

    def kill() -> None:
        while not list(trials.glob("[!.]*")):
            time.sleep(0.02)
        cluster.remove_node(second, allow_graceful=False)
        killed.set()

    killer = threading.Thread(target=kill)
    killer.start()
    elsewhere = {"engine": "ray", "address": cluster.address, "jobs": None}
    compare(settings("compare", {**words, **elsewhere, "out": tmp_path / "ray"}))
    left = len(list(trials.iterdir()))
    killer.join()
    assert killed.is_set()
    assert left == len(list((tmp_path / "local" / "trials").iterdir()))
    assert leaderboard(tmp_path / "ray") == leaderboard(tmp_path / "local")
    with (tmp_path / "ray" / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


def test_workers_on_two_nodes_share_a_search(
    cluster: Any, second: Any, connected: Any, pictures: Path, tmp_path: Path
) -> None:
    pytest.importorskip("optuna", reason="needs Optuna: pip install 'evenhand[tune]'")
    words = {
        "data": pictures, "out": tmp_path / "run", "preset": "quick", "remedy": ["none"], "repair": "none", "folds": 2,
        "seeds": 1, "change": ["epochs=2", "precision=float32"], "seed": 0, "device": "cpu", "jobs": None,
        "engine": "ray", "address": cluster.address,
    }  # fmt: skip
    found, _ = tune(settings("tune", words), trials=6)
    assert [trial.number for trial in found.trials] == list(range(6))
    journal = (tmp_path / "run/tune/journal.log").read_text(encoding="utf-8")
    assert set(re.findall(r'"worker": ?(\d)', journal)) == {"0", "1"}
    assert found.trainings == len(set(re.findall(r'"([0-9a-f]{20})"', journal)))


def test_no_more_is_handed_out_than_nodes_have_room_for(
    cluster: Any, second: Any, connected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RayEngine(1) as engine:
        assert engine.jobs == 1
    with RayEngine() as engine:
        assert engine.jobs == 2
        cluster.remove_node(second, allow_graceful=False)
        # Until the cluster has noticed, tasks may be handed out for the node that is gone; they are begun again.
        end = time.monotonic() + 60
        while engine.jobs != 1 and time.monotonic() < end:
            time.sleep(0.1)
        assert engine.jobs == 1
        monkeypatch.setattr(connected, "nodes", lambda: [])
        assert engine.jobs == 1


def test_a_gpu_is_asked_for_in_shares(connected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EvenhandError, match="No node of the Ray cluster has a core and a GPU to give"):
        RayEngine(gpu=True).__enter__()
    big = {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 2.0}}
    few = {"Alive": True, "Resources": {"CPU": 3.0, "GPU": 1.0}}
    gone = {"Alive": False, "Resources": {"CPU": 16.0, "GPU": 2.0}}
    with RayEngine() as engine:
        monkeypatch.setattr(connected, "nodes", lambda: [big, few, gone])
        assert engine.jobs == 19
        engine._gpu = True
        assert engine.jobs == 4 * 2 + 3


def test_every_node_must_see_the_run_folder(connected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The workers of the cluster have another working folder, as other machines have other disks.
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    with pytest.raises(EvenhandError, match=r"cannot write to the run folder here: .*--out"):
        RayEngine(folder=Path("here")).__enter__()
    assert not list(Path("here").iterdir())
    with RayEngine(folder=tmp_path / "here"):
        assert not list(Path("here").iterdir())


def test_nodes_that_would_compute_other_figures_are_refused(connected: Any) -> None:
    def versions() -> dict[str, Any]:
        return {"torch": "1", "process": os.getpid()}

    with RayEngine(alike=versions, may_differ=("process",)) as engine:
        assert len(engine.notes) == 1
        assert "may differ in the last digits: process is" in engine.notes[0]
    with pytest.raises(EvenhandError, match=r"would compute other figures: process is .*, here .*same versions"):
        RayEngine(alike=versions).__enter__()


def test_a_cluster_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="needs Ray: pip install 'evenhand[ray]'")

    def refuse(**words: Any) -> None:
        raise ConnectionError(f"nobody at {words['address']}")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(EvenhandError, match=r"No Ray cluster answers at host:1 \(nobody at host:1\).*--address"):
        RayEngine(address="host:1").__enter__()
    with pytest.raises(EvenhandError, match=r"on this machine .*ray start --head"):
        RayEngine().__enter__()


def test_without_ray_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"needs the package ray.*evenhand\[ray\]"):
        RayEngine().__enter__()


def test_a_node_is_named_by_its_host(connected: Any, tmp_path: Path) -> None:
    with RayEngine() as engine:
        assert {name for name, _, _ in engine._ask_all(tmp_path / "missing")} == {socket.gethostname()}
