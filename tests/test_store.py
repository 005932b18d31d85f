import errno
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from evenhand import store
from evenhand.disk import read_table, write_arrays, write_bytes, write_json, write_table, write_text
from evenhand.errors import DataError, EvenhandError, UsageError
from evenhand.store import RunFolder

SETTINGS = {"preset": "quick", "folds": 3, "classes": ["a", "b"]}
CURVE = (["kind", "number", "loss"], [["epoch", 1, "0.5"]])
ARRAYS = {"rows": np.arange(3), "logits": np.eye(3, dtype=np.float32)}


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def claim(path: Path, **changes: Any) -> RunFolder:
    return RunFolder.claim(path, settings=SETTINGS | changes, command="run")


def made(path: Path) -> Path:
    with claim(path) as run:
        run.bind("fingerprint", {"data": "pictures"})
    return path


# --- single files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    place = tmp_path / "file.txt"
    write_text(place, "before")

    def fail(*args: object, **words: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(*{"open": (Path, "open"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[step], fail)
        with pytest.raises(EvenhandError, match=r"Could not write .*file\.txt: .*\.$") as caught:
            write_text(place, "after")
    assert caught.value.exit_code == 1
    assert tree(tmp_path) == {"file.txt": b"before"}


def test_the_messages_say_what_to_do() -> None:
    def message(number: int) -> str:
        return str(store.unwritable(Path("out"), OSError(number, "words of the system")))

    assert "disk is full. Free some space" in message(errno.ENOSPC)
    assert "quota" in message(errno.EDQUOT)
    assert "read-only. Choose another folder with --out" in message(errno.EROFS)
    assert "you may not write there" in message(errno.EACCES)
    assert "words of the system. Check the place" in message(errno.EIO)


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "file", b"half")
    assert tree(tmp_path) == {}


def test_a_disk_that_is_full_for_real(small_disk: Path) -> None:
    write_bytes(small_disk / "file", b"before")
    with pytest.raises(EvenhandError, match="the disk is full"):
        write_bytes(small_disk / "file", b"x" * 2_000_000)
    assert tree(small_disk) == {"file": b"before"}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    place = tmp_path / "file"
    contents = {bytes([65 + number]) * 300_000 for number in range(2)}
    write_bytes(place, min(contents))
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.is_set():
            for content in contents:
                write_bytes(place, content)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        assert all(place.read_bytes() in contents for _ in range(200))
    finally:
        stop.set()
        writer.join()


def test_json_is_the_same_bytes_whatever_the_order_and_knows_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1, "a": "قطة"})
    write_json(tmp_path / "b", {"a": "قطة", "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert "قطة" in (tmp_path / "a").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "c", {"loss": float("nan")})
    assert not (tmp_path / "c").exists()


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(st.lists(st.tuples(cells, cells), max_size=5))
def test_a_table_reads_back_whatever_its_cells_hold(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    place = tmp_path_factory.mktemp("table") / "table.csv"
    write_table(place, ["one", "two"], rows)
    assert [(row["one"], row["two"]) for row in read_table(place)] == rows
    place.unlink()


kinds = arrays_of.integer_dtypes() | arrays_of.floating_dtypes(sizes=(32, 64)) | arrays_of.boolean_dtypes()
shapes = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@given(st.dictionaries(st.sampled_from(["rows", "logits", "a.b"]), arrays_of.arrays(kinds, shapes), max_size=3))
def test_arrays_read_back_and_are_the_same_bytes_again(tmp_path_factory: pytest.TempPathFactory, found: Any) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    write_arrays(folder / "one.npz", found)
    write_arrays(folder / "two.npz", {name: np.array(found[name], order="F") for name in reversed(list(found))})
    assert (folder / "one.npz").read_bytes() == (folder / "two.npz").read_bytes()
    with np.load(folder / "one.npz") as file:
        assert set(file.files) == set(found)
        for name, value in found.items():
            np.testing.assert_array_equal(file[name], value)
            assert (file[name].dtype, file[name].shape) == (value.dtype, value.shape)


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "a.npz", {"a": np.array([{}], dtype=object)})
    assert tree(tmp_path) == {}


# --- claiming a folder ----------------------------------------------------------------------------------------------


def test_a_new_run_says_what_it_is(tmp_path: Path) -> None:
    made(tmp_path / "a/b/run")
    study = json.loads((tmp_path / "a/b/run/study.json").read_text(encoding="utf-8"))
    assert (study["command"], study["settings"], study["fingerprint"]) == ("run", SETTINGS, "fingerprint")
    assert (study["schema_version"], study["data"]) == (1, "pictures")


def test_the_same_command_goes_on_and_learns_where_the_data_are_now(tmp_path: Path) -> None:
    made(tmp_path)
    before = tree(tmp_path)
    made(tmp_path)
    assert tree(tmp_path) == before
    with claim(tmp_path) as run:
        run.bind("fingerprint", {"data": "moved"})
    assert json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))["data"] == "moved"


