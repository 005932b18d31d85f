from pathlib import Path

import numpy as np
import pytest

from evenhand.disk import write_json, write_table
from evenhand.errors import EvenhandError
from evenhand.store import RunFolder
from evenhand.tracking.tracked import Reader, finished_trials

RESULT = {
    "remedy": "focal:gamma=2",
    "held": [1],
    "seed": 4,
    "features": False,
    "trained_on": 3,
    "diverged_at": None,
    "recipe": {"rate": 0.1, "augmentation": {"crop": 4}, "steps": [1, 2], "decay": None},
}
LOGITS = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [np.nan, np.nan]], dtype=np.float32)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of four images, a, a, b and b, with one finished trial that was compared with the repair drop."""
    with RunFolder.claim(tmp_path / "run", settings={}, command="compare") as found:
        found.bind("data", {"classes": ["a", "b"]})
    write_table(tmp_path / "run/manifest.csv", ["path", "given"], [[str(row), "aabb"[row]] for row in range(4)])
    curve = (["kind", "number", "loss"], [["step", 1, "0.9"], ["step", 2, "nan"], ["epoch", 1, "0.7"]])
    found.commit_trial("k" * 20, RESULT, {"rows": np.arange(4), "logits": LOGITS}, curve, 2.5)
    write_json(tmp_path / "run/judged.json", [{"repair": "drop", "trials": ["k" * 20]}])
    return RunFolder.claim(tmp_path / "run", settings={}, command="compare")


def test_a_trial_is_told_with_settings_curves_and_figures(run: RunFolder) -> None:
    with run:
        assert list(finished_trials(run)) == ["k" * 20]
        told = Reader(run).read("k" * 20)
    assert told.name == "focal:gamma=2 seed 4 fold 1 kkkkkkkk"
    assert told.settings == {
        "remedy": "focal:gamma=2",
        "repair": "drop",
        "seed": 4,
        "fold": "1",
        "purpose": "comparison",
        "command": "compare",
        "trained_on": 3,
        "diverged": False,
        "recipe.rate": 0.1,
        "recipe.augmentation.crop": 4,
        "recipe.steps": "[1, 2]",
    }
    assert told.curves == {"loss/step": ((1, 0.9),), "loss/epoch": ((1, 0.7),)}
    assert told.seconds == 2.5
    # A network that diverged says the first class, and that it does not know.
    assert told.figures["held_out/accuracy"] == 0.25
    assert told.figures["held_out/balanced_accuracy"] == 0.25
    losses = [np.log1p(np.exp(-2)), np.log1p(np.exp(1)), np.log1p(np.exp(3)), np.log(2)]
    assert told.figures["held_out/log_loss"] == pytest.approx(np.mean(losses))


def test_what_was_not_compared_says_what_it_was_for(run: RunFolder) -> None:
    with run:
        (run.path / "judged.json").unlink()
        assert Reader(run).read("k" * 20).settings["repair"] == "unknown"
        assert Reader(run).read("k" * 20).settings["purpose"] == "other"


def test_a_run_without_its_manifest_is_told(run: RunFolder) -> None:
    with run:
        (run.path / "manifest.csv").unlink()
        with pytest.raises(EvenhandError, match="cannot be tracked"):
            Reader(run)
