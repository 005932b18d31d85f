"""The engines by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from evenhand.engines.engine import Engine
from evenhand.engines.local import LocalEngine, cores
from evenhand.engines.ray import RayEngine


def _local(jobs: int | None, **_: Any) -> LocalEngine:
    return LocalEngine(jobs or cores())


ENGINES: dict[str, Callable[..., AbstractContextManager[Engine]]] = {"local": _local, "ray": RayEngine}
"""By name: what makes an engine from the number of jobs and what else it may need to know."""


def engine_named(
    name: str,
    jobs: int | None,
    *,
    address: str | None,
    gpu: bool,
    folder: Path,
    alike: Callable[[], dict[str, Any]],
    may_differ: Sequence[str],
) -> AbstractContextManager[Engine]:
    """Return the engine of that name, to be used in a `with` block; parameters are those of `RayEngine`."""
    return ENGINES[name](jobs, address=address, gpu=gpu, folder=folder, alike=alike, may_differ=may_differ)