def rewrite(path: Path, **changes: object) -> None:
    study = json.loads((path / "study.json").read_text(encoding="utf-8"))
    (path / "study.json").write_text(json.dumps(study | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "words", "message"),
    [
        (lambda run: rewrite(run, schema_version=99), {}, "of version 99, this one is 1"),
        (lambda run: rewrite(run, command="audit"), {}, "holds the command 'audit'"),
        (lambda run: None, {"folds": 5, "seed": 1}, r"folds was 3, is 5; seed was None, is 1\."),
        (lambda run: (run / "study.json").write_text("{"), {}, "cannot be read"),
        (lambda run: (run / "study.json").write_text("[]"), {}, "cannot be read"),
        (lambda run: rewrite(run, settings=7), {}, "cannot be read"),
        (lambda run: (run / "study.json").unlink(), {}, "holds no evenhand run"),
    ],
)
def test_a_folder_of_other_work_is_refused_and_left_alone(
    tmp_path: Path, damage: Callable[[Path], object], words: dict[str, Any], message: str
) -> None:
    made(tmp_path)
    (tmp_path / "trials").mkdir()
    (tmp_path / ".lock").unlink()
    damage(tmp_path)
    before = tree(tmp_path)
    with pytest.raises(UsageError, match=message) as caught:
        claim(tmp_path, **words)
    assert "--out" in str(caught.value)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("content", ["holiday.jpg", "cache", ".lock"])
