"""What a figure was measured on: processor, cores, memory, system and the versions that matter."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("evenhand", "torch", "numpy", "pillow", "scikit-learn", "imbalanced-learn")


def describe() -> str:
    """Return one line to print beside every figure."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {version(name).split('+')[0]}" for name in PACKAGES)
    return (
        f"{_processor()}, {cores} cores, {_memory()}, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    return _told("/proc/cpuinfo", "model name") or platform.processor() or "unknown processor"


def _memory() -> str:
    kilobytes = _told("/proc/meminfo", "MemTotal").split()
    return f"{int(kilobytes[0]) / 2**20:.0f} GiB" if kilobytes else "unknown memory"


def _told(file: str, name: str) -> str:
    """Return what a file of lines ``name : value`` says of a name, or nothing."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


if __name__ == "__main__":
    print(describe())
