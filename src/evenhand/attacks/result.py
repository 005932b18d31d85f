"""What an attack did: a column for each fact, a row for each image, and the figures made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.attacks.threat import Threat
from evenhand.evaluation.intervals import wilson
from evenhand.records.values import Floats, Interval, Ints

Columns = dict[str, NDArray[Any]]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class AttackResult:
    """One row an image, in the order they were given."""

    attack: str
    threat: Threat
    seed: int
    smallest: bool
    """Whether the attack looked for the smallest noise, so that `size` is a distance to the nearest mistake."""
    labels: Ints
    targets: Ints
    """The class aimed at; -1 where any wrong class would do."""
    clean_logits: Floats
    logits: Floats
    """(n, K), of the adversarial images."""
    png_logits: Floats
    """(n, K), of the adversarial images rounded to 8 bits."""
    adversarial: Floats
    """(n, channels, height, width): where the attack succeeded its find, elsewhere its last attempt or the image."""
    attempted: Flags
    """Whether the image was attacked: right to begin with or, when aimed, neither of nor already called the target."""
    fooled: Flags
    """Whether the attack succeeded within the budget, by the model's answer in float32 on the clipped image."""
    fooled_png: Flags
    """Whether that still holds, budget included, for the image as an 8-bit file keeps it."""
    noise: Floats
    """Norm of the noise, whether it succeeds or not."""
    png_within: Flags
    """Whether the image as an 8-bit file keeps it lies within the budget."""
    by: NDArray[np.str_]
    """The attack that the row is about."""
    size: Floats
    """The same for successes; infinite where an attempted image was not fooled, 0 where nothing was attempted."""
    queries: Ints
    """How many times the model was asked about the image until the end of its attack."""
    first: Ints
    """The query at which the image was first fooled; -1 never, 0 where nothing was attempted."""
    blind: Flags
    """Whether the gradient was exactly zero at some point: then a failure says little about the model."""

    @classmethod
    def joined(
        cls, parts: Sequence[Columns], *, attack: str, threat: Threat, seed: int, smallest: bool
    ) -> AttackResult:
        """Return the result made of the columns of one batch after the other."""
        columns: Columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        # A fixed width, so that rows of several attacks fit into one column.
        by = np.full(len(columns["labels"]), attack, dtype="<U40")
        return cls(attack=attack, threat=threat, seed=seed, smallest=smallest, by=by, **columns)

    @property
    def n(self) -> int:
        """The number of images."""
        return len(self.labels)

    @property
    def called_clean(self) -> Ints:
        """(n,) the class that the model names for the image as it was."""
        called: Ints = self.clean_logits.argmax(axis=1)
        return called

    @property
    def called(self) -> Ints:
        """(n,) the class that the model names for the adversarial image."""
        called: Ints = self.logits.argmax(axis=1)
        return called

    @property
    def clean_right(self) -> Flags:
        """(n,) whether the model was right to begin with."""
        right: Flags = self.called_clean == self.labels
        return right

    @property
    def robust(self) -> Flags:
        """(n,) whether the model was right and the attack did not succeed."""
        return self.clean_right & ~self.fooled

    def figures(self, rows: Flags | None = None) -> dict[str, Any]:
        """Return counts, accuracies, success rate and median norm, with 95 % intervals, of some rows or of all.

        The median is over attempted images, those that resisted counting as larger than any: None where half did.
        """
        rows = np.ones(self.n, dtype=bool) if rows is None else rows
        total, tried = int(rows.sum()), int((rows & self.attempted).sum())
        shares = {
            "clean_accuracy": (int((rows & self.clean_right).sum()), total),
            "robust_accuracy": (int((rows & self.robust).sum()), total),
            "robust_accuracy_png": (int((rows & self.clean_right & ~self.fooled_png).sum()), total),
            "success_rate": (int((rows & self.fooled).sum()), tried),
        }
        told: dict[str, Any] = {"n": total, "attempted": tried, "fooled": shares["success_rate"][0]}
        for name, (count, of) in shares.items():
            interval = share(count, of)
            told |= {name: None, f"{name}_low": None, f"{name}_high": None} if interval is None else {
                name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high
            }  # fmt: skip
        told["median_norm"] = self.median_norm(rows)
        return told

    def median_norm(self, rows: Flags | None = None) -> float | None:
        """Return the median norm over the attempted images; None where at least half of them resisted."""
        rows = self.attempted if rows is None else rows & self.attempted
        if not rows.any():
            return None
        middle = float(np.sort(self.size[rows])[(int(rows.sum()) - 1) // 2])
        return middle if np.isfinite(middle) else None

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the figures of the command contract (`attack`): of all images, and of each class."""
        told: dict[str, Any] = {"attack": self.attack, "norm": self.threat.norm, "eps": self.threat.eps}
        told |= self.figures()
        told |= {
            "kept_by_png": int((self.fooled & self.fooled_png).sum()),
            "queries_median": float(np.median(self.queries[self.attempted])) if self.attempted.any() else None,
            "zero_gradients": int((self.blind & self.attempted & ~self.fooled).sum()),
            "seed": self.seed,
        }
        told["per_class"] = {name: self.figures(self.labels == number) for number, name in enumerate(classes)}
        return told


def share(count: int, of: int) -> Interval | None:
    """Return a share with its 95 % interval (Wilson 1927); None of nothing."""
    if of == 0:
        return None
    low, high = wilson(count, of)
    return Interval(count / of, float(low), float(high))
