from pathlib import Path

import pytest

from evenhand.errors import UsageError
from evenhand.settings.costs import Costs, Decision, Uses, read_costs, read_prior

TABLE = Costs(("cat", "dog"), ((0.0, 1.0), (5.0, 0.0)))


def written(folder: Path, text: str) -> Path:
    path = folder / "costs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read_by_names(tmp_path: Path) -> None:
    assert read_costs(written(tmp_path, ",cat,dog\ncat,0,1\ndog,5,0\n")) == TABLE
    # Rows in another order, spaces, empty lines, and a diagonal that says nothing.
    path = written(tmp_path, "\ufefftrue \\ called, cat ,dog\n\ndog,5,\ncat,,1.0\n")
    assert read_costs(path) == TABLE
    assert TABLE.ordered(("dog", "cat")).table == ((0.0, 5.0), (1.0, 0.0))
    assert Costs.from_json(TABLE.to_json(), TABLE.classes) == TABLE
    paid = read_costs(written(tmp_path, ",cat,dog\ncat,0.5,1\ndog,5,0\n"))
    assert paid.table[0][0] == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no table of costs"),
        (",cat\ncat,0\n", "no table of costs"),
        (",cat,dog\ncat,0,1\ndog,5\n", r"line 3 \(dog\): 1 costs for 2 classes"),
        (
            ",cat,dog\ncat,0,-1\ndog,5,0\n",
            "line 2: the cost of calling cat dog must be a number of at least 0, not '-1'",
        ),
        (",cat,dog\ncat,0,\ndog,5,0\n", "line 2: the cost of calling cat dog must be"),
        (",cat,dog\ncat,0,inf\ndog,5,0\n", "calling cat dog must be a number of at least 0, not 'inf'"),
        (",cat,dog\ncat,0,1\ndog,dear,0\n", "line 3: the cost of calling dog cat must be"),
        (",cat,cat\ncat,0,1\ncat,5,0\n", "the header names cat twice"),
        (",cat,dog\ncat,0,1\ncat,5,0\n", "the first column names cat twice"),
        (",cat,\ncat,0,1\ndog,5,0\n", "the header names an empty class"),
        (",cat,dog\ncat,0,1\nfox,5,0\n", "only one of them has dog, fox"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_costs(written(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_costs(tmp_path / "none.csv")


def test_costs_of_other_classes_are_refused() -> None:
    with pytest.raises(UsageError, match="has no fox and speaks of dog, which is no class here"):
        TABLE.ordered(("cat", "fox"))


def test_priors() -> None:
    assert read_prior("balanced") == "balanced"
    assert read_prior("a=b=0.9, c=0.1") == {"a=b": 0.9, "c": 0.1}
    for text, message in (
        ("balance", "Did you mean 'balanced'"),
        ("cat=0.9,dog=0.3", "sum to 1.2, not to 1"),
        ("cat=0.9,dog", "not 'dog'"),
        ("cat=1,dog=0", "not 'dog=0'"),
        ("cat=0.5,cat=0.5", "once"),
    ):
        with pytest.raises(UsageError, match=message):
            read_prior(text)


def test_what_a_command_says_wins_over_what_the_model_was_made_with() -> None:
    classes, made, training = ("cat", "dog"), (0.5, 0.5), (0.9, 0.1)
    stored = Decision(TABLE, made, training)
    uses = Uses(made, training, stored)
    other = Costs(("dog", "cat"), ((0.0, 2.0), (3.0, 0.0)))
    assert uses.decided(None, None, classes) == stored
    assert uses.decided(other, None, classes) == Decision(other.ordered(classes), made, made)
    assert uses.decided(other, "training", classes) == Decision(other.ordered(classes), made, training)
    assert uses.decided(None, "balanced", classes) == Decision(TABLE, made, (0.5, 0.5))
    assert uses.decided(None, {"dog": 0.3, "cat": 0.7}, classes) == Decision(TABLE, made, (0.7, 0.3))
    assert Uses().decided(None, None, classes) is None
    assert Uses().decided(TABLE, None, classes) == Decision(TABLE)


def test_what_cannot_be_decided_is_refused() -> None:
    classes = ("cat", "dog")
    with pytest.raises(UsageError, match="Give one with --costs"):
        Uses((0.5, 0.5)).decided(None, "balanced", classes)
    with pytest.raises(UsageError, match="cannot be moved to another mix"):
        Uses().decided(TABLE, "balanced", classes)
    with pytest.raises(UsageError, match="does not say how common the classes were in training"):
        Uses((0.5, 0.5)).decided(TABLE, "training", classes)
    with pytest.raises(UsageError, match="wrong or missing: dog, fox"):
        Uses((0.5, 0.5)).decided(TABLE, {"cat": 0.5, "fox": 0.5}, classes)


def test_it_goes_through_the_description_of_a_model() -> None:
    classes = ("cat", "dog")
    uses = Uses((0.5, 0.5), (0.9, 0.1), Decision(TABLE, (0.5, 0.5), (0.25, 0.75)))
    told = uses.to_json(classes)
    assert told["costs"]["table"]["dog"] == {"cat": 5.0, "dog": 0.0}
    assert Uses.from_json({**told, "training_counts": {"cat": 90, "dog": 10}}, classes) == uses
    assert Uses.from_json({}, classes) == Uses()
