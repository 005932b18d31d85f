"""A group of candidates that are compared with a recipe of their own."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Group:
    """Remedies that are compared with a recipe of their own, beside other groups; None means: as outside the group."""

    name: str
    remedies: tuple[str, ...] | None = None
    repairs: tuple[str, ...] | None = None
    model: str | None = None
    recipe: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the group as plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
