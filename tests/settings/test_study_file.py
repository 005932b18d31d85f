"""Study files, as people write them and as runs keep them."""

from pathlib import Path
from typing import Any

import pytest

from evenhand.cli.study import with_study
from evenhand.errors import UsageError
from evenhand.settings.commands import Settings
from evenhand.settings.groups import Group
from evenhand.settings.resolving import resolved
from evenhand.settings.study_file import read_study, study_text

WHOLE = """
preset = "quick"
classes = ["b", "a, c"]
size = 24
repairs = ["none", "drop"]
allow-stacking = true
trust = 0.7
detector = "posterior"
folds = 4
seeds = 2
seed = 3
halving = false
what-next = true

[set]
epochs = 5
channels_last = false
augmentation.crop = 2

[[compare]]
name = "small"
remedies = ["none", "sampler"]
model = "simple"

[[compare]]
name = "large"
remedies = ["none"]
repairs = ["none"]
model = "resnet"
recipe = "standard"
set = { width = 8, epochs = 2 }
"""


def asked(**words: Any) -> Settings:
    return Settings(data=Path("data"), out=Path("out"), **words)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.toml").write_text(WHOLE)
    return tmp_path / "a.toml"


def test_everything_a_file_says_is_heard(file: Path) -> None:
    found = with_study(file, asked(), set())
    assert (found.preset, found.classes, found.size, found.trust) == ("quick", ("b", "a, c"), (24, 24), 0.7)
    assert (found.folds, found.seeds, found.seed, found.halving, found.what_next) == (4, 2, 3, False, True)
    assert (found.repairs, found.allow_stacking, found.detector) == (("none", "drop"), True, "posterior")
    assert found.changes == {"epochs": 5, "channels_last": False, "augmentation.crop": 2}
    assert found.groups == (
        Group("small", ("none", "sampler"), None, "simple", None, {}),
        Group("large", ("none",), ("none",), "resnet", "standard", {"width": 8, "epochs": 2}),
    )
    assert (found.data, found.out) == (Path("data"), Path("out"))


def test_without_a_file_nothing_changes() -> None:
    assert with_study(None, asked(seed=7), {"seed"}) == asked(seed=7)


def test_what_was_typed_wins(file: Path) -> None:
    typed = asked(preset="standard", folds=5, size=(32, 32), changes={"epochs": 1, "batch": 8}, seed=0)
    found = with_study(file, typed, {"preset", "folds", "size", "changes", "seed"})
    assert (found.preset, found.folds, found.size, found.seed) == ("standard", 5, (32, 32), 0)
    assert found.changes == {"epochs": 1, "channels_last": False, "augmentation.crop": 2, "batch": 8}
    assert found.trust == 0.7, "what was not typed is the file's"
    assert [group.changes for group in found.groups] == [
        {"epochs": 1, "batch": 8},
        {"width": 8, "epochs": 1, "batch": 8},
    ]


def test_what_was_typed_holds_for_every_group(file: Path) -> None:
    typed = asked(remedies=("smote",), model="simple")
    found = with_study(file, typed, {"remedies", "model"})
    assert {group.remedies for group in found.groups} == {("smote",)}
    assert {group.model for group in found.groups} == {"simple"}
    assert found.remedies is None


@pytest.mark.parametrize("text", [WHOLE, "", 'remedies = ["none"]\nsize = "24x40"\n', '[set]\noptimiser = "adamw"\n'])
def test_what_a_run_keeps_asks_for_the_same_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    found = with_study(tmp_path / "a.toml", asked(), set())
    (tmp_path / "b.toml").write_text(study_text(found))
    assert with_study(tmp_path / "b.toml", asked(), set()) == found


def test_awkward_names_survive(tmp_path: Path) -> None:
    names = ('quote " and \\', "new\nline", "جمل", "\x7f tab\t", "]]")
    (tmp_path / "a.toml").write_text(study_text(asked(classes=names)), encoding="utf-8")
    assert with_study(tmp_path / "a.toml", asked(), set()).classes == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fold = 3", r"it cannot say 'fold'\. Did you mean 'folds'\?"),
        ("what_next = true", r"it cannot say 'what_next'\. Did you mean 'what-next'\?"),
        ('[[compare]]\nname = "a"\nmodle = "simple"', r"it cannot say 'compare\[1\]\.modle'\. Did you mean 'model'\?"),
        ('[[compare]]\nname = "a"\n[[compare]]\nmodel = "simple"', r"'compare\[2\]\.name' is missing"),
        ('folds = "3"', r"'folds' is a whole number, and cannot be '3'"),
        ("folds = 3.5", r"'folds' is a whole number, and cannot be 3\.5"),
        ("trust = 'high'", r"'trust' is a number"),
        ('what-next = "yes"', r"'what-next' is true or false"),
        ('remedies = "none"', r"'remedies' is a list, in square brackets"),
        ("remedies = [1]", r"'remedies\[1\]' is a text in quotes"),
        ("remedies = []", r"'remedies' names at least one"),
        ("set = 3", r"'set' is a table"),
        ("compare = 3", r"'compare' is a list"),
        ("size = true", r"'size' is a"),
        ("folds = = 3", r"is not TOML: .*line 1"),
        ("[set]\nepoch = 3", r"Did you mean 'epochs'"),
        ("[set]\nepochs = 'many'", r"epochs is a whole number"),
        ("[set.augmentation]\ncorp = 3", r"Did you mean 'crop'"),
        ("preset = 'quik'", r"Did you mean 'quick'"),
        ("repairs = ['rop']", r"Did you mean 'drop'"),
        ("[[compare]]\nname = 'a'\nrepairs = ['rop']", r"Did you mean 'drop'"),
        ("folds = 1", r"--folds must be at least 2"),
        ("size = '3x4x5'", r"--size takes"),
        ("remedies = ['none']\n[[compare]]\nname = 'a'", r"remedies of its own and \[\[compare\]\] groups"),
        ("[[compare]]\nname = 'a'\n[[compare]]\nname = 'a'", r"two \[\[compare\]\] groups are called 'a'"),
        ("[[compare]]\nname = ''", r"'compare\[1\]\.name' is a text that is not empty"),
    ],
)
def test_what_no_comparison_can_be_told_is_refused_by_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        with_study(tmp_path / "a.toml", asked(), set())


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no study file"):
        read_study(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_study(tmp_path)
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        read_study(tmp_path / "a.toml")


def test_groups_ask_for_everything_that_one_of_them_asks_for(file: Path) -> None:
    preset = resolved(with_study(file, asked(), set()))
    assert preset.remedies == ("none", "sampler")
    assert preset.repairs == ("none", "drop")
    assert (preset.finalists, preset.screen) == (0, "simple")
