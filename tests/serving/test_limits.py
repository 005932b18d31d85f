from typing import Any

import pytest

from evenhand.errors import UsageError
from evenhand.serving.limits import Limits


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ({"most_bytes": 0}, "--max-mb"),
        ({"seconds": -1.0}, "--timeout"),
        ({"queue": 0}, "--queue"),
        ({"reject_below": 1.5}, "--reject-below"),
    ],
)
def test_limits_that_nothing_could_keep(words: dict[str, Any], option: str) -> None:
    with pytest.raises(UsageError, match=option):
        Limits(**words)
