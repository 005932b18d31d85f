import os
import sys
from pathlib import Path

import pytest

from evenhand.errors import UsageError
from evenhand.study.tuning.journal import finished, open_study, optuna, prepare
from tune_study import space

pytest.importorskip("optuna", reason="needs Optuna: pip install 'evenhand[tune]'")


def test_a_journal_begins_with_the_points_given_each_once(tmp_path: Path) -> None:
    journal = tmp_path / "tune" / "journal.log"
    starts = space().starts("sampler")
    for _ in range(2):
        prepare(journal, starts)
        with optuna() as library:
            trials = open_study(library, journal, 0).get_trials()
        assert [trial.system_attrs["fixed_params"] for trial in trials] == starts
    assert finished(journal) == 0


def test_what_a_process_left_that_was_killed_is_tidied_up(tmp_path: Path) -> None:
    journal = tmp_path / "journal.log"
    prepare(journal, space().starts("none"))
    with optuna() as library:
        open_study(library, journal, 0).ask()
    whole = journal.read_bytes()
    with journal.open("ab") as file:
        file.write(b'{"op_code":4,"worker')
    os.symlink(journal, tmp_path / "journal.log.lock")
    prepare(journal, space().starts("none"))
    assert journal.read_bytes().startswith(whole)
    assert not (tmp_path / "journal.log.lock").is_symlink()
    with optuna() as library:
        trials = open_study(library, journal, 0).get_trials()
    # Nobody had put his name to it yet: the first worker takes it.
    assert trials[0].user_attrs == {"worker": 0}


def test_without_the_library_people_are_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=r"pip install 'evenhand\[tune\]'"), optuna():
        pass
