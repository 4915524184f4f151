"""When a rule fires, from the evaluations at which its expression had a result: as Prometheus does. Pure.

Moments are numbers of evaluations, not seconds.
"""

from collections.abc import Iterator, Sequence


def firings(present: Sequence[int], *, wait: int, keep: int, end: int) -> Iterator[tuple[int, int]]:
    """The first evaluation of each firing, and the first after it; *end* where nobody looked further.

    A result must still be there `wait` evaluations after it appeared (`for`). A firing outlives a gap of
    results of at most `keep` evaluations (`keep_firing_for`); each result begins that count anew.
    """
    began: int | None = None
    gone = 0
    for first, last in _runs(present):
        if began is not None and first - gone > keep:
            yield began, gone + keep
            began = None
        if began is None and last - first >= wait:
            began = first + wait
        gone = last + 1
    if began is not None:
        yield began, min(end, gone + keep)


def _runs(present: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the last number of each row without a gap."""
    start = previous = None
    for number in present:
        if previous is None or start is None:
            start = number
        elif number != previous + 1:
            yield start, previous
            start = number
        previous = number
    if start is not None and previous is not None:
        yield start, previous
