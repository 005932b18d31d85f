"""The package is light: what is heavy is loaded by the command that needs it, not before."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "numpy",
    "scipy",
    "sklearn",
    "imblearn",
    "PIL",
    "matplotlib",
    "jinja2",
    "safetensors",
    "ray",
    "pandas",
)


def loaded(code: str) -> set[str]:
    """Return the heavy libraries that a fresh Python holds after running some code."""
    told = f"{code}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "module", ["evenhand", "evenhand.cli.app", "evenhand.settings.commands", "evenhand.engines.local"]
)
def test_these_load_no_numeric_library(module: str) -> None:
    assert loaded(f"import {module}") == set()


@pytest.mark.parametrize(
    "module", ["evenhand.store", "evenhand.records.audit", "evenhand.remedies", "evenhand.data.manifest"]
)
def test_these_load_numpy_alone(module: str) -> None:
    assert loaded(f"import {module}") <= {"numpy"}


HELP = """
import sys
sys.argv = ['evenhand', *{words!r}]
from evenhand.cli.app import main
try: main()
except SystemExit as end: assert end.code == {code}
"""


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--help"], 0), (["run", "--help"], 0), (["--version"], 0), (["rnu"], 2), (["run", "x", "--preset", "y"], 2)],
)
def test_help_and_plain_mistakes_load_no_numeric_library(words: list[str], code: int) -> None:
    assert not loaded(HELP.format(words=words, code=code)) & set(HEAVY)


def test_workers_begin_light() -> None:
    """A worker imports the main module again; that of the command line must not bring torch along."""
    assert loaded("import runpy\nrunpy.run_module('evenhand.cli.app', run_name='__mp_main__')") == set()


def test_names_are_looked_up_when_somebody_asks_for_them() -> None:
    """Asking what there is loads nothing; the first name that is used brings what it needs."""
    assert loaded("import evenhand\nassert 'run' in dir(evenhand) and 'EvenhandClassifier' in dir(evenhand)") == set()
    assert "torch" not in loaded("import evenhand\nevenhand.load")
    assert (
        "no attribute 'rnu'"
        in subprocess.run(
            [sys.executable, "-c", "import evenhand\nevenhand.rnu"], capture_output=True, text=True
        ).stderr
    )


def test_every_name_is_where_it_is_said_to_be() -> None:
    import evenhand

    for name in ("load", "audit", "compare", "train", "run", "evaluate", "attack", "predict", "plan"):
        assert getattr(evenhand, name).__module__.startswith("evenhand.api."), name
    assert evenhand.EvenhandClassifier.__module__ == "evenhand.api.classifier"
