"""Bad input: the right exit code, a sentence that says what to do, and nothing half-written."""

import json
import os
import pickle
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from evenhand.models.catalogue import build

Evenhand = Callable[..., Any]
Tree = Callable[[Path], dict[str, str | None]]


def picture(place: Path, number: int, side: int = 16) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place)
    return place


def folder(place: Path, **counts: int) -> Path:
    """Make a folder of classes with some different pictures each."""
    place.mkdir()
    for label, (name, count) in enumerate(counts.items()):
        (place / name).mkdir()
        for number in range(count):
            picture(place / name / f"{number}.png", 100 * label + number)
    return place


def refused(said: Any, code: int, *words: str) -> None:
    assert said.code == code, said
    assert said.out == ""
    assert said.err.splitlines()[-1].startswith("Error: "), said.err
    assert "EVENHAND_DEBUG" not in said.err, "an error that no room has put into words"
    for word in words:
        assert word in said.err


# --- data that will not do ------------------------------------------------------------------------------------------


def missing(tmp_path: Path) -> Path:
    folder(tmp_path / "pictures", a=2, b=2)
    return tmp_path / "picturs"


def nothing(tmp_path: Path) -> Path:
    (tmp_path / "data/a").mkdir(parents=True)
    (tmp_path / "data/a/notes.txt").write_text("no picture")
    return tmp_path / "data"


def one_class(tmp_path: Path) -> Path:
    return folder(tmp_path / "data", a=4)


def broken(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "0.png").write_bytes(b"no picture")
    return tmp_path / "data"


def table(text: str) -> Callable[[Path], Path]:
    def write(tmp_path: Path) -> Path:
        for number, name in enumerate(("a0.png", "a1.png", "b0.png", "b1.png")):
            picture(tmp_path / "pictures" / name, number)
        (tmp_path / "table.csv").write_text(text, encoding="utf-8")
        return tmp_path / "table.csv"

    return write


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("__import__('pathlib').Path('ran').write_text('x')",))


def hostile_pickle(tmp_path: Path) -> Path:
    (tmp_path / "data.pkl").write_bytes(pickle.dumps([(Hostile(), 1)]))
    return tmp_path / "data.pkl"


def hostile_torch(tmp_path: Path) -> Path:
    torch.save([(Hostile(), 1)], tmp_path / "data.pt")
    return tmp_path / "data.pt"


def unknown_kind(tmp_path: Path) -> Path:
    (tmp_path / "data.xls").write_text("cells")
    return tmp_path / "data.xls"


@pytest.mark.parametrize("command", ["run", "compare", "audit", "train"])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, ["Did you mean 'pictures'?"]),
        (nothing, ["no images", "one folder a class", "notes.txt"]),
        (one_class, ["one class only, 'a'", "at least two"]),
        (broken, ["None of the 2 images", "can be read"]),
        (table("path,label\nx.png,a\ny.png,b\n"), ["table.csv", "'x.png'"]),
        (table("path,lable\npictures/a0.png,a\n"), ["no column 'label'", "'lable'"]),
        (table("path,label\n"), ["table.csv"]),
        (table(""), ["table.csv"]),
        (hostile_pickle, ["refused and nothing in it was executed"]),
        (hostile_torch, ["refused and nothing in it was executed"]),
        (unknown_kind, ["Known: a folder, "]),
    ],
)
def test_data_that_will_not_do(
    evenhand: Evenhand,
    tree: Tree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], Path],
    words: list[str],
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    data = make(tmp_path)
    before = tree(tmp_path)
    refused(evenhand(command, data, "--json"), 3, *words)
    assert tree(tmp_path) == before, "not even the folder for the run is left"


def test_a_table_says_which_files_are_missing_and_goes_on_with_the_others(evenhand: Evenhand, tmp_path: Path) -> None:
    lines = [f"pictures/{name}{number}.png,{name}" for name in "ab" for number in range(2)]
    data = table("path,label\n" + "\n".join([*lines, "pictures/lost.png,a"]) + "\n")(tmp_path)
    told = evenhand("audit", data, "--out", tmp_path / "run", "--folds", "2", "--jobs", "1", "--json").json
    assert (told["n"], told["unreadable"]) == (4, 1)
    assert "pictures/lost.png" in (tmp_path / "run/audit/unreadable.csv").read_text(encoding="utf-8")


