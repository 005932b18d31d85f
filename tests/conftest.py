"""Places that only a superuser can make; elsewhere the tests that need them are skipped with the reason."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest


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
