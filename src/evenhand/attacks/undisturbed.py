"""Leaves everything as it was: a network's modes, flags and buffers, and all random state, whatever happens inside."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def undisturbed(network: nn.Module | None, seed: int) -> Iterator[None]:
    """Put a network into evaluation mode with frozen parameters; put everything back afterwards, bit for bit.

    Inside, random state begins at `seed`, so that a network that rolls dice rolls the same ones each time.

    Parameters
    ----------
    network : nn.Module or None
        None guards the random state alone.
    seed : int
    """
    modules = list(network.modules()) if network else []
    modes = [(module, module.training) for module in modules]
    flags = [(parameter, parameter.requires_grad) for parameter in (network.parameters() if network else ())]
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in modules
        for name, buffer in module.named_buffers(recurse=False)
    ]
    python_state, numpy_state = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices), torch.inference_mode(False):
        try:
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)
            if network:
                network.eval()
            for parameter, _ in flags:
                parameter.requires_grad_(False)
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
            with torch.no_grad():
                for module, name, buffer, content in buffers:
                    buffer.copy_(content)
                    setattr(module, name, buffer)
            for parameter, wanted in flags:
                parameter.requires_grad_(wanted)
            for module, training in modes:
                module.training = training
