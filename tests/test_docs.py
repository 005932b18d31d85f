"""Every command of the README and of docs/ is run, in a folder of its own, in the order of its page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evenhand.data.demo import make_demo

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
MADE_BY_MAKE = ("make demo", "make test")
"""What the README says first; the demo has a test of its own, and this is the other one."""


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows: TOML whose first line says what it is called."""
    return {text.split("\n", 1)[0].removeprefix("# "): text for text in blocks(page, "toml")}


def commands(page: Path) -> list[str]:
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.strip() and line not in MADE_BY_MAKE]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
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


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_every_snippet_works(page: Path) -> None:
    for snippet in blocks(page, "python"):
        exec(compile(snippet, str(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
