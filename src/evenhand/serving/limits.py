"""What one server takes on: bytes, seconds, and requests at once."""

from __future__ import annotations

from dataclasses import dataclass

from evenhand.errors import UsageError

MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """What is refused instead of done.

    `most_bytes` of one request (413), `seconds` to send it (408) and again to answer it (503), `queue` requests at once
    (429), `buffered` bytes of all requests together (429). Answers less sure than `reject_below` name no class.
    """

    most_bytes: int = 20 * MEGABYTE
    seconds: float = 30.0
    queue: int = 128
    buffered: int = 256 * MEGABYTE
    reject_below: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises
        ------
        UsageError
            When a number is out of range.
        """
        for option, value in (("--max-mb", self.most_bytes), ("--timeout", self.seconds), ("--queue", self.queue)):
            if value <= 0:
                raise UsageError(f"{option} must be above 0.")
        if self.reject_below is not None and not 0 < self.reject_below <= 1:
            raise UsageError(f"--reject-below takes a probability above 0 and up to 1, not {self.reject_below:g}.")
