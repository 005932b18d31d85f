"""The study's table beside one's own, on made-up pictures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenhand.data.manifest import Manifest
from evenhand.errors import EvenhandError
from evenhand.study.bench import Bench
from evenhand.study.judging import Candidate, candidates, judge
from evenhand.study.published import published
from evenhand.study.replay import FILE, Replay, read_replay, replay, write_replay
from evenhand.training.recipe import Recipe

RECIPE = Recipe(epochs=1, batch=16, precision="float32", channels_last=False)
COUNTS = {"train": (40, 12, 10), "test": (9, 5, 4)}


def listing(classes: tuple[str, ...], *, tested: bool) -> Manifest:
    splits = ["train", "test"] if tested else ["train"]
    given = np.concatenate([np.repeat(np.arange(3), COUNTS[split]) for split in splits]).astype(np.int64)
    split = np.repeat(splits, [sum(COUNTS[name]) for name in splits])
    names = tuple(f"{number:03}.png" for number in range(len(given)))
    return Manifest(classes, names, names, names, split, given, given.copy(), np.arange(len(given), dtype=np.int64))


@pytest.fixture
def replayed(study: Any) -> Callable[..., tuple[Replay, Bench]]:
    def make(
        classes: tuple[str, ...] = ("Cars", "Cats", "Trucks"), *, tested: bool = True, **words: Any
    ) -> tuple[Replay, Bench]:
        manifest = listing(classes, tested=tested)
        pixels = np.random.default_rng(0).integers(0, 256, (len(manifest.given), 16, 16, 3), dtype=np.uint8)

        def benches(rows: Any = None, **also: Any) -> Bench:
            rows = manifest.where("train") if rows is None else rows
            made: Bench = study.bench(pictures=pixels, rows=rows, judged=1, **vars(manifest), **also)
            return made

        bench = benches()
        compared = words.get("compared") or candidates(
            [row.remedy for row in published().experiments], ["none"], RECIPE
        )
        scores = judge(bench, compared, None, trust=0.5, seeds=1, title="")
        results = [score.result for score in scores]
        return replay(benches, manifest, RECIPE, results, faithful=words.get("faithful", True), title=""), bench

    return make


def test_with_a_test_set_it_trains_on_everything_and_judges_as_the_study_did(replayed: Any) -> None:
    found, _ = replayed()
    assert (found.judged_on, found.n, found.trained_on) == ("test", 18, 62)
    assert [row.name for row in found.rows] == [row.name for row in published().experiments]
    assert [row.examples[0] for row in found.rows] == [5625, 11250, 5625, 5625, 5625, 14847]
    # The same experiments on these counts: as they are, doubled, drawn, weighted, drawn, and 3 x 40.
    assert [row.examples[1] for row in found.rows] == [62, 124, 62, 62, 62, 120]
    for row in found.rows:
        assert row.accuracy[1]
        assert row.accuracy[1].low <= row.accuracy[1].value <= row.accuracy[1].high
        assert [one.name for one in row.per_class] == ["Cars", "Trucks", "Cats"], "in the study's order"
        assert (
            row.per_class[0].published["recall"]
            == published().experiments[found.rows.index(row)].per_class["Car"]["recall"]
        )
        assert set(row.per_class[0].measured) == {"precision", "recall", "f1"}
    told = " ".join(found.explanation)
    assert "the study chose its method by these very figures" in told
    assert "18 test pictures given here" in told
    assert "after the choice was written down, by trainings on 62 pictures" in told
    assert "two thirds of its cats are filed as cars" in told
    assert "The training pictures are others than the study's" in told
    assert "recall can" in told
    assert "otherwise than the study" not in told


def test_without_a_test_set_the_figures_are_those_of_the_comparison(replayed: Any) -> None:
    found, bench = replayed(tested=False)
    held = int((bench.fold == 0).sum())
    assert (found.judged_on, found.n, found.trained_on) == ("held-out", held, 62 - held)
    told = " ".join(found.explanation)
    assert "name test pictures with --test" in told
    assert "The test pictures are others" not in told


def test_other_classes_are_shown_and_not_compared(replayed: Any) -> None:
    found, _ = replayed(("Dogs", "Cats", "Trucks"))
    assert all(one.published == {} for row in found.rows for one in row.per_class)
    assert any("other classes than the study's" in line for line in found.explanation)


def test_the_studys_own_counts_pass_without_remark(replayed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(published(), training=(40, 10, 12), testing=(9, 4, 5))
    monkeypatch.setattr("evenhand.study.replay.published", lambda: own)
    found, _ = replayed()
    assert not any("others than the study's" in line for line in found.explanation)


def test_what_was_not_compared_has_no_figure(replayed: Any) -> None:
    found, _ = replayed(compared=[Candidate("none", "none", RECIPE), Candidate("smote:k=3", "none", RECIPE)])
    assert [row.accuracy[1] is not None for row in found.rows] == [True] + [False] * 5
    assert found.rows[1].examples == (11250, None)
    assert found.rows[1].per_class[0].measured == {}


def test_a_changed_recipe_is_owned_up_to(replayed: Any) -> None:
    found, _ = replayed(faithful=False)
    assert any("trains otherwise than the study did" in line for line in found.explanation)


def test_it_comes_back_from_its_file_as_it_was(replayed: Any, tmp_path: Path) -> None:
    assert read_replay(tmp_path) is None
    found, _ = replayed(compared=[Candidate("none", "none", RECIPE)])
    write_replay(tmp_path, found)
    assert read_replay(tmp_path) == found
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(EvenhandError, match="Run the same command again"):
        read_replay(tmp_path)
