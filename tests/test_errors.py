import pytest

from evenhand.errors import (
    MOST_LISTED,
    DataError,
    EvenhandError,
    ExportError,
    ModelFileError,
    UsageError,
    suggest,
)


def test_every_kind_of_error_has_the_exit_code_of_the_contract() -> None:
    codes = {kind: kind.exit_code for kind in (EvenhandError, UsageError, DataError, ModelFileError, ExportError)}
    assert codes == {EvenhandError: 1, UsageError: 2, DataError: 3, ModelFileError: 4, ExportError: 5}
    assert all(issubclass(kind, EvenhandError) for kind in codes)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smotte", "Did you mean 'smote'?"),
        ("balanced_softmax", "Did you mean 'balanced-softmax'?"),
        ("zzz", "Known: balanced-softmax, none, smote."),
        ("", "Known: balanced-softmax, none, smote."),
    ],
)
def test_the_nearest_name_or_else_all(name: str, words: str) -> None:
    assert suggest(name, ["smote", "none", "balanced-softmax"]) == words


def test_a_long_list_is_not_read_out() -> None:
    many = [f"class {number}" for number in range(MOST_LISTED + 1)]
    assert suggest("xyz", many) == f"There are {MOST_LISTED + 1} others, none of a similar name."
    assert suggest("clas 7", many) == "Did you mean 'class 7'?"
