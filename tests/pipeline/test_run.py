"""The whole way, through the command line, on a hundred small pictures."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evenhand.auditing import label_count
from evenhand.auditing.ledger import Edit, append, edit
from evenhand.cli.options import settings
from evenhand.errors import UsageError
from evenhand.pipeline.run import run as run_pipeline
from evenhand.training.model_file import load_model

Evenhand = Callable[..., Any]
Finished = tuple[Path, Any]
Tree = Callable[[Path], dict[str, str | None]]

TIMED = ("timings.csv", "timing.json", "report.html", ".lock")
"""Files that tell how long things took, or that something works in the folder."""


def lasting(folder: Path, tree: Tree) -> dict[str, str | None]:
    """Return what must be the same bytes whenever the same run is made again."""
    return {
        name: digest
        for name, digest in tree(folder).items()
        if not name.startswith("cache") and Path(name).name not in TIMED
    }


def leaderboard(folder: Path) -> list[dict[str, str]]:
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def trials(folder: Path) -> dict[str, tuple[int, int]]:
    """Return which trials are finished, and what would change if one were written again."""
    places = (folder / "trials").glob("[!.]*")
    return {place.name: (place.stat().st_ino, (place / "oof.npz").stat().st_mtime_ns) for place in places}


def alive(pids: set[int]) -> set[int]:
    found = set()
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.add(pid)
        except OSError:
            pass
    return found


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


# --- what a run leaves ----------------------------------------------------------------------------------------------


def test_a_run_leaves_the_folder_of_the_contract(finished: Finished, tree: Tree) -> None:
    folder, said = finished
    names = set(tree(folder))
    assert names >= {
        "study.json", "manifest.csv", "leaderboard.csv", "report.html", "model/model.safetensors", "model/model.json",
        "audit/balance.csv", "audit/unreadable.csv", "audit/duplicates.csv", "audit/odd_images.csv",
        "audit/label_issues.csv",
    }  # fmt: skip
    assert not [name for name in names if ".tmp" in name or ".partial" in name]
    for place in (folder / "trials").iterdir():
        assert {file.name for file in place.iterdir()} == {"result.json", "curve.csv", "oof.npz", "timing.json"}
    rows = leaderboard(folder)
    assert {(row["remedy"], row["repair"]) for row in rows} == {("none", "none"), ("logit-adjust", "none")}
    scores = [float(row["balanced_accuracy"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert said.json["chosen"]["remedy"] == rows[0]["remedy"]
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert header[:6] == ["path", "sha256", "split", "given", "corrected", "group"]


def test_copies_of_test_images_are_not_trained_on(finished: Finished) -> None:
    folder, _ = finished
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    tested = {row["group"] for row in rows if row["split"] == "test"}
    copies = {number for number, row in enumerate(rows) if row["split"] == "train" and row["group"] in tested}
    assert len(copies) == 3
    pixels = {row["pixel_sha256"] for row in rows if row["split"] == "test"}
    assert sum(rows[number]["pixel_sha256"] in pixels for number in copies) == 2
    with np.load(folder / "results.npz") as results:
        judged = set(results["indices"].tolist())
    assert judged == {number for number, row in enumerate(rows) if row["split"] == "train"} - copies


def test_what_leaks_are_worth_is_measured_and_told_everywhere(finished: Finished) -> None:
    folder, said = finished
    told = json.loads((folder / "audit/leakage.json").read_text(encoding="utf-8"))
    assert told == said.json["leakage"]
    # Of the copies in the demo set, three lie in training with their originals in the test; five pairs lie in training.
    assert (told["test"]["images"], told["test"]["leaked"]["n"], told["test"]["pairs"]) == (3, 3, 2)
    assert (told["grouped"], told["folds"]["pairs"]) == (10, 2)
    assert told["test"]["whole"]["n"] == said.json["test"]["n"]
    assert "What leaks are worth" in (folder / "report.html").read_text(encoding="utf-8")
    for leak in (told["test"], told["folds"]):
        figure = leak["whole"]["balanced_accuracy"]
        difference = figure["leaky"]["value"] - figure["safe"]["value"]
        assert figure["difference"]["value"] == pytest.approx(difference)
        assert figure["difference"]["low"] <= figure["difference"]["value"] <= figure["difference"]["high"]


def test_evaluating_the_model_gives_the_test_figures_of_the_run(
    evenhand: Evenhand, finished: Finished, pictures: Path
) -> None:
    folder, said = finished
    for data in (pictures, pictures / "test"):
        told = evenhand("evaluate", folder / "model", data, "--json").json
        assert {name: told[name] for name in said.json["test"]} == said.json["test"]
    assert load_model(folder / "model").classes == ("Cars", "Cats", "Trucks")


def test_the_same_command_again_only_reads(
    evenhand: Evenhand, finished: Finished, pictures: Path, two_remedies: list[str], tree: Tree
) -> None:
    folder, said = finished
    before, done = lasting(folder, tree), trials(folder)
    again = evenhand("run", pictures, "--out", folder, "--json", *two_remedies)
    assert again.json == said.json
    assert lasting(folder, tree) == before
    assert trials(folder) == done


def test_moved_data_and_a_lost_cache_change_nothing(
    evenhand: Evenhand, finished: Finished, pictures: Path, two_remedies: list[str], tree: Tree, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(finished[0], tmp_path / "run"))
    data = Path(shutil.copytree(pictures, tmp_path / "elsewhere"))
    shutil.rmtree(run / "cache")
    done, before = trials(run), lasting(run, tree)
    told = evenhand("run", data, "--out", run, "--json", *two_remedies).json
    assert trials(run) == done
    after = lasting(run, tree)
    assert {name for name in after if after[name] != before.get(name)} == {"study.json"}
    assert json.loads((run / "study.json").read_text(encoding="utf-8"))["data"] == str(data)
    assert told["test"] == finished[1].json["test"]
    assert evenhand("report", run).code == 0


def test_data_are_never_changed(finished: Finished, pictures: Path, tree: Tree, tmp_path: Path) -> None:
    """The fixtures ran the whole way on these pictures; a fresh copy of the demo set is what they must still be."""
    from evenhand.data.demo import make_demo

    make_demo(tmp_path / "fresh", scale=0.02)
    (tmp_path / "fresh/truth.csv").unlink()
    assert tree(pictures) == tree(tmp_path / "fresh")


def test_the_library_refuses_what_the_command_line_refuses(pictures: Path, tmp_path: Path) -> None:
    words = {"data": pictures, "out": tmp_path / "run", "seed": 0, "device": "cpu", "jobs": 1, "remedy": ["smotte"]}
    with pytest.raises(UsageError, match="Did you mean 'smote'"):
        run_pipeline(settings("run", words))
    assert not (tmp_path / "run").exists()


# --- killed and run again -------------------------------------------------------------------------------------------

CRASH = """
import os, signal, sys
from evenhand.cli.app import main
if __name__ == "__main__":
    left, fsync = [int(sys.argv.pop(1))], os.fsync
    def count_down(handle):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)
    os.fsync = count_down
    main()
