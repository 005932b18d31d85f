"""Every snippet of docs/python.md works, in the order of the page, as one script."""

import re
from pathlib import Path

import pytest

from evenhand.data.demo import make_demo

PAGE = Path(__file__).parents[2] / "docs/python.md"


@pytest.mark.slow
def test_the_page_is_a_script_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_demo(tmp_path / "pictures", scale=0.04)
    snippets = re.findall(r"^```py\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(snippets) == 4
    names: dict[str, object] = {}
    for snippet in snippets:
        exec(compile(snippet, str(PAGE), "exec"), names)
    assert names["answers"].called  # type: ignore[attr-defined]
    assert torch_loop_learnt(names)


def torch_loop_learnt(names: dict[str, object]) -> bool:
    """Return whether the plain loop did move its network to a loss that is a number."""
    loss = names["loss"]
    return bool(loss.isfinite())  # type: ignore[attr-defined]
