"""Every command of the README and of docs/ is run, in a folder of its own, in the order of its page."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evenhand.data.demo import make_demo

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
MADE_BY_MAKE = ("make demo", "make test")
"""What the README says first; the demo has a test of its own, and this is the other one."""

RUN_HERE = {"sh", "python", "toml"}
"""Languages of what the tests below run, or write for what they run."""


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows: TOML whose first line says what it is called."""
    return {text.split("\n", 1)[0].removeprefix("# "): text for text in blocks(page, "toml")}


def commands(page: Path) -> list[str]:
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.strip() and line not in MADE_BY_MAKE]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=named)
def test_every_command_works(page: Path, tmp_path: Path) -> None:
    make_demo(tmp_path / "pictures", scale=0.04)
    shutil.copytree(tmp_path / "pictures" / "train", tmp_path / "faults")
    for name, text in files(page).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    place = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for command in commands(page):
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=os.environ | {"PATH": place}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=named)
def test_every_snippet_works(page: Path) -> None:
    for snippet in blocks(page, "python"):
        exec(compile(snippet, str(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_is_not_run_says_why(page: Path) -> None:
    """A block in another language shows no command, or a line before it says why it is not run."""
    for found in ANY_FENCE.finditer(page.read_text(encoding="utf-8")):
        language, text, reason = found["language"], found["text"], found["reason"]
        assert not (language in RUN_HERE and reason), f"{page.name} says that a block is not run, but it is:\n{text}"
        if language not in RUN_HERE:
            shown = re.findall(r"^\s*(?:evenhand|pip|python|curl|ray) .*", text, re.MULTILINE)
            assert reason or not shown, f"{page.name}: put <!-- not run: REASON --> before\n{text}"
        for test in re.findall(r"tests/\S+\.py", reason or ""):
            assert (ROOT / test).is_file(), f"{page.name} names {test}, which is not there"


def shown_commands() -> list[tuple[str, str]]:
    """Return (page, command) for every command of ours that is shown and not run."""
    found = []
    for page in PAGES:
        for fence in ANY_FENCE.finditer(page.read_text(encoding="utf-8")):
            if fence["language"] not in RUN_HERE:
                lines = fence["text"].replace("\\\n", " ").splitlines()
                found += [(named(page), line.strip()) for line in lines if line.strip().startswith("evenhand ")]
    return found


@pytest.mark.parametrize(("page", "command"), shown_commands())
def test_commands_that_are_not_run_exist_with_their_options(page: str, command: str) -> None:
    from typer.main import get_command

    from evenhand.cli.app import app

    _, name, *words = shlex.split(command)
    known = get_command(app).commands[name]  # type: ignore[attr-defined]
    options = {word for parameter in known.params for word in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options, f"{page}: {command}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_and_option_is_documented() -> None:
    from typer.main import get_command

    from evenhand.cli.app import app

    told = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"evenhand {name}" in told, f"no page shows `evenhand {name}`"
