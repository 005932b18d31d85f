"""From the files of a run folder to what the report shows."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evenhand.auditing.files import write_audit
from evenhand.auditing.ledger import Edit, append, edit
from evenhand.data.manifest import write_manifest
from evenhand.disk import write_json
from evenhand.errors import UsageError
from evenhand.records.audit import Decided
from evenhand.records.values import SCHEMA_VERSION
from evenhand.reporting.content import ReportData, Reviewed
from evenhand.reporting.gather import gather
from evenhand.study.results import write_results, write_test


def settings(**changes: Any) -> dict[str, Any]:
    names = ("classes", "size", "remedies", "repairs", "model", "recipe", "folds", "seeds")
    plain = dict.fromkeys(names) | {"preset": "standard", "trust": 0.5, "seed": 0, "refit": "train", "changes": {}}
    return plain | changes


def write_run(run: Path, content: ReportData, *, results: bool = True, **facts: Any) -> None:
    """Write the files of a run folder that the report reads."""
    (run / "cache" / "study").mkdir(parents=True)
    np.save(run / "cache" / "pixels.npy", content.dataset.pixels)
    write_json(
        run / "study.json",
        {
            "schema_version": SCHEMA_VERSION,
            "command": "run",
            "data": "pictures/cars and cats/train",
            "test": "pictures/test",
            "classes": list(content.audit.classes),
            "pixels": "cache/pixels.npy",
            "environment": {"numpy": "2", "machine": ["cpu", "x"]},
            "settings": settings(),
        }
        | facts,
    )
    write_manifest(run / "manifest.csv", content.dataset.manifest)
    write_audit(run / "audit", content.audit)
    if not results:
        return
    assert content.choice
    assert content.nested
    assert content.test
    write_results(run, content.results, content.choice, content.nested)
    write_test(run, content.test)
    # Other images lie between those of the comparison, as copies of test images do.
    rows = np.arange(len(content.dataset.manifest))
    np.savez(run / "cache" / "study" / "rows.npz", rows=rows, folds=rows % 4)
    (run / "model").mkdir()
    made = {"recipe": {"model": "resnet", "epochs": 24}, "members": 2, "trained_on": "train"}
    write_json(run / "model" / "model.json", made)


def test_a_whole_run_comes_back(made_up: ModuleType, tmp_path: Path) -> None:
    data = made_up.report_data()
    write_run(tmp_path, data)
    found = gather(tmp_path)
    assert found.title == "cars and cats/train"
    assert found.audit.counts == data.audit.counts
    assert [row.name for row in found.results] == [row.name for row in data.results]
    assert found.chosen is found.results[0]
    assert found.plain is found.results[-1]
    assert found.model == data.model
    assert (found.folds, found.held_out) == (4, 4)
    assert found.chosen.by_fold == data.chosen.by_fold
    np.testing.assert_array_equal(found.dataset.pixels, data.dataset.pixels)
    assert found.reproduce.versions == {"machine": "cpu x", "numpy": "2"}


def test_an_audit_alone_comes_back(made_up: ModuleType, tmp_path: Path) -> None:
    write_run(tmp_path, made_up.audit_only(), results=False, command="audit", test=None)
    found = gather(tmp_path)
    assert found.results == ()
    assert (found.choice, found.test, found.nested, found.model) == (None,) * 4
    assert found.folds == 0
    assert found.reproduce.command == "evenhand audit 'pictures/cars and cats/train' --preset standard"


def test_a_run_whose_folds_are_gone_is_still_told(made_up: ModuleType, tmp_path: Path) -> None:
    write_run(tmp_path, made_up.report_data())
    (tmp_path / "cache" / "study" / "rows.npz").unlink()
    assert (gather(tmp_path).folds, gather(tmp_path).held_out) == (0, 0)


def test_a_single_fold_that_was_held_out_is_counted(made_up: ModuleType, tmp_path: Path) -> None:
    data = made_up.report_data()
    write_run(tmp_path, data)
    rows = np.arange(len(data.dataset.manifest))
    folds = np.where(np.isin(rows, data.chosen.indices), 0, 1 + rows % 3)
    np.savez(tmp_path / "cache" / "study" / "rows.npz", rows=rows, folds=folds)
    assert (gather(tmp_path).folds, gather(tmp_path).held_out) == (4, 1)


def test_folds_of_other_images_are_not_taken(made_up: ModuleType, tmp_path: Path) -> None:
    write_run(tmp_path, made_up.report_data())
    np.savez(tmp_path / "cache" / "study" / "rows.npz", rows=np.arange(5), folds=np.arange(5))
    assert gather(tmp_path).folds == 0


@pytest.mark.parametrize(
    ("facts", "title"),
    [
        ({"command": "demo"}, "the demo set"),
        ({"data": "pets"}, "pets"),
        ({"data": "/"}, "/"),
        ({"data": "train"}, "train"),
        ({"data": "a/b.npz"}, "b.npz"),
    ],
)
def test_the_title_is_what_the_data_are_called(
    made_up: ModuleType, tmp_path: Path, facts: dict[str, str], title: str
) -> None:
    write_run(tmp_path, made_up.audit_only(), results=False, **facts)
    assert gather(tmp_path).title == title


def test_the_command_says_everything_that_was_asked(made_up: ModuleType, tmp_path: Path) -> None:
    asked = settings(
        remedies=["none", "smote"], repairs=["drop"], size=[32, 48], changes={"epochs": 3}, folds=5, refit="all"
    )
    write_run(tmp_path, made_up.audit_only(), results=False, settings=asked, data="pets")
    assert gather(tmp_path).reproduce.command == (
        "evenhand run pets --test pictures/test --preset standard --folds 5 --refit all --remedy none --remedy smote "
        "--repair drop --size 32x48 --set epochs=3"
    )


def test_what_is_no_run_or_no_finished_audit_is_refused_with_the_reason(made_up: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run folder.*study\.json"):
        gather(tmp_path)
    write_run(tmp_path / "run", made_up.audit_only(), results=False)
    run = tmp_path / "run"
    (run / "cache" / "pixels.npy").rename(run / "gone.npy")
    with pytest.raises(UsageError, match=r"decoded images .* are gone"):
        gather(run)
    (run / "audit" / "summary.json").unlink()
    with pytest.raises(UsageError, match="stopped before its audit was finished"):
        gather(run)
    study = json.loads((run / "study.json").read_text(encoding="utf-8"))
    (run / "study.json").write_text(json.dumps(study | {"schema_version": 99}), encoding="utf-8")
    with pytest.raises(UsageError, match="another version"):
        gather(run)
    (run / "study.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        gather(run)


def test_the_demo_is_done_again_in_the_same_size(made_up: ModuleType, tmp_path: Path) -> None:
    asked = settings(preset="quick", scale=0.05)
    write_run(tmp_path, made_up.audit_only(), results=False, command="demo", settings=asked)
    assert gather(tmp_path).reproduce.command == "evenhand demo --scale 0.05 --preset quick"


def test_edits_come_with_what_they_did_and_an_old_run_knows_one_ledger(made_up: ModuleType, tmp_path: Path) -> None:
    data = made_up.report_data()
    listing = data.dataset.manifest
    corrected = listing.corrected.copy()
    corrected[[0, 1, -1]] = 2, 2, 0  # two training Cars are Cats, a test Cat is a Car
    edited = replace(data, dataset=replace(data.dataset, manifest=replace(listing, corrected=corrected)))
    decided = Decided(changed=2, kept=1, excluded=0, changed_apart=1)
    write_run(tmp_path / "run", edited, edits=["a.jsonl", "b.jsonl"], decided=asdict(decided))
    found = gather(tmp_path / "run")
    assert found.decided == decided
    assert found.relabelled == (("Cars", "Cats", 2),)
    assert found.reviewed is None
    assert "--edits a.jsonl --edits b.jsonl" in found.reproduce.command
    write_run(tmp_path / "old", data, edits="a.jsonl")
    old = gather(tmp_path / "old")
    assert "--edits a.jsonl --preset" in old.reproduce.command
    assert (old.decided, old.relabelled, old.judged) == (None, (), ())


def test_what_was_decided_since_is_counted_and_suspects_apart(made_up: ModuleType, tmp_path: Path) -> None:
    data = made_up.report_data()
    write_run(tmp_path, data)
    listing = data.dataset.manifest
    named = [listing.paths.index(issue.path) for issue in data.audit.flagged[:3]]
    calm = int(listing.where("train")[-1])

    def entry(row: int, action: str, **words: str) -> Edit:
        return edit(action, "me", pixel_sha256=listing.pixel_sha256[row], given="Cars", **words)

    decisions = [
        entry(named[0], "label", label="Cats"),
        entry(named[1], "exclude"),
        entry(named[2], "keep"),
        entry(calm, "label", label="Trucks"),
    ]
    append(tmp_path / "edits.jsonl", decisions)
    found = gather(tmp_path).reviewed
    assert found == Reviewed(Decided(changed=2, kept=1, excluded=1), suspects=3, confirmed=2)
    append(tmp_path / "edits.jsonl", [edit("undo", "me", undoes=entry.id) for entry in decisions])
    assert gather(tmp_path).reviewed == Reviewed(Decided(0, 0, 0), 0, 0)
