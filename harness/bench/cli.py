"""`harness bench`: anybody's rules, routes and service; `harness receivers`: only where messages arrive."""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import harness.bench
from devtools.errors import UserError
from devtools.paths import RUNS_DIR
from devtools.system import say

UNKNOWN = 3
SPARE = 2
"""Evaluations that a short run may miss on a busy machine."""
LOOK_S = 0.5
HELP = """\
Proves your alerts, with one file beside your own. Prometheus and Alertmanager run on loopback ports with your
rules and your alertmanager.yml, in which only addresses and secrets of the outside world are replaced by
recording stand-ins; your service runs with its load. Each fault is injected and undone; each alert must fire,
reach exactly the receivers that your routes say, and be told as over. Whatever else fires fails the run.

"""
STATUS = """
exit status:
  0  everything that was played is proven, and nothing else fired
  1  something is not proven, or fired without a reason, or the file cannot be used
  3  nobody can say: Prometheus missed evaluations (VOID), or a receiver is muted at this hour or an alert
     silenced by another, and nothing else is wrong
"""


def add_commands(subparsers: Any) -> None:
    """`harness bench` and `harness receivers` are known to the command line."""
    shape = (harness.bench.__doc__ or "").partition("these:\n\n")[2]
    parser = subparsers.add_parser(
        "bench",
        help="prove anybody's alerts: their rules, routes, service and faults from one file",
        description=HELP + shape + STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="your bench.yml")
    parser.add_argument("--check", action="store_true", help="only read the files and say who is told")
    parser.add_argument("--json", action="store_true", help="the verdict as JSON on standard output")
    _out(parser, "report, logs and the replaced files")
    parser.set_defaults(run=_bench)
    parser = subparsers.add_parser(
        "receivers",
        help="record what an Alertmanager with anybody's file would send, message by message",
        description="Writes a copy of the file that sends to recording stand-ins on loopback, says how to "
        "start Alertmanager with it, and prints each message that arrives, until Ctrl-C.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="an alertmanager.yml")
    _out(parser, "replaced file and log")
    parser.set_defaults(run=_receivers)


def _out(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where {what} go; default .lab/runs/...")


def _folder(options: argparse.Namespace, kind: str) -> Path:
    out = options.out or RUNS_DIR / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{kind}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        there = sorted(path.name for path in out.iterdir())
    except OSError as error:
        raise UserError(f"--out: expected a folder that can be made, found {error}") from error
    if there:
        raise UserError(
            f"--out: expected a new or an empty folder, found {', '.join(there[:3])} in {out}: "
            "nothing of yours is written over, and nothing of an earlier run is believed"
        )
    return Path(out).resolve()


def _bench(options: argparse.Namespace) -> int:
    from harness.bench import bench_file

    wanted = bench_file.read(options.file)
    if options.check:
        return _check(wanted)
    return _play(wanted, _folder(options, "bench"), as_json=options.json)


def _check(wanted: Any) -> int:
    """Who is told of each alert; 1 where it is not who is meant, an error where a file cannot be used."""
    from harness.bench import bench_file, outside
    from harness.bench.bench_rungs import otherwise
    from harness.notify.why import labels_of, reached

    config = bench_file.mapping(wanted.alertmanager)
    named: dict[str, list[str]] = {
        place.receiver: [] for place in outside.places(wanted.alertmanager, config)
    }
    for place in outside.places(wanted.alertmanager, config):
        named[place.receiver].append(place.words)
    right = True
    for alert in wanted.alerts.values():
        labels = labels_of(alert, {**wanted.written.service.labels, "job": wanted.written.service.job})
        reaches = list(reached(config, labels, datetime.now(UTC)))
        told = [f"{one.receiver} ({', '.join(named.get(one.receiver, ['nobody']))})" for one in reaches]
        say(f"{alert.name}: {', '.join(told)}")
        meant = wanted.written.told.get(alert.name)
        if meant is not None and (words := otherwise(meant, [one.receiver for one in reaches])):
            say(f"    {words}, as far as its rule and the service's labels say")
            right = False
    return 0 if right else 1


def _play(wanted: Any, out: Path, *, as_json: bool) -> int:
    from harness.bench import bench_result, bench_rungs, loopback
    from harness.bench.play import Play
    from harness.bench.shells import interruptible
    from harness.proof import watching

    tell = (lambda _: None) if as_json else say
    with interruptible(), loopback.running(wanted, out) as bench:
        began = time.time()
        tell(f"{bench.service} runs, its alerts are at {bench.prometheus.base}, all it says is in {out}")
        play = Play(wanted, bench, tell)
        play.play()
        seen = play.seen()
        found = bench_result.Run(
            alerts=sorted(wanted.alerts),
            proofs=[proof for scene in play.scenes for proof in bench_rungs.judge(scene, seen)],
            strays=[
                one for scene in play.scenes for one in bench_rungs.strays(scene, wanted.written.expected)
            ],
            problems=[problem] if (problem := bench.ended()) else [],
            complaints=bench.complaints(),
            void=watching.asleep(bench.prometheus, began, SPARE),
        )
    path = bench_result.save(found, out)
    say(
        json.dumps(bench_result.as_json(found), default=str)
        if as_json
        else "\n".join(bench_result.lines(found))
    )
    tell(found.sentence)
    tell(f"{path} says the same to machines")
    if found.void or (found.unknown and not found.failed):
        return UNKNOWN
    return 0 if found.holds else 1


def _receivers(options: argparse.Namespace) -> int:
    from harness.bench import heard, loopback
    from harness.bench.shells import interruptible
    from harness.clients import Receivers

    out = _folder(options, "receivers")
    with interruptible(), loopback.standing_in(options.file, out) as (_, places, sink):
        say(f"start Alertmanager with --config.file={out}/alertmanager.yml; it tells nobody but this machine")
        after, asked = 0, Receivers(sink.url(""))
        try:
            while True:
                records = asked.requests(after=after)
                after = int(records[-1]["seq"]) if records else after
                for line in heard.lines(records, places):
                    say(line)
                time.sleep(LOOK_S)
        except KeyboardInterrupt:
            return 0
