"""`harness notify escalation`: whether the levels that are called can keep what is promised."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import say
from monitoring.catalog import load
from monitoring.escalation import SOURCE, Escalation, Paged, Promise, late, needed_share, paged, read
from monitoring.yaml_text import read_yaml


def add_command(commands: Any) -> None:
    """`harness notify escalation` is known to the command line."""
    parser = commands.add_parser(
        "escalation",
        help="whether who is called when can keep what is promised (MTTA, MTTR)",
        description="Computed from monitoring/escalation.yml, the rules and the routes; nothing is asked.",
    )
    parser.add_argument("--data", type=Path, default=SOURCE, help="another escalation.yml")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        data = read(arguments.data.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--data: expected a file such as {SOURCE}, found: {error}") from error
    config = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text(encoding="utf-8"))
    found = list(paged(load(REPO / "monitoring" / "rules"), config))
    for severity in sorted({one.severity for one in found} - set(data.promised)):
        names = [one.name for one in found if one.severity == severity]
        say(f"{severity}: {len(names)} alerts page and nothing is promised of them: {', '.join(names)}")
    for severity, promise in data.promised.items():
        alerts = [one for one in found if one.severity == severity]
        say("\n".join((f"{severity}: {len(alerts)} alerts page", *lines(data, promise, alerts))))
    return 1 if any(needed_share(data, promise) > 1 for promise in data.promised.values()) else 0


def lines(data: Escalation, promise: Promise, alerts: Sequence[Paged]) -> Iterator[str]:
    """What can be kept for the alerts of one severity."""
    share = needed_share(data, promise)
    met = (
        f"only while {data.levels[0].name} answers at least {share:.0%} of the pages itself"
        if share <= 1
        else f"never: who is called needs {data.answers_in:g} min to answer"
    )
    yield f"  acknowledged in under {promise.acknowledged:g} min on average (MTTA): {met}"
    for level in data.levels[1:]:
        state = "in time" if level.after + data.answers_in < promise.acknowledged else "too late"
        yield f"    {level.name} is called after {level.after:g} min: {state} for that page"
    if silent := [one.name for one in alerts if one.muted]:
        yield f"    muted at times, so late by hours: {', '.join(silent)}"
    behind = [one for one in alerts if late(data, promise, one)]
    kept = f"{len(alerts) - len(behind)} of {len(alerts)} can be"
    yield f"  resolved in under {promise.resolved:g} min (MTTR), from when the fault begins: {kept}"
    for one in behind:
        yield f"    {one.name} pages {one.soonest:g} to {one.latest:g} min later: too late, whoever answers"
