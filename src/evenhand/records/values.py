"""What records are made of: arrays by kind, figures with an interval, JSON that is the same text for the same value."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCHEMA_VERSION = 1

Floats = NDArray[np.float32]

Ints = NDArray[np.int64]

Pixels = NDArray[np.uint8]


def canonical_json(value: Any) -> str:
    """Return `value` as JSON that is the same text for the same value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the first 20 hex digits of the SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
