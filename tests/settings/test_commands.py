from pathlib import Path
from typing import Any

from evenhand.settings.commands import default_out


def test_a_run_without_a_name_is_called_after_its_data_and_command(monkeypatch: Any, tmp_path: Path) -> None:
    assert default_out("run", Path("some/pictures")) == Path("evenhand-runs/pictures-run")
    assert default_out("audit", Path("table.csv")) == Path("evenhand-runs/table-audit")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert default_out("run", Path()) == Path("evenhand-runs/here-run")
    assert default_out("run", Path("/")) == Path("evenhand-runs/data-run")
