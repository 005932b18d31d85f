"""The device that networks are trained and asked on."""

from __future__ import annotations

import torch

from evenhand.errors import UsageError


def device_named(name: str) -> str:
    """Return the torch device that a name stands for; "auto" is the first CUDA device where there is one, else cpu.

    Parameters
    ----------
    name : str
        auto, cpu, cuda or cuda:N.

    Raises
    ------
    UsageError
        When there is no such device on this machine.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    if name not in ("cpu", *(["cuda"] if count else []), *(f"cuda:{number}" for number in range(count))):
        has = f"{count} CUDA device(s)" if count else "no CUDA device"
        raise UsageError(f"There is no device {name!r}: this machine has {has}. Use --device auto or cpu.")
    return name
