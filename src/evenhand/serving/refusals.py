"""Why a request gets no answer: a status and a sentence that says what to do."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - nothing went wrong here, something was refused
    """A request that is refused with an HTTP status; `again` is after how many seconds to try once more."""

    def __init__(self, status: int, detail: str, *, again: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.again = status, detail, again

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {} if self.again is None else {"retry-after": str(self.again)}