def test_somebody_elses_folder_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / content).mkdir()
    (tmp_path / content / "thesis.txt").write_text("years of work")
    before = tree(tmp_path)
    with pytest.raises(EvenhandError, match=r"no evenhand run|Could not write"):
        claim(tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("place", ["file", "file/run", "file/a/run"])
def test_a_place_below_a_file_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(EvenhandError, match=r"is a file|a file of that name"):
        claim(tmp_path / place)
    assert tree(tmp_path) == {"file": b"a file"}


def test_a_read_only_place_is_refused(tmp_path: Path, read_only: Callable[[Path], None]) -> None:
    read_only(tmp_path)
    with pytest.raises(EvenhandError, match=r"read-only\. Choose another folder with --out"):
        claim(tmp_path / "a/run")
    with pytest.raises(EvenhandError, match="read-only"):
        claim(tmp_path)


def test_a_run_on_a_read_only_disk_is_refused_and_stays_whole(
    tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    made(tmp_path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/pixels.npy").write_bytes(b"pixels")
    before = tree(tmp_path)
    read_only(tmp_path)
    with pytest.raises(EvenhandError, match="read-only"):
        claim(tmp_path)
    assert tree(tmp_path) == before


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from evenhand.store import RunFolder\n"
        f"run = RunFolder.claim(Path(sys.argv[1]), settings={SETTINGS!r}, command='run')\n"
        "run.bind('fingerprint', {})\n"
        "print('mine', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        before = tree(tmp_path)
        with pytest.raises(EvenhandError, match=r"Another evenhand is working in .*Wait for it"):
            claim(tmp_path / "run")
        assert tree(tmp_path) == before
        other.kill()
    with claim(tmp_path / "run") as run:
        run.bind("fingerprint", {})


def test_a_folder_that_cannot_be_locked_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: io.TextIOWrapper) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(store, "_exclusive", refuse)
    with pytest.raises(EvenhandError, match="No locks available"):
        claim(tmp_path / "run")


# --- runs that end early --------------------------------------------------------------------------------------------


def end_early(path: Path, *, fingerprint: str = "") -> None:
    """Decode into the cache of a run, then find that the data will not do."""
    with claim(path) as run:
        (path / "cache/scratch/deep").mkdir(parents=True)
        (path / "cache/scratch/deep/pixels.npy").write_bytes(b"of other data")
        (path / "cache/pixels-of-other-data.npy").write_bytes(b"of other data")
        if fingerprint:
            run.bind(fingerprint, {})
        raise DataError("There are no images.")


@pytest.mark.parametrize(("fingerprint", "message"), [("another", r"other data.*--out"), ("", "no images")])
@pytest.mark.parametrize("cached", [True, False])
def test_data_that_are_refused_leave_nothing_in_the_run(
    tmp_path: Path, fingerprint: str, message: str, cached: bool
) -> None:
    made(tmp_path)
    if cached:
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache/pixels.npy").write_bytes(b"mine")
    before = tree(tmp_path)
    with pytest.raises(DataError, match=message):
        end_early(tmp_path, fingerprint=fingerprint)
    assert tree(tmp_path) == before


def test_a_run_that_never_began_is_taken_away_with_the_folders_made_for_it(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        end_early(tmp_path / "runs/mine")
    assert tree(tmp_path) == {}


def test_a_folder_that_was_there_before_stays(tmp_path: Path) -> None:
    with pytest.raises(DataError), claim(tmp_path):
        raise DataError("no images")
    assert tmp_path.is_dir()
    assert tree(tmp_path) == {}


def test_what_a_killed_process_left_is_cleaned_and_what_is_finished_stays(tmp_path: Path) -> None:
    made(tmp_path)
    with claim(tmp_path) as run:
        run.bind("fingerprint", {})
        run.commit_trial("done", {"a": 1}, ARRAYS, CURVE, 1.0)
    before = tree(tmp_path)
    (tmp_path / "cache/study").mkdir(parents=True)
    (tmp_path / "trials/.tmp-abc").mkdir()
    for name in (
        "trials/.tmp-abc/result.json",
        ".study.json.77.tmp",
        "cache/.pixels-abc.npy.77.tmp",
        "cache/.pixels-abc.npy.77.tmp.short",
        "cache/study/.targets-abc.tmp.npz",
    ):
        (tmp_path / name).write_bytes(b"half")
    with claim(tmp_path) as run:
        run.bind("fingerprint", {})
    assert tree(tmp_path) == before | {"cache": None, "cache/study": None}


def test_what_a_worker_left_that_died_is_gone_at_the_end(tmp_path: Path) -> None:
    with claim(tmp_path) as run:
        run.bind("fingerprint", {})
        (tmp_path / "trials/.tmp-abc").mkdir(parents=True)
        (tmp_path / "trials/.tmp-abc/.oof.npz.77.tmp").write_bytes(b"half")
    assert set(tree(tmp_path)) == {".lock", "study.json", "trials"}


def test_a_run_killed_before_its_study_was_written_starts_afresh(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / "cache").mkdir()
    (tmp_path / ".study.json.77.tmp").write_text("half")
    made(tmp_path)
    assert set(tree(tmp_path)) == {".lock", "cache", "study.json"}


# --- trials ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(made(tmp_path / "run"))


def test_a_trial_reads_back(run: RunFolder) -> None:
    assert not run.has_trial("key")
    run.commit_trial("key", {"diverged_at": None}, ARRAYS, CURVE, 1.23456)
    assert run.has_trial("key")
    found = run.read_trial("key")
    assert found.result == {"diverged_at": None}
    assert found.curve == [{"kind": "epoch", "number": "1", "loss": "0.5"}]
    np.testing.assert_array_equal(found.arrays["logits"], ARRAYS["logits"])
    assert run.seconds("key") == 1.235
    assert run.seconds("other") == 0.0


def test_the_first_commit_stays(run: RunFolder) -> None:
    run.commit_trial("key", {"a": 1}, ARRAYS, CURVE, 1)
    before = tree(run.path)
    run.commit_trial("key", {"a": 2}, ARRAYS, CURVE, 2)
    assert tree(run.path) == before


def test_a_race_of_two_workers_keeps_one_whole_trial(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.commit_trial("key", {"a": 1}, ARRAYS, CURVE, 1)
    before = tree(run.path)
    answers = iter([False, True])
    monkeypatch.setattr(RunFolder, "has_trial", lambda self, key: next(answers))
    monkeypatch.setattr(store.shutil, "rmtree", lambda *args, **words: None)
    run.commit_trial("key", {"a": 2}, ARRAYS, CURVE, 1)
    monkeypatch.undo()
    assert {name: value for name, value in tree(run.path).items() if "/.tmp-" not in name} == before


@pytest.mark.parametrize("step", ["write_json", "write_table", "write_arrays", "_place"])
def test_a_commit_that_fails_leaves_no_trial(run: RunFolder, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*args: object, **words: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RunFolder if step == "_place" else store, step, fail)
    with pytest.raises(EvenhandError, match="the disk is full"):
        run.commit_trial("key", {}, ARRAYS, CURVE, 1)
    assert not run.has_trial("key")
    assert [path.name for path in (run.path / "trials").iterdir()] == []


@pytest.mark.parametrize("gone", ["result.json", "curve.csv", "oof.npz"])
def test_a_trial_that_lost_a_file_counts_as_not_done_and_is_made_again(run: RunFolder, gone: str) -> None:
    run.commit_trial("key", {"a": 1}, ARRAYS, CURVE, 1)
    before = tree(run.path)
    (run.path / "trials/key" / gone).unlink()
    assert not run.has_trial("key")
    run.commit_trial("key", {"a": 1}, ARRAYS, CURVE, 1)
    assert tree(run.path) == before


@pytest.mark.parametrize("name", ["result.json", "curve.csv", "oof.npz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_damaged_trial_names_its_folder(run: RunFolder, name: str, share: float) -> None:
    run.commit_trial("key", {"a": 1}, ARRAYS, CURVE, 1)
    place = run.path / "trials/key" / name
    content = place.read_bytes()
    place.write_bytes(content[: int(len(content) * share)])
    if name == "curve.csv":
        place.write_bytes(b"\xff\xfe")
    with pytest.raises(EvenhandError, match=r"trials/key is damaged .*Delete that folder and run again"):
        run.read_trial("key")


def test_a_folder_of_the_future_is_not_misread_as_empty(run: RunFolder) -> None:
    run.commit_trial("key", {"a": 1}, ARRAYS, CURVE, 1)
    (run.path / "trials/key/result.json").write_text("[1, 2]")
    with pytest.raises(EvenhandError, match="damaged"):
        run.read_trial("key")
