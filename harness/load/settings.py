"""What a run was asked to do, read once at its start from options that may come from anywhere. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from devtools.errors import UserError
from harness.load import journeys
from harness.load.mix import Journey, read_journeys
from harness.load.options import INNER, LOAD
from harness.load.plan import Plan, read_plan
from harness.load.targets import permitted
from harness.load.verdict import Limit


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Rates in requests per second, times in seconds."""

    targets: Sequence[str]
    error_ratio: float
    added_latency: float
    slow_over: float | None
    max_in_flight: int
    seed: int | None
    plan: Path | None
    journeys: Path | None
    fail_above: Sequence[Limit] | None
    metrics: tuple[str, int] | None
    out: Path | None
    owner: int | None

    @classmethod
    def of(cls, values: Mapping[str, Any], host: str | None) -> Self:
        """Read *values*, which locust calls parsed options; UserError says what is wrong with them."""
        read: dict[str, Any] = {}
        for option in (*LOAD, *INNER):
            try:
                read[option.dest] = option.value(values.get(option.dest))
            except ValueError as error:
                raise UserError(f"{option.flag}: {error}") from error
        urls = [url for url in str(read["targets"] or "").split(",") if url] or [host or ""]
        return cls(**{**read, "targets": [permitted(url) for url in urls]})

    def planned(self) -> Plan | None:
        """Return the plan, or None where locust's users say how many requests a second there are."""
        return read_plan(self.plan) if self.plan else None


def journeys_of(path: Path | str | None) -> Sequence[Journey]:
    """Return the journeys of a file, or those of the reference application."""
    return read_journeys(Path(path)) if path else journeys.JOURNEYS
