"""Progress that a program reports: one JSON object a line, appended to a file that it is told of."""

import json
from collections.abc import Callable
from pathlib import Path

from rollback.domain.ports import Clock
from rollback.domain.stored import Step

LIMIT = 500
"""So many characters of a detail are kept."""
LONGEST_LINE = 65_536
"""Bytes. A longer line is no step; it is passed over, piece by piece."""
AT_ONCE, MOST = 200, 20_000
"""So many lines are read before the run is looked after again, and at most in a run."""


class StepFile:
    """Reads whole lines as they are appended; a line that is no step is skipped."""

    def __init__(self, path: Path, clock: Clock, on_step: Callable[[Step], None]) -> None:
        self.path, self._clock, self._on_step = path, clock, on_step
        self._read_to = path.stat().st_size if path.exists() else 0
        self._lines, self._within = 0, False

    def read(self) -> None:
        """Report what has been appended since the last call, or as much of it as is read at once."""
        if not self.path.is_file():  # a program may have put something else there
            return
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            for _ in range(min(AT_ONCE, MOST - self._lines)):
                line = file.readline(LONGEST_LINE)
                whole = line.endswith(b"\n")
                if not whole and len(line) < LONGEST_LINE:
                    break
                self._read_to += len(line)
                if whole and not self._within:
                    self._lines += 1
                    self._report(line)
                self._within = not whole

    def read_all(self) -> None:
        """Report all that is left, when no more is appended."""
        before = -1
        while before != self._read_to:
            before = self._read_to
            self.read()

    def _report(self, line: bytes) -> None:
        try:
            said = json.loads(line)
            host, step, status = (_clean(said[name]) for name in ("host", "step", "status"))
            detail = _clean(said.get("detail") or "")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return
        self._on_step(Step(at=self._clock.now(), host=host, step=step, status=status, detail=detail))


def _clean(value: object) -> str:
    """One line of text that can be stored and shown: JSON also spells what is no character at all."""
    text = str(value)[:LIMIT].encode(errors="replace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
