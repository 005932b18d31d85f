from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.data import npy
from evenhand.data.npy import RowFile, header, keep_rows, reserve
from evenhand.disk import check_room
from evenhand.errors import EvenhandError

ROWS = np.random.default_rng(0).integers(0, 256, (9, 2, 3, 3), dtype=np.uint8)


@given(st.integers(0, 10**12), st.integers(1, 5000), st.integers(1, 5000))
def test_the_head_of_a_file_is_as_long_for_any_number_of_rows(rows: int, height: int, width: int) -> None:
    assert len(header(rows, (height, width))) == len(header(0, (height, width)))


def test_a_file_grows_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    with RowFile(path, (2, 3)) as file:
        assert file.numbers(np.array([True, False, True])) == [0, None, 1]
        file.append(ROWS[:2])
        assert file.numbers(np.array([False, True])) == [None, 2]
        file.append(ROWS[2:2])
        file.append(ROWS[2:3])
    np.testing.assert_array_equal(np.load(path, mmap_mode="r"), ROWS[:3])


def test_a_file_without_rows_is_a_file(tmp_path: Path) -> None:
    with RowFile(tmp_path / "rows.npy", (2, 3)):
        pass
    assert np.load(tmp_path / "rows.npy").shape == (0, 2, 3, 3)


def test_after_an_error_the_file_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RowFile(tmp_path / "rows.npy", (2, 3)) as file:
        file.append(ROWS[: 1 // 0])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fallocate", [True, False])
def test_reserved_rows_are_black_and_take_their_place(
    tmp_path: Path, fallocate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fallocate:
        monkeypatch.delattr(npy.os, "posix_fallocate", raising=False)
    path = tmp_path / "rows.npy"
    reserve(path, 700, (50, 40))
    array = np.load(path)
    assert array.shape == (700, 50, 40, 3)
    assert not array.any()
    if hasattr(path.stat(), "st_blocks"):
        assert path.stat().st_blocks * 512 >= array.nbytes


@pytest.mark.parametrize("fallocate", [True, False])
def test_a_full_disk_is_told_before_the_work(
    small_disk: Path, fallocate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fallocate:
        monkeypatch.delattr(npy.os, "posix_fallocate", raising=False)
    with pytest.raises(EvenhandError, match="the disk is full"):
        reserve(small_disk / "rows.npy", 700, (50, 40))
    with pytest.raises(EvenhandError, match=r"pixels need 4\.2 GB .* 0\.0 GB are free"):
        check_room(small_disk, 4_200_000_000)
    check_room(small_disk, 1000)
    assert not list(small_disk.iterdir())


def test_a_disk_that_fills_up_while_rows_are_written(small_disk: Path) -> None:
    path = small_disk / "rows.npy"
    with pytest.raises(EvenhandError, match="the disk is full"), RowFile(path, (100, 100)) as file:
        file.append(np.zeros((100, 100, 100, 3), dtype=np.uint8))
    assert not list(small_disk.iterdir())


@given(st.lists(st.booleans(), min_size=9, max_size=9))
def test_good_rows_move_together_in_order(tmp_path_factory: pytest.TempPathFactory, good: list[bool]) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.npy"
    np.save(path, ROWS)
    keep_rows(path, np.array(good))
    np.testing.assert_array_equal(np.load(path), ROWS[good])
    assert path.stat().st_size == len(header(0, (2, 3))) + sum(good) * 18


def test_many_rows_move_in_several_steps(tmp_path: Path) -> None:
    path = tmp_path / "rows.npy"
    rows = np.random.default_rng(1).integers(0, 256, (90, 300, 300, 3), dtype=np.uint8)
    good = np.arange(90) % 7 != 2
    np.save(path, rows)
    keep_rows(path, good)
    np.testing.assert_array_equal(np.load(path), rows[good])
