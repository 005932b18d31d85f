import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.auditing.ledger import append, edit
from evenhand.auditing.scan import scan
from evenhand.data.manifest import read_manifest

Evenhand = Callable[..., Any]
Tree = Callable[[Path], dict[str, str | None]]
CLASSES = ("Cars", "Cats", "Trucks")


@pytest.fixture
def reviewed(build_run: Callable[..., Path], tmp_path: Path) -> Path:
    """A run with its files: picture 0 is a Truck, 1 is excluded, 2 is kept; its data are in the folder beside it."""
    run = build_run(tmp_path, n=24, wrong=4, files=True)
    manifest = read_manifest(run / "manifest.csv", CLASSES)

    def one(row: int, action: str, **words: str) -> Any:
        given = CLASSES[manifest.given[row]]
        return edit(
            action, "me", pixel_sha256=manifest.pixel_sha256[row], path=manifest.paths[row], given=given, **words
        )

    append(run / "edits.jsonl", [one(0, "label", label="Trucks"), one(1, "exclude"), one(2, "keep")])
    return run


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_corrected_table_is_read_as_data_again(
    evenhand: Evenhand, reviewed: Path, tmp_path: Path, tree: Tree
) -> None:
    before = tree(tmp_path / "data")
    said = evenhand(
        "edits", reviewed, "--to", tmp_path / "out/corrected.csv", "--decisions", tmp_path / "why.csv", "--json"
    )
    assert said.json["changed"] == 1
    assert said.json["excluded"] == 1
    found = scan(tmp_path / "out/corrected.csv", cache=tmp_path / "cache").dataset.manifest
    assert len(found) == 24 + 6 - 1
    labels = {Path(path).name: CLASSES[label] for path, label in zip(found.paths, found.given, strict=True)}
    assert labels["00000.png"] == "Trucks"
    assert "00001.png" not in labels
    assert found.where("test").tolist() == list(range(23, 29))
    assert [(row["action"], row["label"]) for row in table(tmp_path / "why.csv")] == [
        ("label", "Trucks"),
        ("exclude", ""),
        ("keep", "Cars"),
    ]
    assert tree(tmp_path / "data") == before


@pytest.mark.parametrize("link", [False, True])
def test_the_corrected_folder_is_read_as_data_again(
    evenhand: Evenhand, reviewed: Path, tmp_path: Path, tree: Tree, link: bool
) -> None:
    before = tree(tmp_path / "data")
    out = tmp_path / "corrected"
    said = evenhand("edits", reviewed, "--folder", out, *(["--link"] if link else []))
    assert said.code == 0, said.err
    assert "Edits: 1 label changed, 1 kept, 1 image excluded." in said.out
    place = out / "train/Trucks/00000.png"
    assert place.is_symlink() == link
    assert place.read_bytes() == (tmp_path / "data/train/Cats/00000.png").read_bytes()
    assert not list(out.rglob("00001.png"))
    assert sum(path.is_file() for path in out.rglob("*")) == 29
    assert tree(tmp_path / "data") == before
    assert scan(out, cache=tmp_path / "cache").dataset.manifest.counts("test") == {"Cars": 2, "Cats": 2, "Trucks": 2}


@pytest.mark.parametrize("words", [("--to", "data/x.csv"), ("--folder", "data/new"), ("--decisions", "data/why.csv")])
def test_nothing_is_written_into_the_data(
    evenhand: Evenhand, reviewed: Path, tmp_path: Path, tree: Tree, words: tuple[str, str]
) -> None:
    before = tree(tmp_path / "data")
    said = evenhand("edits", reviewed, words[0], tmp_path / words[1])
    assert said.code == 2
    assert "nothing is written there" in said.err
    assert tree(tmp_path / "data") == before


def test_what_cannot_be_exported_is_said(evenhand: Evenhand, reviewed: Path, tmp_path: Path) -> None:
    assert "--link goes with --folder" in evenhand("edits", reviewed, "--link").err
    assert "is not empty" in evenhand("edits", reviewed, "--folder", tmp_path).err
    (tmp_path / "data/train/Cats/00000.png").unlink()
    gone = evenhand("edits", reviewed, "--to", tmp_path / "x.csv")
    assert (gone.code, "is gone" in gone.err) == (3, True)
    (reviewed / "edits.jsonl").unlink()
    none = evenhand("edits", reviewed)
    assert (none.code, "There is no ledger" in none.err) == (2, True)


def test_two_pictures_of_one_name_both_stay(evenhand: Evenhand, build_run: Callable[..., Path], tmp_path: Path) -> None:
    run = build_run(tmp_path, n=6, wrong=0, tested=0, files=True)
    data = tmp_path / "data/train"
    text = (run / "manifest.csv").read_text(encoding="utf-8")
    (data / "Cats/00001.png").rename(data / "Cats/00000.png")
    (run / "manifest.csv").write_text(text.replace("Cats/00001.png", "Cats/00000.png"), encoding="utf-8")
    moved = read_manifest(run / "manifest.csv", CLASSES).pixel_sha256[1]
    append(run / "edits.jsonl", [edit("label", "me", pixel_sha256=moved, label="Cars")])
    assert evenhand("edits", run, "--folder", tmp_path / "out").code == 0
    assert {path.name for path in (tmp_path / "out/Cars").iterdir()} == {"00000.png", "00000-2.png", "00003.png"}
