"""Waiting for a condition with a deadline: how the bench, the tools and the tests wait."""

import time
from collections.abc import Callable
from typing import TypeVar

from devtools.errors import UserError

T = TypeVar("T")


class DeadlineError(UserError):
    """The awaited condition did not come true in time; the text has the last value seen and the evidence."""


def until(
    description: str,
    probe: Callable[[], T],
    *,
    deadline_s: float,
    interval_s: float = 0.2,
    explain: Callable[[], str] | None = None,
) -> T:
    """Return the first truthy value of `probe`, asked every `interval_s` seconds for at most `deadline_s`.

    An exception of the probe is a value not reached yet: it is remembered and asked again. At the deadline
    DeadlineError names the condition, the last value or error, and what `explain` adds.
    """
    started = time.monotonic()
    while True:
        error: Exception | None = None
        value: T | None = None
        try:
            value = probe()
        except Exception as caught:  # any failure of a probe means "not yet"
            error = caught
        if error is None and value:
            return value
        left = started + deadline_s - time.monotonic()
        if left <= 0:
            raise DeadlineError(_report(description, deadline_s, value, error, explain)) from error
        time.sleep(min(interval_s, left))


def _report(
    description: str,
    deadline_s: float,
    value: object,
    error: Exception | None,
    explain: Callable[[], str] | None,
) -> str:
    last = f"{type(error).__name__}: {error}" if error else repr(value)
    lines = [f"expected {description} within {deadline_s:g} s; last seen: {last}"]
    if explain:
        try:
            lines.append(explain())
        except Exception as caught:  # evidence is a help, its failure must not hide the deadline
            lines.append(f"(no further evidence: {type(caught).__name__}: {caught})")
    return "\n".join(lines)
