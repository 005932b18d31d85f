from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.data.manifest import EXCLUDED, Manifest, write_manifest
from evenhand.errors import DataError
from evenhand.pipeline.growing import Growth, grown, kept_size
from evenhand.store import RunFolder


def manifest(*rows: tuple[str, str, int], classes: tuple[str, ...] = ("a", "b")) -> Manifest:
    """Return a manifest of (pixel hash, split, given label) rows."""
    pixels, splits, given = zip(*rows, strict=True)
    labels = np.array(given, dtype=np.int64)
    return Manifest(
        classes=classes,
        paths=tuple(f"{split}/{name}.png" for name, split, _ in rows),
        file_sha256=pixels,
        pixel_sha256=pixels,
        split=np.array(splits),
        given=labels,
        corrected=labels,
        group=np.arange(len(rows)),
    )


ROWS = (("p", "train", 0), ("q", "train", 1), ("r", "train", 1), ("t", "test", 0))
BEFORE = manifest(*ROWS)


def claimed(folder: Path) -> RunFolder:
    return RunFolder.claim(folder / "run", settings={"seed": 0}, command="run")


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A folder with a run of `BEFORE` that has left something of every kind."""
    with claimed(tmp_path) as run:
        run.bind(BEFORE.fingerprint(), {"classes": ["a", "b"], "size": [8, 9]})
        write_manifest(run.path / "manifest.csv", BEFORE)
        for name in ("leaderboard.csv", "edits.jsonl", "audit/balance.csv", "trials/key/result.json", "cache/x.npy"):
            (run.path / name).parent.mkdir(parents=True, exist_ok=True)
            (run.path / name).write_text(name)
    return tmp_path


def grow(folder: Path, now: Manifest, *, asked: bool = True) -> Growth | None:
    with claimed(folder) as run:
        found = grown(run, now, asked=asked)
        facts: dict[str, Any] = {"classes": list(now.classes), "size": [8, 9]}
        run.bind(now.fingerprint(), facts | ({"grown": found.to_json()} if found else {}))
        write_manifest(run.path / "manifest.csv", now)
        return found


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_new_training_images_set_everything_aside(ran: Path) -> None:
    found = grow(ran, manifest(("n", "train", 0), *ROWS))
    assert found == Growth(1, {"a": 1, "b": 0}, (8, 9), "earlier/1")
    assert found.sentence().startswith("The data have grown by 1 images since the run before (a 1).")
    run = ran / "run"
    assert files(run / "earlier/1") == {
        *("study.json", "manifest.csv", "leaderboard.csv", "audit/balance.csv", "trials/key/result.json")
    }
    assert {"edits.jsonl", "cache/x.npy", "study.json", "manifest.csv"} <= files(run)
    assert not (run / "leaderboard.csv").exists()
    with claimed(ran) as again:
        assert Growth.known(again) == found
        assert kept_size(again, grown=False) == (8, 9)


def test_trainings_stay_where_the_training_images_are_the_same(ran: Path) -> None:
    grow(ran, manifest(*ROWS, ("u", "test", 1)))
    assert (ran / "run/trials/key/result.json").is_file()
    assert not (ran / "run/earlier/1/trials").exists()


def test_a_second_growth_has_a_place_of_its_own(ran: Path) -> None:
    more = manifest(*ROWS, ("u", "test", 1))
    grow(ran, more)
    (ran / "run/leaderboard.csv").write_text("second")
    found = grow(ran, manifest(*ROWS, ("u", "test", 1), ("v", "test", 1)))
    assert found is not None
    assert found.earlier == "earlier/2"
    assert (ran / "run/earlier/2/leaderboard.csv").read_text() == "second"


def test_an_image_that_an_edit_excluded_is_still_there(ran: Path) -> None:
    edited = replace(BEFORE, split=np.array([EXCLUDED, *BEFORE.split[1:]]))
    write_manifest(ran / "run/manifest.csv", edited)
    found = grow(ran, manifest(*ROWS, ("u", "test", 1)))
    assert found is not None
    assert found.images == 1
    assert (ran / "run/earlier/1/trials").exists()


def test_a_new_class_is_growth(ran: Path) -> None:
    rows = [(name, split, given + 1) for name, split, given in ROWS]
    found = grow(ran, manifest(("n", "train", 0), *rows, classes=("A", "a", "b")))
    assert found is not None
    assert found.by_class == {"A": 1, "a": 0, "b": 0}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*ROWS[1:], ("n", "train", 0)], "1 of its images are gone.*example train/p.png"),
        ([("p", "train", 1), *ROWS[1:], ("n", "train", 0)], "another label.*train/p.png"),
        ([*ROWS[:3], ("t", "train", 0), ("n", "train", 0)], "another split.*test/t.png"),
        ([*ROWS[:3]], "1 of its images are gone"),
    ],
)
def test_what_is_no_growth_is_refused_and_unchanged(
    ran: Path, tree: Callable[[Path], Any], rows: list[Any], words: str
) -> None:
    before = tree(ran / "run")
    with pytest.raises(DataError, match=f"other data, and --grown goes on only.*{words}.*--out"):
        grow(ran, manifest(*rows))
    with pytest.raises(DataError, match="holds a run on other data"):
        grow(ran, manifest(*rows), asked=False)
    assert tree(ran / "run") == before


def test_growth_that_nobody_asked_for_is_told_and_changes_nothing(ran: Path, tree: Callable[[Path], Any]) -> None:
    before = tree(ran / "run")
    with pytest.raises(
        DataError, match=r"before they grew: 1 images are new, and none has changed or gone\. Say --grown"
    ):
        grow(ran, manifest(("n", "train", 0), *ROWS), asked=False)
    assert tree(ran / "run") == before


def test_a_new_folder_or_the_same_data_are_no_growth(ran: Path, tmp_path: Path) -> None:
    assert grow(ran, BEFORE) is None
    (tmp_path / "new").mkdir()
    assert grow(tmp_path / "new", BEFORE) is None
    assert not (ran / "run/earlier").exists()


def test_a_death_half_way_is_set_right_by_the_same_command(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, rename = manifest(("n", "train", 0), *ROWS), Path.replace

    def dies(self: Path, target: Path) -> Path:
        if self.name == "leaderboard.csv":
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            grow(ran, now)
    found = grow(ran, now)
    assert found is not None
    assert found.earlier == "earlier/1"
    assert {"leaderboard.csv", "audit/balance.csv"} <= files(ran / "run/earlier/1")
