"""A run folder for the review, made without training: three kinds of coloured squares, some filed wrongly."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from evenhand.auditing.files import write_audit
from evenhand.data.manifest import SPLITS, Manifest, write_manifest
from evenhand.disk import write_arrays, write_json
from evenhand.records.audit import Audit, Duplicate, LabelIssue
from evenhand.records.values import Interval

if TYPE_CHECKING:
    from browser import Browser
    from review_page import Page

CLASSES = ("Cars", "Cats", "Trucks")
COLOURS = np.array([[200, 60, 60], [60, 190, 60], [60, 60, 200]], dtype=np.int16)


def build(
    folder: Path,
    n: int = 64,
    wrong: int = 14,
    side: int = 16,
    tested: int = 6,
    *,
    copies: Sequence[Sequence[int]] = (),
    files: bool = False,
) -> Path:
    """Write a run on `n` training and `tested` test pictures; the first `wrong` of the paths are filed wrongly.

    Rows of one group of `copies` show the same picture.
    """
    run, data, total = folder / "run", folder / "data", n + tested
    generator = np.random.default_rng(0)
    true = np.arange(total) % 3
    noise = generator.integers(-25, 26, (total, side, side, 3), dtype=np.int16)
    pixels = (COLOURS[true][:, None, None, :] + noise).astype(np.uint8)
    given = true.copy()
    given[:wrong] = (true[:wrong] + 1) % 3
    split = np.array(["train"] * n + ["test"] * tested)
    paths = tuple(f"{split[row]}/{CLASSES[given[row]]}/{row:05}.png" for row in range(total))
    hashes = tuple(hashlib.sha256(picture.tobytes()).hexdigest() for picture in pixels)
    manifest = Manifest(CLASSES, paths, hashes, hashes, split, given, given.copy(), np.arange(total))
    (run / "cache").mkdir(parents=True)
    np.save(run / "cache" / "pixels-x.npy", pixels)
    write_manifest(run / "manifest.csv", manifest)
    write_json(
        run / "study.json",
        {
            "schema_version": 1, "command": "audit", "settings": {}, "data": str(data), "test": None,
            "classes": list(CLASSES), "size": [side, side], "pixels": "cache/pixels-x.npy", "environment": {},
        },
    )  # fmt: skip
    suspicion = np.where(np.arange(n) < wrong, 0.99 - 0.3 * np.arange(n) / n, 0.2 - 0.15 * np.arange(n) / n)
    issues = tuple(
        LabelIssue(
            paths[row], CLASSES[given[row]], CLASSES[true[row]], round(float(suspicion[row]), 6), bool(row < wrong)
        )
        for row in np.argsort(-suspicion, kind="stable")
    )
    counts = {name: manifest.counts(name) for name in SPLITS}
    groups = tuple(
        Duplicate(number, paths[row], str(split[row]), CLASSES[given[row]], conflict=True, leaked=False, kind="near")
        for number, rows in enumerate(copies, 1)
        for row in rows
    )
    write_audit(run / "audit", Audit(CLASSES, counts, (), groups, issues, Interval(wrong, wrong - 1, wrong + 1)))
    trial = run / "trials" / "k"
    trial.mkdir(parents=True)
    write_json(trial / "result.json", {"remedy": "sampler"})
    logits = 3.0 * np.eye(3, dtype=np.float32)[true[:n]]
    features = np.eye(3, dtype=np.float16)[true[:n]]
    write_arrays(trial / "oof.npz", {"rows": np.arange(n), "logits": logits, "features": features})
    if files:
        for row, path in enumerate(paths):
            (data / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[row]).save(data / path)
    return run


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run on 64 training pictures of which 14 are suspects, each of them rightly so."""
    return build(tmp_path)


@pytest.fixture(scope="session")
def build_run() -> Callable[..., Path]:
    """Make such a run of any size: ``build_run(folder, n=50_000)``."""
    return build


@pytest.fixture(scope="session")
def served(program: list[str]) -> Callable[..., object]:
    """Serve a run in a process of its own: ``with served(run) as address``; it ends as people end it."""

    @contextmanager
    def serve(run: Path) -> Iterator[str]:
        process = subprocess.Popen(
            [*program, "review", str(run), "--no-browser", "--json", "--reviewer", "me"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        line = process.stdout.readline()
        try:
            assert line, process.communicate()[1]
            yield json.loads(line)["url"]
        finally:
            process.send_signal(2)
            out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, ""), err
        assert "Traceback" not in err
        assert "pictures are settled" in err

    return serve


@pytest.fixture
def chromium(browser: "Browser") -> "Page":
    """The review page in the browser of this file."""
    from review_page import Page

    return Page(browser)


@pytest.fixture
def page(chromium: "Page", served: Callable[..., Any], run_folder: Path) -> Iterator["Page"]:
    """It, with the suspects of `run_folder` open."""
    with served(run_folder) as address:
        chromium.open(address)
        chromium.complaints()  # of the page before, whose server is gone
        yield chromium
        assert chromium.complaints() == []
