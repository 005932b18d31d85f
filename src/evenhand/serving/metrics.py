"""What the server counts, in the text format that Prometheus reads."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Sequence

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
IMAGES = (1, 2, 4, 8, 16, 32)


class Histogram:
    """Counts of values up to each bound, their sum and their number."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        """Yield its lines."""
        total = 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            yield f'{name}_bucket{{le="{bound}"}} {total}'
        yield f"{name}_sum {self._sum:.6f}"
        yield f"{name}_count {total}"


class Metrics:
    """The counters of one server; all are touched from one thread only.

    Attributes
    ----------
    in_flight : int
        Requests for predictions in work.
    buffered : int
        Bytes of them held in memory.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.answers: Counter[str] = Counter(dict.fromkeys(classes, 0))
        self.rejected = 0
        self.in_flight = self.buffered = 0
        self.seconds, self.batch = Histogram(SECONDS), Histogram(IMAGES)

    def text(self) -> str:
        """Return all of them in Prometheus' text format, version 0.0.4."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _head("evenhand_requests_total", "counter", "Requests by path and status.")
        for (path, status), count in sorted(self.requests.items()):
            yield f'evenhand_requests_total{{path="{path}",status="{status}"}} {count}'
        yield from _head("evenhand_answers_total", "counter", "Answers by class.")
        for name, count in self.answers.items():
            yield f'evenhand_answers_total{{class="{_escaped(name)}"}} {count}'
        yield from _head("evenhand_rejected_total", "counter", "Answers that were not sure enough.")
        yield f"evenhand_rejected_total {self.rejected}"
        yield from _head("evenhand_in_flight", "gauge", "Predictions in work.")
        yield f"evenhand_in_flight {self.in_flight}"
        yield from _head("evenhand_buffered_bytes", "gauge", "Bytes of requests in memory.")
        yield f"evenhand_buffered_bytes {self.buffered}"
        yield from _head("evenhand_predict_seconds", "histogram", "Seconds from a request to its answer.")
        yield from self.seconds.lines("evenhand_predict_seconds")
        yield from _head("evenhand_batch_images", "histogram", "Images that went through the model together.")
        yield from self.batch.lines("evenhand_batch_images")


def _head(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