def bomb(place: Path) -> None:
    """Write a picture of a few bytes that would fill the memory."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000))
    content = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    place.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def test_a_bomb_is_a_finding(evenhand: Evenhand, tmp_path: Path) -> None:
    data = folder(tmp_path / "data", a=4, b=4)
    bomb(data / "a/bomb.png")
    told = evenhand("audit", data, "--out", tmp_path / "run", "--folds", "2", "--jobs", "1", "--json").json
    assert (told["n"], told["unreadable"]) == (8, 1)
    assert "a/bomb.png,oversized" in (tmp_path / "run/audit/unreadable.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["run", "compare", "train"])
@pytest.mark.parametrize(("count", "message"), [(1, "The class b has 1 image"), (2, "all of one group")])
def test_a_class_with_one_image_is_reported_by_the_audit_and_refused_by_the_others(
    evenhand: Evenhand, tree: Tree, tmp_path: Path, command: str, count: int, message: str
) -> None:
    data = folder(tmp_path / "data", a=6, b=1)
    if count == 2:
        shutil.copy(data / "b/0.png", data / "b/copy.png")
    before = tree(tmp_path)
    said = evenhand(command, data, "--out", tmp_path / "run", "--jobs", "1")
    refused(said, 3, message, "at least 2 different images", "10 are a useful start", "--classes")
    assert tree(tmp_path) == before
    told = evenhand("audit", data, "--out", tmp_path / "run", "--folds", "2", "--jobs", "1", "--json").json
    assert told["counts"]["train"] == {"a": 6, "b": count}
    assert told["wrong_labels_estimate"] is None
    assert any("labels could not be checked" in note and message in note for note in told["notes"])


def test_a_class_that_is_not_there_is_named(evenhand: Evenhand, tmp_path: Path, quick: list[str]) -> None:
    data = folder(tmp_path / "data", a=4, b=4)
    said = evenhand("run", data, "--out", tmp_path / "run", "--classes", "a,b,c", *quick)
    refused(said, 3, "The class c has no image")
    assert not (tmp_path / "run").exists()


# --- the place for the run ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "compare", "audit", "train"])
@pytest.mark.parametrize("where", ["data", "data/run", "data/a/deep/run", "link/run", "test/run"])
def test_nothing_is_written_into_a_data_folder(
    evenhand: Evenhand, tree: Tree, tmp_path: Path, command: str, where: str
) -> None:
    data, test = folder(tmp_path / "data", a=4, b=4), folder(tmp_path / "test", a=2, b=2)
    (tmp_path / "link").symlink_to(data)
    before = tree(tmp_path)
    refused(evenhand(command, data, "--test", test, "--out", tmp_path / where), 2, "lies inside", "--out")
    assert tree(tmp_path) == before


def test_the_default_place_is_not_inside_the_data_either(
    evenhand: Evenhand, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = folder(tmp_path / "data", a=4, b=4)
    monkeypatch.chdir(data)
    before = tree(tmp_path)
    refused(evenhand("audit", "."), 2, "lies inside", "--out")
    assert tree(tmp_path) == before


def test_the_data_may_be_read_only(
    evenhand: Evenhand, tree: Tree, tmp_path: Path, read_only: Callable[[Path], None]
) -> None:
    data = folder(tmp_path / "data", a=4, b=4)
    before = tree(data)
    read_only(data)
    assert evenhand("audit", data, "--out", tmp_path / "run", "--folds", "2", "--jobs", "1").code == 0
    assert tree(data) == before


@pytest.mark.parametrize("command", ["run", "audit"])
def test_a_read_only_place(
    evenhand: Evenhand, tree: Tree, tmp_path: Path, read_only: Callable[[Path], None], command: str
) -> None:
    data = folder(tmp_path / "data", a=4, b=4)
    (tmp_path / "locked").mkdir()
    read_only(tmp_path / "locked")
    refused(evenhand(command, data, "--out", tmp_path / "locked/run"), 1, "read-only", "--out")
    assert tree(tmp_path / "locked") == {}


def test_a_place_below_a_file(evenhand: Evenhand, tree: Tree, tmp_path: Path) -> None:
    data = folder(tmp_path / "data", a=4, b=4)
    (tmp_path / "file").write_text("a file")
    before = tree(tmp_path)
    for where in ("file", "file/run"):
        refused(evenhand("run", data, "--out", tmp_path / where), 1, "--out")
    refused(evenhand("demo", "--out", tmp_path / "file", "--scale", "0.001"), 1)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("free", [0, 100, 350, 650])
def test_a_full_place(
    evenhand: Evenhand, tree: Tree, tmp_path: Path, small_disk: Path, quick: list[str], free: int
) -> None:
    """With no room at all, with room for the pixels alone, for a few trials, for nearly everything (in KB)."""
    data = folder(tmp_path / "data", a=60, b=60)
    (small_disk / "ballast").write_bytes(bytes(1024 * (1000 - free)))
    words = ("run", data, "--out", small_disk / "run", "--remedy", "none", *quick)
    refused(evenhand(*words), 1, "the disk is full")
    refused(evenhand(*words), 1, "the disk is full")
    left = tree(small_disk)
    assert not [name for name in left if ".tmp" in name]
    assert free or set(left) == {"ballast"}
    for trial in small_disk.glob("run/trials/*"):
        assert {path.name for path in trial.iterdir()} == {"result.json", "curve.csv", "oof.npz", "timing.json"}


# --- the run folder of something else -------------------------------------------------------------------------------


@pytest.fixture
def earlier(tmp_path: Path, finished: tuple[Path, Any]) -> Path:
    """A copy of a finished run."""
    return Path(shutil.copytree(finished[0], tmp_path / "earlier"))


def test_a_run_on_other_data_is_refused_and_unchanged(
    evenhand: Evenhand, tree: Tree, tmp_path: Path, earlier: Path, two_remedies: list[str]
) -> None:
    other = folder(tmp_path / "other", Cars=6, Cats=6, Trucks=6)
    before = tree(earlier)
    refused(evenhand("run", other, "--out", earlier, "--quiet", *two_remedies), 3, "other data", "--out")
    refused(evenhand("run", one_class(tmp_path), "--out", earlier, "--quiet", *two_remedies), 3, "one class only")
    assert tree(earlier) == before


def test_the_same_data_with_one_label_or_one_pixel_changed_are_other_data(
    evenhand: Evenhand, tree: Tree, tmp_path: Path, earlier: Path, pictures: Path, two_remedies: list[str]
) -> None:
    data = Path(shutil.copytree(pictures, tmp_path / "pictures"))
    before = tree(earlier)
    words = ("run", data, "--out", earlier, "--quiet", *two_remedies)
    car = next((data / "train/Cars").glob("car_*.png"))
    moved = car.rename(data / "train/Cats" / car.name)
    refused(evenhand(*words), 3, "other data")
    moved.rename(car)
    with Image.open(car) as image:
        pixels = np.array(image)
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(car)
    refused(evenhand(*words), 3, "other data")
    assert tree(earlier) == before


def test_arrays_of_the_same_shape_with_other_pixels_are_other_data(
    evenhand: Evenhand, tree: Tree, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    words = ("audit", tmp_path / "data.npz", "--out", tmp_path / "run", "--folds", "2", "--jobs", "1", "--quiet")
    np.savez(tmp_path / "data.npz", images=images, labels=np.arange(12) % 2)
    assert evenhand(*words).code == 0
    before = tree(tmp_path / "run")
    images[0, 0, 0] ^= 1
    np.savez(tmp_path / "data.npz", images=images, labels=np.arange(12) % 2)
    refused(evenhand(*words), 3, "other data")
    assert tree(tmp_path / "run") == before


def test_names_that_are_no_text_are_no_reason_to_fail(evenhand: Evenhand, tmp_path: Path) -> None:
    data = folder(tmp_path / "data", a=4, b=4)
    try:
        (data / "b").rename(data / os.fsdecode(b"b\xff"))
        (data / "a/0.png").rename(data / "a" / os.fsdecode(b"\xfe\n.png"))
    except OSError:
        pytest.skip("this file system takes text alone")
    words = ("audit", data, "--out", tmp_path / "run", "--folds", "2", "--jobs", "1", "--quiet")
    told = evenhand(*words, "--json").json
    assert sorted(told["counts"]["train"].values()) == [4, 4]
    assert evenhand(*words).code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare"], "holds the command 'run'"),
        (["run", "--seed", "1"], "seed was 0, is 1"),
        (["run", "--size", "24"], "size was None, is [24, 24]"),
    ],
)
def test_a_run_with_other_words_is_refused_and_unchanged(
    evenhand: Evenhand,
    tree: Tree,
    earlier: Path,
    pictures: Path,
    two_remedies: list[str],
    words: list[str],
    message: str,
) -> None:
    before = tree(earlier)
    command, *more = words
    refused(evenhand(command, pictures, "--out", earlier, *two_remedies, *more), 2, message, "--out")
    assert tree(earlier) == before


def test_a_run_of_another_version_is_refused_and_unchanged(
    evenhand: Evenhand, tree: Tree, earlier: Path, pictures: Path, two_remedies: list[str]
) -> None:
    study = json.loads((earlier / "study.json").read_text(encoding="utf-8"))
    (earlier / "study.json").write_text(json.dumps(study | {"schema_version": 99}), encoding="utf-8")
    before = tree(earlier)
    refused(evenhand("run", pictures, "--out", earlier, *two_remedies), 2, "version 99")
    refused(evenhand("report", earlier), 2, "another version")
    assert tree(earlier) == before


def test_a_report_needs_a_run_that_got_so_far(evenhand: Evenhand, tmp_path: Path, earlier: Path) -> None:
    refused(evenhand("report", tmp_path), 2, "no run folder")
    shutil.rmtree(earlier / "audit")
    refused(evenhand("report", earlier), 2, "Run the same command again")


def test_a_damaged_trial_is_named(evenhand: Evenhand, earlier: Path, pictures: Path, two_remedies: list[str]) -> None:
    trial = sorted((earlier / "trials").iterdir())[0]
    (trial / "oof.npz").write_bytes(b"PK damaged")
    refused(evenhand("run", pictures, "--out", earlier, "--quiet", *two_remedies), 1, trial.name, "Delete that folder")
    shutil.rmtree(trial)
    assert evenhand("run", pictures, "--out", earlier, "--quiet", *two_remedies).code == 0


# --- model files ----------------------------------------------------------------------------------------------------


def weights(place: Path, **changes: Any) -> Path:
    torch.save(build("simple", **{"n_classes": 2, "size": (16, 16)} | changes).state_dict(), place)
    return place


@pytest.mark.parametrize(
    ("make", "flags", "words"),
    [
        (lambda place: place / "absent.pt", ["--model", "simple"], ["There is no"]),
        (lambda place: weights(place / "w.pt", n_classes=5), ["--model", "simple"], ["do not fit", "--classes"]),
        (lambda place: weights(place / "w.pt", size=(32, 32)), ["--model", "simple"], ["do not fit", "--size"]),
        (lambda place: weights(place / "w.pt"), ["--model", "resnet"], ["do not fit", "--model"]),
        (lambda place: hostile_torch(place), ["--model", "simple"], ["nothing in it was executed"]),
        (lambda place: place, [], ["not a model folder"]),
    ],
)
def test_a_model_that_cannot_be_used(
    evenhand: Evenhand,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], Path],
    flags: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    data = folder(tmp_path / "data", a=2, b=2)
    said = evenhand("evaluate", make(tmp_path), data, "--quiet", "--json", *flags)
    refused(said, 4, *words)
    assert not (tmp_path / "ran").exists()


def test_weights_need_the_name_of_their_network(evenhand: Evenhand, tmp_path: Path) -> None:
    data = folder(tmp_path / "data", a=2, b=2)
    refused(evenhand("evaluate", weights(tmp_path / "w.pt"), data), 2, "--model NAME", "--classes")
    said = evenhand("evaluate", weights(tmp_path / "w.pt"), data, "--model", "simpel")
    refused(said, 2, "Did you mean 'simple'?")


def test_a_run_that_diverges_says_so(evenhand: Evenhand, pictures: Path, tmp_path: Path, quick: list[str]) -> None:
    words = (pictures, *quick, "--remedy", "none", "--set", "learning_rate=1e6", "--set", "optimiser=sgd", "--quiet")
    told = evenhand("compare", *words, "--out", tmp_path / "compared", "--json").json
    assert told["leaderboard"][0]["balanced_accuracy"] == pytest.approx(1 / 3, abs=0.2)
    for file in (tmp_path / "compared").rglob("*.json"):
        json.loads(file.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    refused(evenhand("run", *words, "--out", tmp_path / "run"), 1, "smaller learning rate")
