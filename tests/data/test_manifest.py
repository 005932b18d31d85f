from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenhand.data.manifest import Dataset, Manifest, read_manifest, write_manifest

ODD = ["new\nline.png", "return\r.png", 'quote".png', "comma,.png", "😀.png", "\u202eright.png", "a" * 300, " b ", "\0"]


def manifest(n: int = 9) -> Manifest:
    return Manifest(
        classes=("قطة", "dog, or\nso", "c"),
        paths=tuple(ODD[:n]),
        file_sha256=tuple(f"f{row}" for row in range(n)),
        pixel_sha256=tuple(f"p{row}" for row in range(n)),
        split=np.array((["train"] * 5 + ["val", "val", "test", "test"])[:n]),
        given=np.arange(n) % 3,
        corrected=np.arange(n) % 2,
        group=np.arange(n) // 2,
    )


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    made = manifest()
    write_manifest(tmp_path / "manifest.csv", made)
    found = read_manifest(tmp_path / "manifest.csv", made.classes)
    for name in ("classes", "paths", "file_sha256", "pixel_sha256"):
        assert getattr(found, name) == getattr(made, name)
    for name in ("split", "given", "corrected", "group"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    assert found.fingerprint() == made.fingerprint()
    text = (tmp_path / "manifest.csv").read_text(encoding="utf-8")
    assert text.startswith("path,sha256,split,given,corrected,group,pixel_sha256\n")


def test_rows_splits_and_counts() -> None:
    made = manifest()
    assert len(made) == 9
    assert made.where("val").tolist() == [5, 6]
    assert made.where("test").dtype == np.int64
    assert made.counts("train") == {"قطة": 2, "dog, or\nso": 2, "c": 1}
    assert made.counts("test") == {"قطة": 0, "dog, or\nso": 1, "c": 1}
    part = made.select(np.array([3, 1]))
    assert part.paths == (ODD[3], ODD[1])
    assert part.given.tolist() == [0, 1]
    assert Dataset(made, np.zeros((9, 4, 5, 3), dtype=np.uint8)).size == (4, 5)


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"paths": tuple("abcdefghi")}, False),
        ({"file_sha256": tuple("abcdefghi")}, False),
        ({"pixel_sha256": tuple("abcdefghi")}, True),
        ({"classes": ("a", "b", "c")}, True),
        ({"split": np.array(["train"] * 9)}, True),
        ({"given": np.zeros(9, dtype=np.int64)}, True),
        ({"group": np.zeros(9, dtype=np.int64)}, True),
        ({"corrected": np.zeros(9, dtype=np.int64)}, False),
    ],
)
def test_the_fingerprint_is_of_what_results_depend_on(change: dict[str, object], matters: bool) -> None:
    assert (replace(manifest(), **change).fingerprint() != manifest().fingerprint()) == matters  # type: ignore[arg-type]
    assert manifest(8).fingerprint() != manifest().fingerprint()
