"""What several rooms' tests share: the command line, small pictures, a finished run, and awkward disks."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import hypothesis
import pytest

from evenhand.cli.app import main
from evenhand.data.demo import make_demo

if TYPE_CHECKING:
    from browser import Browser

# How long an example takes says something about the machine's other work, nothing about the example.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[Path]:
    """Mount a file system over a folder for a while."""
    place.mkdir(parents=True, exist_ok=True)
    if os.name != "posix" or subprocess.run(["mount", *options, str(place)], capture_output=True).returncode:
        pytest.skip("mounting a file system needs more rights than this user has")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "none") as place:
        yield place


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Make a folder read-only until the end of the test, for the superuser too."""
    with ExitStack() as stack:

        def protect(folder: Path) -> None:
            stack.enter_context(mounted(folder, "--bind", str(folder)))
            subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True, capture_output=True)

        yield protect


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code, and what it wrote where."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        assert self.code == 0, self.err
        assert self.out.count("\n") == 1, self.out
        value: dict[str, Any] = json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        return value


def say(*words: object) -> Said:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(sys, "argv", ["evenhand", *map(str, words)]))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        end = stack.enter_context(pytest.raises(SystemExit))
        main()
    return Said(int(end.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def evenhand() -> Callable[..., Said]:
    """Run a command in this process: ``evenhand("run", folder, "--json")``."""
    return say


@pytest.fixture(scope="session")
def program() -> list[str]:
    """The installed program, for tests that need a process of its own."""
    return [str(Path(sys.executable).with_name("evenhand"))]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    """A Chromium for the tests of one file."""
    from browser import Browser

    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.driver.quit()


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Measure precision into a folder of the tests, and let every process of them use one thread."""
    place = str(tmp_path_factory.mktemp("cache"))
    with mock.patch.dict(os.environ, {"EVENHAND_CACHE": place, "OMP_NUM_THREADS": "1"}):
        yield


QUICK = "--preset quick --set epochs=1 --set precision=float32 --folds 2 --repair none --jobs 1"


@pytest.fixture(scope="session")
def quick() -> list[str]:
    """The options of a run that takes seconds."""
    return QUICK.split()


@pytest.fixture(scope="session")
def two_remedies(quick: list[str]) -> list[str]:
    """The options of such a run with something to compare."""
    return [*quick, "--remedy", "none", "--remedy", "logit-adjust"]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred and fifty small pictures with every fault: folders train and test. Not to be changed."""
    folder = tmp_path_factory.mktemp("demo") / "pictures"
    make_demo(folder, scale=0.02)
    (folder / "truth.csv").unlink()
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, pictures: Path, two_remedies: list[str]) -> tuple[Path, Said]:
    """A whole run on the pictures, and what the command said. Not to be changed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, say("run", pictures, "--out", folder, "--json", *two_remedies)


@pytest.fixture(scope="session")
def tree() -> Callable[[Path], dict[str, str | None]]:
    """Return the content of a folder: a digest of every file, None for folders."""

    def look(folder: Path) -> dict[str, str | None]:
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
            for path in sorted(folder.rglob("*"))
        }

    return look