"""
"""Dies in the middle of the n-th write of the main process."""


class Disturbed:
    """A run that is started again and again."""

    def __init__(self, folder: Path, program: list[str], words: list[str]) -> None:
        self.run, self.program, self.words = folder / "run", program, [*words, "--out", str(folder / "run")]
        self.crash = folder / "crash.py"
        self.crash.write_text(CRASH, encoding="utf-8")
        self.done: dict[str, tuple[int, int]] = {}

    def start(self, *before: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*(before or self.program), *self.words],
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_trials(self, process: subprocess.Popen[str], more: int) -> None:
        """Wait until some more trials are finished than before."""
        end = time.monotonic() + 60
        while process.poll() is None and len(trials(self.run)) < len(self.done) + more:
            assert time.monotonic() < end
            time.sleep(0.01)

    def check(self) -> None:
        """Everything that was finished is still there, untouched."""
        now = trials(self.run)
        assert {name: now.get(name) for name in self.done} == self.done
        self.done = now

    def killed(self, more: int, *, group: bool) -> None:
        process = self.start()
        self.until_trials(process, more)
        os.killpg(process.pid, signal.SIGKILL) if group else process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        self.check()

    def crashed(self, write: int) -> None:
        process = self.start(sys.executable, str(self.crash), str(write))
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        self.check()

    def interrupted(self, more: int) -> None:
        process = self.start()
        self.until_trials(process, more)
        workers = children(process.pid)
        assert workers
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 130
        assert out == ""
        assert err.splitlines()[-1].startswith("Error: Interrupted. What is finished is kept")
        assert "Traceback" not in err
        end = time.monotonic() + 10
        while alive(workers) and time.monotonic() < end:
            time.sleep(0.05)
        assert not alive(workers)
        self.check()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("how", ["in the first writes, then interrupted", "in the middle, then in the last writes"])
def test_killed_anywhere_and_run_again_it_ends_as_if_nothing_had_happened(
    program: list[str],
    finished: Finished,
    pictures: Path,
    two_remedies: list[str],
    tree: Tree,
    tmp_path: Path,
    how: str,
) -> None:
    words = ["run", str(pictures), "--json", "--quiet", *two_remedies, "--jobs", "2"]
    disturbed = Disturbed(tmp_path, program, words)
    dice = np.random.default_rng(time.time_ns())
    if how.startswith("in the first"):
        disturbed.crashed(int(dice.integers(1, 7)))
        disturbed.interrupted(2)
    else:
        disturbed.killed(1, group=bool(dice.integers(2)))
        disturbed.killed(2, group=bool(dice.integers(2)))
        disturbed.crashed(int(dice.integers(20, 45)))
    last = disturbed.start()
    out, err = last.communicate()
    assert last.returncode == 0, err
    disturbed.check()
    assert lasting(disturbed.run, tree) == lasting(finished[0], tree)
    told, wanted = json.loads(out), finished[1].json
    for name in ("chosen", "ties", "out_of_fold", "test", "wrong_labels_estimate"):
        assert told[name] == wanted[name]
    assert not [name for name in tree(disturbed.run) if ".tmp" in name]


# --- other ways through ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_refitting_on_everything_comes_after_the_honest_figure(
    evenhand: Evenhand, finished: Finished, pictures: Path, two_remedies: list[str], tmp_path: Path
) -> None:
    words = ("run", pictures, "--out", tmp_path / "run", "--refit", "all", "--json", *two_remedies)
    told, honest = evenhand(*words).json, finished[1].json
    assert told["test"] == honest["test"]
    assert told["chosen"] == honest["chosen"]
    card = json.loads((tmp_path / "run/model/model.json").read_text(encoding="utf-8"))
    assert card["trained_on"] == "all"
    one, other = (folder / "model/model.safetensors" for folder in (tmp_path / "run", finished[0]))
    assert one.read_bytes() != other.read_bytes()


@pytest.mark.slow
def test_without_a_test_set_the_headline_is_out_of_fold(
    evenhand: Evenhand, pictures: Path, two_remedies: list[str], tmp_path: Path
) -> None:
    words = ("run", pictures / "train", "--out", tmp_path / "run", "--classes", "Trucks,Cars", *two_remedies)
    told = evenhand(*words, "--json").json
    assert told["test"] is None
    assert told["out_of_fold"]["classes"] == ["Trucks", "Cars"]
    assert load_model(tmp_path / "run/model").classes == ("Trucks", "Cars")
    assert "No test images" in evenhand(*words).out
    # The classes were left out, not forgotten: what a model does not know it is not asked.
    said = evenhand("evaluate", tmp_path / "run/model", pictures / "test")
    assert said.code == 3
    assert "'Cats'" in said.err
    two = tmp_path / "two"
    for name in ("Cars", "Trucks"):
        shutil.copytree(pictures / "test" / name, two / name)
    found = evenhand("evaluate", tmp_path / "run/model", two, "--json").json
    assert found["classes"] == ["Trucks", "Cars"]
    assert [sum(row) for row in found["confusion"]] == [
        found["per_class"][name]["support"] for name in found["classes"]
    ]


def noise(place: Path, **counts: int) -> Path:
    for label, (name, count) in enumerate(counts.items()):
        (place / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.random.default_rng([label, number]).integers(0, 200, (16, 16, 3), dtype=np.uint8)
            pixels[..., label] += 50
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    return place


@pytest.mark.slow
def test_every_repair_with_a_class_of_two_images(evenhand: Evenhand, tmp_path: Path) -> None:
    data = noise(tmp_path / "data", a=24, b=14, c=2)
    words = "--preset quick --set epochs=1 --set precision=float32 --jobs 1 --remedy class-weights"
    out = ("--out", tmp_path / "run", "--repair", "none,drop,relabel,soft", "--json")
    told = evenhand("compare", data, *words.split(), *out).json
    assert {row["repair"] for row in told["leaderboard"]} == {"none", "drop", "relabel", "soft"}
    summary = json.loads((tmp_path / "run/audit/summary.json").read_text(encoding="utf-8"))
    assert any("Too few images to judge the labels of: c" in note for note in summary["notes"])


@pytest.mark.slow
def test_the_demo_goes_the_whole_way_and_can_be_asked_again(evenhand: Evenhand, tmp_path: Path) -> None:
    words = ("demo", "--out", tmp_path / "demo", "--scale", "0.001", "--jobs", "1", "--json", "--quiet")
    told = evenhand(*words).json
    assert (told["command"], told["run"]) == ("demo", str(tmp_path / "demo/run"))
    assert told["test"]["n"] > 0
    assert Path(told["report"]).is_file()
    done = trials(tmp_path / "demo/run")
    assert evenhand(*words).json == told
    assert trials(tmp_path / "demo/run") == done


@pytest.mark.slow
def test_the_reference_preset(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    words = ("--preset", "reference", "--set", "epochs=1", "--jobs", "1", "--json")
    told = evenhand("run", pictures, "--out", tmp_path / "run", *words).json
    rows = leaderboard(tmp_path / "run")
    assert {row["remedy"] for row in rows} == {
        "none", "augment", "sampler", "class-weights:by=class", "sampler+augment-online", "smote"
    }  # fmt: skip
    assert {row["model"] for row in rows} == {"simple"}
    assert told["wrong_labels_estimate"] is None
    assert told["out_of_fold"]["n"] < 20, "a single hold-out set of a tenth"
    result = json.loads(next((tmp_path / "run/trials").glob("*/result.json")).read_text(encoding="utf-8"))
    assert (result["recipe"]["batch"], result["recipe"]["learning_rate"]) == (4, 0.001)


@pytest.mark.slow
def test_finalists_are_judged_again_with_the_larger_model(evenhand: Evenhand, pictures: Path, tmp_path: Path) -> None:
    words = "--preset standard --set epochs=1 --set width=4 --set precision=float32 --folds 2 --repair none --jobs 1"
    told = evenhand(
        "compare",
        pictures,
        "--out",
        tmp_path / "run",
        "--remedy",
        "none",
        "--remedy",
        "sampler",
        "--json",
        *words.split(),
    ).json
    assert {row["remedy"] for row in told["leaderboard"]} == {"none", "sampler"}
    models = [
        json.loads(path.read_text(encoding="utf-8"))["recipe"]["model"]
        for path in (tmp_path / "run/trials").glob("*/result.json")
    ]
    # Two networks audit the labels, four judge the finalists again; eight of the small ones learn from fewer pictures,
    # from a quarter and a half of all, and of classes that are large enough: what would more of them bring?
    assert (models.count("resnet"), models.count("simple")) == (4 + 2, 4 + 8)


# --- repair: from the ledger, from suspicion, from both --------------------------------------------------------------

TINY = ["--preset", "quick", "--set", "epochs=1", "--set", "precision=float32", "--folds", "3", "--jobs", "1", "--json"]
HARDLY_ANY_TRUST = ("--trust", "0.000001")


@pytest.fixture(scope="module")
def ledger(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str | None]]:
    """Decisions about ten training pictures and a test picture, and the label that each training picture has now."""
    rows = [row for row in table(finished[0] / "manifest.csv") if row["split"] == "train"]
    once = Counter(row["pixel_sha256"] for row in table(finished[0] / "manifest.csv"))
    cars = [row for row in rows if row["given"] == "Cars" and once[row["pixel_sha256"]] == 1][:10]
    tested = next(row for row in table(finished[0] / "manifest.csv") if row["split"] == "test")

    def entry(row: dict[str, str], action: str, **words: str) -> Edit:
        return edit(action, "me", pixel_sha256=row["pixel_sha256"], path=row["path"], given=row["given"], **words)

    place = tmp_path_factory.mktemp("ledger") / "edits.jsonl"
    append(place, [entry(row, "label", label="Cats") for row in cars[:4]])
    append(place, [entry(row, "keep") for row in cars[4:8]])
    append(place, [entry(row, "exclude") for row in cars[8:]])
    append(place, [entry(tested, "label", label="Trucks" if tested["given"] != "Trucks" else "Cars")])
    now: dict[str, str | None] = {row["path"]: "Cats" for row in cars[:4]}
    return place, now | {row["path"]: "Cars" for row in cars[4:8]} | {row["path"]: None for row in cars[8:]}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def targets(run: Path) -> dict[str, tuple[dict[str, bool], dict[str, np.ndarray]]]:
    """Return all targets that anything in a run was trained with: whether a path took part, and its (K,) label."""
    paths = [row["path"] for row in table(run / "manifest.csv")]
    with np.load(run / "cache/study/rows.npz") as file:
        mine = [paths[row] for row in file["rows"]]
    found = {}
    for place in (run / "cache/study").glob("targets-*.npz"):
        with np.load(place) as file:
            labels = file["labels"] if file["labels"].ndim == 2 else np.eye(3)[file["labels"]]
            keep = dict(zip(mine, file["keep"].tolist(), strict=True))
            found[place.stem.removeprefix("targets-")] = keep, dict(zip(mine, labels, strict=True))
    return found


def changed(keep: dict[str, bool], labels: dict[str, np.ndarray], filed: dict[str, str]) -> set[str]:
    """Return the paths that a repair leaves out or gives another label than they were filed under."""
    names = ("Cars", "Cats", "Trucks")
    return {path for path in keep if not keep[path] or (labels[path] != np.eye(3)[names.index(filed[path])]).any()}


@pytest.mark.slow
def test_every_repair_leaves_alone_what_somebody_settled_and_the_test(
    evenhand: Evenhand, finished: Finished, pictures: Path, ledger: Any, tmp_path: Path
) -> None:
    edits, now = ledger
    run = tmp_path / "run"
    words = ("--edits", edits, "--repair", "none,drop,relabel,soft", *HARDLY_ANY_TRUST, *TINY, "--remedy", "none")
    told = evenhand("compare", pictures, "--out", run, *words).json
    assert {row["repair"] for row in told["leaderboard"]} == {"none", "drop", "relabel", "soft"}
    corrected = {row["path"]: row["corrected"] for row in table(run / "manifest.csv") if row["split"] == "train"}
    moved = []
    for keep, labels in targets(run).values():
        moved.append(changed(keep, labels, corrected))
        # Settled pictures are never second-guessed, excluded ones are not there, and no test picture ever is.
        assert not moved[-1] & set(now)
        assert {path for path, name in now.items() if name is None}.isdisjoint(keep)
        assert set(keep) <= set(corrected)
        for path in set(now) & set(keep):
            assert corrected[path] == now[path]
    # The ledger alone: one of them changes nothing else. Both: the others act on nearly everything else.
    assert min(map(len, moved)) == 0
    assert max(map(len, moved)) > 50


@pytest.mark.slow
def test_one_command_trains_with_a_repair_on_top_of_the_ledger(
    evenhand: Evenhand,
    finished: Finished,
    pictures: Path,
    ledger: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A hundred pictures and one epoch are no evidence of wrong labels; here they count as if they were.
    monkeypatch.setattr(label_count, "_DOUBT", -100.0)
    edits, now = ledger
    words = (*TINY, "--remedy", "class-weights", "--model", "simple")
    runs = {}
    for name, repair in (("alone", ("--repair", "none")), ("both", ("--repair", "soft", *HARDLY_ANY_TRUST))):
        runs[name] = tmp_path / name
        said = evenhand("train", pictures, "--out", runs[name], "--edits", edits, *repair, *words).json
        assert (said["chosen"]["remedy"], said["chosen"]["repair"]) == ("class-weights", repair[1])
        # The test is judged on its labels as given, and beside them on corrected ones.
        assert [sum(row) for row in said["test"]["confusion"]] == [
            sum(row) for row in finished[1].json["test"]["confusion"]
        ]
        supports = [
            [figures["per_class"][name]["support"] for name in ("Cars", "Cats", "Trucks")]
            for figures in (said["test"], said["test"]["corrected"])
        ]
        assert sorted(np.subtract(*supports)) == [-1, 0, 1]
    both = targets(runs["both"])
    counts = {
        name: json.loads((run / "model/model.json").read_text(encoding="utf-8"))["training_counts"]
        for name, run in runs.items()
    }
    # Without a repair the model was trained on the labels as the ledger leaves them, copies of test pictures apart.
    rows = table(runs["alone"] / "manifest.csv")
    with np.load(runs["alone"] / "cache/study/rows.npz") as file:
        trained = Counter(rows[row]["corrected"] for row in file["rows"])
    assert counts["alone"] == dict(trained)
    # With one, on what it made of the others: whole pictures became fractions, and the settled ones did not.
    left = [np.sum([labels[path] for path in keep if keep[path]], axis=0) for keep, labels in both.values()]
    assert any(np.allclose(list(counts["both"].values()), sums, atol=0.051) for sums in left)
    assert any(abs(counts["both"][name] - counts["alone"][name]) > 0.2 for name in trained)
    filed = {row["path"]: row["corrected"] for row in rows}
    for keep, labels in both.values():
        assert not changed(keep, labels, filed) & set(now)


@pytest.mark.slow
def test_a_repair_that_is_asked_for_is_judged_even_where_the_preset_checks_no_labels(
    evenhand: Evenhand, pictures: Path, tmp_path: Path
) -> None:
    tiny = [word if word != "quick" else "reference" for word in TINY]
    words = (*tiny, "--remedy", "none", "--repair", "none,drop")
    said = evenhand("compare", pictures, "--out", tmp_path / "run", *words).json
    assert {row["repair"] for row in said["leaderboard"]} == {"none", "drop"}
    assert (tmp_path / "run/audit/label_issues.csv").stat().st_size > 1000
