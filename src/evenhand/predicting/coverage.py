"""Abstention: how many pictures get an answer when unsure ones are left to people."""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand.records.abstention import LEVELS, check_threshold
from evenhand.records.values import Floats


class Coverage:
    """Counts, while answers pass by, how many reach each threshold; an answer is as sure as its largest probability.

    Parameters
    ----------
    threshold : float, optional
        The one asked for, above 0 and at most 1; answers below it are rejected.

    Raises
    ------
    UsageError
        When the threshold is out of its range.
    """

    def __init__(self, threshold: float | None = None) -> None:
        check_threshold(threshold)
        self.threshold = threshold
        self._levels = np.array(sorted({*LEVELS, *(() if threshold is None else (threshold,))}))
        self._reached = np.zeros(len(self._levels), dtype=np.int64)
        self.n = 0

    def add(self, sure: Floats) -> None:
        """Count answers; `sure` are their largest probabilities."""
        self.n += len(sure)
        # Compared as the threshold itself is: a float32 of 0.9 lies a little below 0.9.
        self._reached += (sure[:, None] >= self._levels.astype(np.float32)).sum(axis=0)

    def rejects(self, sure: float) -> bool:
        """Return whether an answer is not sure enough."""
        return self.threshold is not None and bool(np.float32(sure) < np.float32(self.threshold))

    @property
    def answered(self) -> int:
        """How many answers are given."""
        if self.threshold is None:
            return self.n
        return int(self._reached[int(np.searchsorted(self._levels, self.threshold))])

    def to_json(self) -> dict[str, Any]:
        """Return the threshold, the answers given, and the curve: share of answers that reach each threshold."""
        share = [float(count / self.n) if self.n else None for count in self._reached]
        return {
            "reject_below": self.threshold,
            "answered": self.answered,
            "of": self.n,
            "share": self.answered / self.n if self.n else None,
            "curve": [
                {"reject_below": float(level), "share": value} for level, value in zip(self._levels, share, strict=True)
            ],
        }
