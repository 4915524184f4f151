"""Brings the data set into a Prometheus, oldest samples first, as its scrapes would have."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from benchmarks import remote_write
from benchmarks.series import STEP_S, Series, Shape
from devtools.errors import UserError
from devtools.wait import until
from harness.clients import Http

CHUNK_S = 1800  # Prometheus takes nothing that is more than an hour older than its newest sample
PER_REQUEST = 1500
SPREAD_S = 12.0

Encoded = tuple[bytes, Shape]


class Feeder:
    """The series of one data set on their way into one Prometheus."""

    def __init__(self, server: Http, series: Iterable[Series]) -> None:
        self.server = server
        self.spans: dict[tuple[int, int, int], list[Encoded]] = defaultdict(list)
        for each in series:
            names = remote_write.labels(each.labels)
            self.spans[each.first_s, each.last_s, each.step_s].append((names, each.shape))

    @property
    def count(self) -> int:
        """How many series there are, each counted once for each span of time it has."""
        return sum(len(group) for group in self.spans.values())

    def load(self, end_s: int, progress: Callable[[int, int], None]) -> int:
        """Everything up to `end_s` (seconds since 1970) is stored; returns how many samples that were."""
        oldest = max(first for first, _, _ in self.spans)
        stored = 0
        for behind in range(oldest, 0, -CHUNK_S):
            for (first, last, step), group in self.spans.items():
                start, stop = min(behind, first), max(behind - CHUNK_S, last)
                if start > stop:
                    stored += self._send(group, end_s - start, end_s - stop, step)
            progress(oldest - max(behind - CHUNK_S, 0), oldest)
        return stored

    def scrape(self, at_s: int) -> None:
        """The newest sample of every series that goes on is stored, spread over time as scrapes are."""
        parts = [part for (_, last, _), group in self.spans.items() if last == 0 for part in _parts(group)]
        for number, part in enumerate(parts):
            due = at_s + SPREAD_S * number / len(parts)
            until("the next scrape to be due", lambda due=due: time.time() >= due, deadline_s=STEP_S)  # type: ignore[misc]
            self._send(part, at_s, at_s + STEP_S, STEP_S)

    def _send(self, group: list[Encoded], start_s: int, stop_s: int, step_s: int) -> int:
        steps = range(-(-start_s // step_s), -(-stop_s // step_s))
        for part in _parts(group):
            body = remote_write.request([(names, _samples(shape, steps, step_s)) for names, shape in part])
            answer = self.server.send("POST", "/api/v1/write", data=body, headers=remote_write.HEADERS)
            if not answer.ok:
                raise UserError(f"expected Prometheus to take the samples, found {answer.text.strip()}")
        return len(group) * len(steps)


def _parts(group: list[Encoded]) -> Iterator[list[Encoded]]:
    for start in range(0, len(group), PER_REQUEST):
        yield group[start : start + PER_REQUEST]


@lru_cache(maxsize=2048)
def _samples(shape: Shape, steps: range, step_s: int) -> bytes:
    return remote_write.samples((step * step_s * 1000, shape.at(step)) for step in steps)
