"""The house plan as a test: imports point down only, heavy libraries stay in their rooms, files stay readable."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src/evenhand"
FILES = sorted(ROOT.rglob("*.py"))

FLOORS = (
    ("__main__",),
    ("cli", "api"),
    ("predicting", "serving", "review"),
    ("pipeline",),
    ("reporting",),
    ("study",),
    ("attacks",),
    ("auditing", "exporting"),
    ("training",),
    ("evaluation", "remedies"),
    ("models",),
    ("data",),
    ("engines", "tracking"),
    ("store", "settings"),
    ("disk",),
    ("records", "progress", "web"),
    ("errors",),
    ("evenhand",),
)
"""From the roof to the ground. A room may use the rooms on the floors below it; on one floor they do not meet."""

OPTIONAL = {
    "ray",
    "transformers",
    "huggingface_hub",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "starlette",
    "uvicorn",
    "optuna",
    "cleanlab",
    "pandas",
    "pyarrow",
    "tensorboardX",
    "mlflow",
}
"""Not installed for everyone: never imported with a file, only inside the function that needs it."""
LIBRARIES = {
    "__main__": set(),
    "evenhand": set(),
    "errors": set(),
    "progress": set(),
    "web": set(),
    "disk": {"numpy"},
    "store": {"numpy"},
    "records": {"numpy"},
    "settings": {"pydantic"},
    "engines": set(),
    "tracking": {"numpy"},
    "data": {"numpy", "PIL", "torch"},
    "models": {"torch"},
    "remedies": {"numpy", "imblearn", "sklearn"},
    "evaluation": {"numpy", "scipy"},
    "training": {"numpy", "torch", "safetensors"},
    "auditing": {"numpy", "scipy"},
    "exporting": {"numpy", "torch"},
    "attacks": {"numpy", "torch", "scipy", "PIL"},
    "study": {"numpy", "torch", "safetensors"},
    "reporting": {"numpy", "PIL", "jinja2", "markupsafe", "matplotlib"},
    "pipeline": {"numpy"},
    "review": {"numpy", "PIL"},
    "predicting": {"numpy", "torch", "PIL"},
    "serving": {"numpy"},
    "cli": {"typer", "rich"},
    "api": {"numpy", "PIL", "sklearn", "torch"},
}
"""The libraries that each room may use at all."""


def room(file: Path) -> str:
    name = file.relative_to(ROOT).parts[0].removesuffix(".py")
    return "evenhand" if name == "__init__" else name


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def imported(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield the full name of everything a file imports, and whether that happens as soon as the file is loaded."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    late = {
        inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(outer, ast.If) and isinstance(outer.test, ast.Name) and outer.test.id == "TYPE_CHECKING")
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node not in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield from ((f"{node.module}.{alias.name}", node not in late) for alias in node.names)


def test_every_room_is_on_the_plan() -> None:
    assert {room(file) for file in FILES} <= {name for rooms in FLOORS for name in rooms} & set(LIBRARIES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_down(file: Path) -> None:
    here = room(file)
    for name, at_once in imported(file):
        if name.split(".")[0] == "evenhand":
            part = name.split(".")[1] if "." in name else ""
            other = part if (part and (ROOT / part).is_dir()) or (ROOT / f"{part}.py").is_file() else "evenhand"
            if (here, other, at_once) == ("evenhand", "api", False):
                continue  # the front door: names that are looked up when somebody asks for them
            assert other == here or floor(other) > floor(here), f"{here} must not import {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_libraries_stay_in_their_rooms(file: Path) -> None:
    for name, at_once in imported(file):
        library = name.split(".")[0]
        if library == "evenhand" or library in sys.stdlib_module_names:
            continue
        assert library in LIBRARIES[room(file)] | OPTIONAL, f"{room(file)} has no business with {library}"
        assert not (at_once and library in OPTIONAL | {"imblearn"}), f"{library} must be imported where it is used"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_files_can_be_read_in_one_go(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400
    assert ast.get_docstring(tree), f"{file} does not say what it is for"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            inner = any(
                node in ast.walk(outer)
                for outer in ast.walk(tree)
                if outer is not node
                and (
                    isinstance(outer, ast.FunctionDef)
                    or (isinstance(outer, ast.ClassDef) and outer.name.startswith("_"))
                )
            )
            assert inner or ast.get_docstring(node), f"{file}: {node.name} has no docstring"
