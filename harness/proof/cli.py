"""`harness proof`: real faults on the lab; for each alert whether it fired, whom it reached, and its end."""

import argparse
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.paths import RUNS_DIR
from devtools.system import say
from harness.faults.fault import Fault, faults

VOID = 3
WIDTH = 180
"""Of the table: names of alerts are long."""
HELP = """\
Plays faults of harness/faults/catalogue on the installed lab, batch by batch, while ordinary traffic flows.
Each receiver of an alert must hear once that it fires and once that it is over, nobody else may hear of it,
and whatever fires without a fault that explains it fails the run.

exit status:
  0  everything that was played is proven, and nothing else fired
  1  something is not proven, or fired without a reason
  3  VOID: Prometheus missed evaluations, so nobody can say what it would have seen
"""


def add_commands(subparsers: Any) -> None:
    """`harness proof` is known to the command line."""
    parser = subparsers.add_parser(
        "proof",
        help="real faults on the lab: each alert fires, reaches exactly its receivers, and ends",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("alerts", nargs="*", metavar="ALERT", help="only what proves these alerts")
    parser.add_argument("--batch", action="append", metavar="NAME", help="only this batch; may be repeated")
    parser.add_argument("--list", action="store_true", help="only show which batch proves what")
    parser.add_argument("--installed", action="store_true", help="the lab is up and installed: begin at once")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where the report goes; default .lab/runs/..."
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Play what was asked for, and say what is proven."""
    wanted = chosen(options.alerts, options.batch or [])
    if options.list:
        for name, batch in wanted.items():
            say(f"{name}: {', '.join(alert for fault in batch for alert in fault.proves)}")
        return 0
    out = options.out or RUNS_DIR / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-proof"
    return _play(wanted, out, installed=options.installed)


def chosen(alerts: Sequence[str], batches: Sequence[str]) -> dict[str, list[Fault]]:
    """The faults to play by the name of their batch; UserError where nothing has such a name."""
    every = list(faults().values())
    provable, known = {alert for fault in every for alert in fault.proves}, {fault.batch for fault in every}
    if unknown := [name for name in alerts if name not in provable]:
        raise UserError(
            f"expected alerts that a fault of harness/faults/catalogue proves, found {', '.join(unknown)}; "
            "`harness proof --list` shows them"
        )
    if unknown := [name for name in batches if name not in known]:
        raise UserError(f"expected a batch ({', '.join(sorted(known))}), found {', '.join(unknown)}")
    found: dict[str, list[Fault]] = {}
    for fault in every:
        if (not alerts or set(fault.proves) & set(alerts)) and (not batches or fault.batch in batches):
            found.setdefault(fault.batch, []).append(fault)
    if not found:
        raise UserError(
            "expected one of these alerts in one of these batches, found none; leave one of both out"
        )
    return found


def _play(batches: Mapping[str, Sequence[Fault]], out: Path, *, installed: bool) -> int:
    from rich.console import Console

    from harness.proof import outcome, preparing
    from harness.proof.batch import Batch

    began = time.time()
    with preparing.ready(out, installed=installed) as bench:
        found = outcome.Run(alerts=len(bench.rules), facts=_facts(began, bench.scale, bench.versions()))
        for name, batch in batches.items():
            bench.calm(batch)
            say(f"batch {name}: {', '.join(fault.name for fault in batch)}")
            judged = bench.judged(Batch(batch, bench.rules, bench.scale, say).play())
            found = found.and_batch(name, judged.proofs, judged.strays, judged.asleep)
            outcome.save(found, out)  # whoever interrupts the next batch keeps this one
    result = found.took(time.time() - began)
    page = outcome.save(result, out)
    Console(width=WIDTH).print(outcome.table(result))
    say(result.sentence)
    say(f"open {page}")
    return VOID if result.void else 0 if result.holds else 1


def _facts(began: float, scale: float, versions: Mapping[str, str]) -> dict[str, str]:
    return {
        "begun": f"{datetime.fromtimestamp(began, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "machine": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "time scale": f"{scale:g} times faster than production",
        **versions,
    }
