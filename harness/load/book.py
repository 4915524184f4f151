"""What all processes of a run did: its seconds on disk as they pass, its sums, its verdict."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from devtools.errors import UserError
from harness.load.meter import Endpoint, Second, Seconds, row_of
from harness.load.verdict import Limit, Sums, Verdict, judge


@dataclass(kw_only=True)
class Report:
    """What one process says about its part: its sums, and the seconds closed since it last spoke."""

    planned: int = 0
    sent: int = 0
    late: int = 0
    dropped: int = 0
    in_flight: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    seconds: list[list[Any]] = field(default_factory=list)
    over: bool = False
    excused: bool = False  # it ended because its part was done, or because it was told to
    refused: str = ""

    def message(self) -> dict[str, Any]:
        """Return it as a message to another process."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> Self:
        """Return the report that a message has."""
        return cls(**message)


def cleared(out: Path) -> Path:
    """Make the folder of a run where there is none, and take away what an earlier run left of its verdict."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for stale in ("seconds.jsonl", "verdict.json"):
            (out / stale).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"expected --out to be a folder, or one that can be made, found {out}: {error.strerror}"
        ) from error
    return out


def refuse(out: Path, why: str) -> None:
    """Write why a run was not even begun, where its verdict would be."""
    verdict = {"valid": False, "complete": False, "refused": True, "sentence": f"Refused: {why}"}
    (cleared(out) / "verdict.json").write_text(json.dumps(verdict, indent=2) + "\n")


class Book:
    """The reports of a run's processes, put together."""

    def __init__(self, out: Path | None = None, limits: Sequence[Limit] = (), *, grace: int = 1) -> None:
        self._out, self._limits = out, limits
        self._seconds = Seconds(grace)
        self.reports: dict[str, Report] = {}
        self.endpoints: dict[tuple[str, str], Endpoint] = {}
        if out:
            cleared(out)

    def take(self, who: str, report: Report) -> None:
        """Take in what a process says."""
        self.reports[who] = report
        for message in report.seconds:
            second = Second.from_message(message)
            self._seconds.at(second.t).add(second)
            for key, tally in second.tallies.items():
                self.endpoints.setdefault(key, Endpoint()).add(tally)

    def write(self, now: float) -> None:
        """Write the seconds that are over."""
        closed = self._seconds.closed(now)
        if self._out and closed:
            with (self._out / "seconds.jsonl").open("a") as stream:
                stream.write("".join(json.dumps(second.row()) + "\n" for second in closed))

    def total(self, what: str) -> int:
        """Return the sum of a count over all processes."""
        return sum(getattr(report, what) for report in self.reports.values())

    def close(self, *, complete: bool, absent: Sequence[str] = ()) -> Verdict:
        """Write everything that is left, and the verdict; call it once all processes are over or lost."""
        self.write(float("inf"))
        whole = row_of(self.endpoints.values())
        causes = sum((Counter(report.causes) for report in self.reports.values()), Counter[str]())
        sums = Sums(
            **{what: self.total(what) for what in ("planned", "sent", "late", "dropped")},
            answered=whole["requests"] - whole["lost"],
            lost=whole["lost"],
            why_lost=", ".join(cause for cause, _ in causes.most_common(1)),
            absent=absent,
        )
        broken = [sentence for limit in self._limits if (sentence := limit.broken(whole))]
        verdict = judge(sums, complete=complete, broken=broken)
        if self._out:
            text = json.dumps({**verdict.as_json(), "whole": whole, "endpoints": self.rows()}, indent=2)
            (self._out / "verdict.json").write_text(text + "\n")
        return verdict

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each endpoint, over all targets."""
        names = sorted({name for _, name in self.endpoints})
        return [
            {"name": name, **row_of(e for (_, other), e in self.endpoints.items() if other == name)}
            for name in names
        ]
