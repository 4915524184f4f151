"""`harness report sla`: what the alerting of a period was worth, against what is promised."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import say
from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.yaml_text import read_yaml

MONITORING = REPO / "monitoring"
MISSED, UNKNOWN = 1, 3
PAGES = (200, 1000)
"""Entries of one answer of the daemon: where nothing else is asked for, and at most."""
HELP = """\
Puts together what Prometheus knows of alerts, the journal of faults (what was wrong on purpose, and when),
what receivers were told, who acknowledged, and what people say of each alert. A moment is
2026-11-28T10:00+02:00, or so long ago: 7d.

exit status:
  0  every promise is met, and nothing is unknown
  1  a promise is missed, or an alert did not fire under its fault
  3  no promise is known to be missed, and something is not known
"""


def add_commands(subparsers: Any) -> None:
    """`harness report` is known to the command line."""
    area = subparsers.add_parser("report", help="what alerts were worth: times, false ones, missed ones")
    commands = area.add_subparsers(metavar="COMMAND", required=True)
    parser = commands.add_parser(
        "sla",
        help="times and false positives of a period, against what is promised",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", dest="began", default="7d", metavar="MOMENT", help="default 7d")
    parser.add_argument("--to", dest="ended", metavar="MOMENT", help="default now")
    parser.add_argument("--prometheus", metavar="URL", help="of a site; without it the lab's is asked")
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help="default: this clone's .lab/faults.jsonl"
    )
    parser.add_argument("--verdicts", type=Path, metavar="FILE", help="what people say, YAML or CSV")
    parser.add_argument("--records", type=Path, metavar="FILE", help="what receivers recorded, as JSON")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="the daemon's history, as JSON")
    parser.add_argument("--escalation", type=Path, metavar="FILE", help="what the site promises")
    parser.add_argument("--review", type=Path, metavar="DIR", help="write the page of a review there")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.set_defaults(run=_sla)


def _sla(options: argparse.Namespace) -> int:
    from harness.report import pages, sla
    from harness.report.records import State
    from monitoring import escalation

    known = _known(options)
    data = escalation.read(_text(options.escalation or escalation.SOURCE))
    found = sla.report(known, data.promised)
    if options.json:
        say(json.dumps(pages.as_json(found), default=str))
    else:
        say("\n".join(pages.lines(found)))
    if options.review:
        _review(options.review, found, data)
    states = {figure.state for figure in found.figures}
    if State.MISSED in states or found.misses:
        return MISSED
    return UNKNOWN if State.UNKNOWN in states or found.lost else 0


def _known(options: argparse.Namespace) -> Any:
    from harness.clients import Prometheus
    from harness.faults import truth
    from harness.incident.patience import time_scale
    from harness.lab import addresses
    from harness.report import of_period
    from harness.report.records import Known

    now = time.time()
    began, ended = _moment("--from", options.began, now), _moment("--to", options.ended or "0", now)
    if not began < ended <= now + 1:
        raise UserError("expected --from before --to, and --to not in the future")
    if options.journal and not options.journal.is_file():
        raise UserError(f"--journal: expected a file, found no {options.journal}")
    site = bool(options.prometheus)
    prometheus = Prometheus(options.prometheus.rstrip("/")) if site else addresses.prometheus()
    scale = 1.0 if site else time_scale()
    firings, holes, lost = of_period.firings(prometheus, began, ended, of_period.EVALUATED_S / scale)
    journal, calm = truth.read(options.journal) if options.journal or not site else ([], [])
    faults = [one for one in journal if one.began < ended and one.ended > began]
    names = sorted({one.alert for one in firings})
    records, words = _records(options, site=site)
    lost += words
    ledger, words = _ledger(options, site=site)
    lost += words
    if not faults and not options.verdicts:
        lost.append(
            "no fault is in the journal and there are no verdicts: nobody knows which alerts were right"
        )
    if scale != 1:
        lost.append(
            f"the lab runs {scale:g} times faster than production: no time seen there meets a promise"
        )
    return Known(
        time_scale=scale,
        began=began,
        ended=ended,
        firings=firings,
        holes=holes,
        faults=faults,
        quiet=[one for one in calm if one.began < ended and one.ended > began],
        told=of_period.told(records, names),
        acknowledged=[*of_period.acknowledged(records, names), *of_period.taken_over(ledger)],
        verdicts=of_period.verdicts(options.verdicts) if options.verdicts else [],
        lost=lost,
    )


def _records(options: argparse.Namespace, *, site: bool) -> tuple[Any, list[str]]:
    from harness.clients import ClientError
    from harness.lab import addresses
    from harness.report import of_period

    if options.records:
        return of_period.saved(options.records, "requests"), []
    if site:
        return [], ["no --records: nobody knows when people were told, nor what PagerDuty was acknowledged"]
    try:
        records = addresses.receivers().requests()
    except ClientError as error:
        return [], [f"the receivers do not say what they recorded: {error}"]
    since = min((record["at"] for record in records), default="now")
    return records, [
        f"the receivers remember only since {since[:16]}: a proof or a test forgets what was before"
    ]


def _ledger(options: argparse.Namespace, *, site: bool) -> tuple[Any, list[str]]:
    from harness.clients import ClientError
    from harness.lab import addresses
    from harness.report import of_period

    if options.ledger:
        found = of_period.saved(options.ledger, "entries")
        full = len(found) in PAGES
        return found, [
            f"{options.ledger} is as long as one answer of the daemon: there may be more"
        ] if full else []
    if site:
        return [], ["no --ledger: nobody knows what `rollbackctl acknowledge` took over"]
    try:
        return addresses.daemon().ledger(), []
    except ClientError as error:
        return [], [f"the daemon does not show its ledger: {error}"]


def _review(folder: Path, found: Any, data: Any) -> None:
    from harness.report import pages
    from monitoring.catalog import load
    from monitoring.escalation import paged

    config = read_yaml(_text(MONITORING / "alertmanager.yml"))
    played = [alert for fault in found.known.faults for alert in fault.proves]
    page = pages.review(found, data, list(paged(load(MONITORING / "rules"), config)), played)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / pages.review_name(found)
    path.write_text(page, encoding="utf-8")
    say(f"{path} is the page of the review")


def _moment(option: str, said: str, now: float) -> float:
    from harness.report.of_period import read_moment

    try:
        return now - parse_duration(said) / 1000
    except CatalogError:
        return read_moment(option, said)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"expected a file that can be read, found {error}") from error
