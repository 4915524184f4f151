"""Measures what one full evaluation of all rules costs at a large site.

`python -m benchmarks.rules_evaluation` fills a real Prometheus with the data set, lets it evaluate the rules
on its own clock, one after the other, while samples keep arriving, does the same with the rules of an earlier
day, each set in turn, and exits 1 if the median full evaluation takes more than the limit times as long.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks import variants
from benchmarks.dataset import dataset
from benchmarks.feeding import Feeder
from benchmarks.report import Outcome, Setting, as_json, as_text, together
from benchmarks.series import PER_SERVICE, STEP_S
from benchmarks.server import Samples, Server, running
from benchmarks.variants import RuleSet
from devtools.errors import UserError
from devtools.system import say
from devtools.wait import until

LIMIT = 1.3
VISITS = 4  # the two that are compared are measured in turn: what else the machine does meets both
SETTLED_ROUNDS = 6  # Prometheus looks every minute for something to compact
CPU_S = "process_cpu_seconds_total"
AT_S = "prometheus_rule_group_last_evaluation_timestamp_seconds"
GROUP = f"{variants.FILE};{variants.WHOLE}"


def main() -> int:
    """0 if the project's rules keep the limit, 1 if not or if something failed."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it cleans up as after Ctrl-C
    try:
        setting, outcomes = measure(arguments)
    except UserError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nbench: interrupted; its Prometheus and its data are gone\n")
        return 130
    say(as_text(setting, outcomes))
    if arguments.json:
        arguments.json.write_text(as_json(setting, outcomes), encoding="utf-8")
    return int(outcomes[0].median_s > LIMIT * outcomes[1].median_s)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.rules_evaluation", description=__doc__)
    parser.add_argument("--instances", type=int, default=200, help="application instances, each with a host")
    parser.add_argument("--days", type=float, default=30, help="how far back the recorded series go")
    parser.add_argument("--rounds", type=int, default=8, help="evaluations of every group that are counted")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args()


def measure(arguments: argparse.Namespace) -> tuple[Setting, list[Outcome]]:
    """What was measured in, and the outcome of each rule set: the project's own first."""
    series = dataset(arguments.instances, arguments.days)
    with running() as server, Progress(console=Console(file=sys.stderr)) as bar:
        feeder = Feeder(server.client, series)
        end_s = int(time.time()) // STEP_S * STEP_S
        loading = bar.add_task(f"loading {feeder.count} series", total=None)
        stored = feeder.load(end_s, lambda done, total: bar.update(loading, completed=done, total=total))
        _settle(server, feeder, bar)
        rule_sets = variants.of_the_project()
        visits = [*rule_sets[:2] * VISITS, *rule_sets[2:]]
        parts = [_rounds(server, feeder, each, -(-arguments.rounds // VISITS), bar) for each in visits]
        outcomes = [together([part for part in parts if part.name == each.name]) for each in rule_sets]
        services = -(-arguments.instances // PER_SERVICE)
        setting = Setting(
            arguments.instances, services, feeder.count, stored, arguments.days, LIMIT, os.getloadavg()[2]
        )
    return setting, outcomes


def _settle(server: Server, feeder: Feeder, bar: Progress) -> None:
    """What was loaded at once is packed into blocks, as it would long have been."""
    task = bar.add_task("waiting for the storage to settle", total=None)
    quiet, before = 0, -1.0
    while quiet < SETTLED_ROUNDS:
        _scrape(feeder)
        compactions = server.metrics()["prometheus_tsdb_compactions_total"][""]
        quiet = quiet + 1 if compactions == before else 0
        before = compactions
    bar.update(task, total=1, completed=1)


def _rounds(server: Server, feeder: Feeder, rule_set: RuleSet, rounds: int, bar: Progress) -> Outcome:
    """The rules are evaluated `rounds` times, after one time that is not counted."""
    server.evaluate({variants.FILE: rule_set.text})
    task = bar.add_task(rule_set.name, total=rounds + 1)
    metrics = _round(server, feeder, 0.0)
    bar.advance(task)
    cpu_s = metrics[CPU_S][""]
    durations: list[dict[str, float]] = []
    for _ in range(rounds):
        metrics = _round(server, feeder, metrics[AT_S][GROUP])
        durations.append(rule_set.by_group(server.seconds_of_each_rule()))
        bar.advance(task)
    return Outcome(
        rule_set.name,
        rule_set.groups,
        tuple(durations),
        cpu_s=(metrics[CPU_S][""] - cpu_s) / rounds,
        memory_bytes=metrics["process_resident_memory_bytes"][""],
        failures=sum(metrics["prometheus_rule_evaluation_failures_total"].values()),
        alerts={
            sample["metric"]["alertname"]: int(sample["value"][1])
            for sample in server.client.query("count by (alertname) (ALERTS)")
        },
    )


def _round(server: Server, feeder: Feeder, seen_s: float) -> Samples:
    """The next scrape has come and all rules were evaluated since; Prometheus' own metrics then."""
    _scrape(feeder)

    def evaluated() -> Samples:
        metrics = server.metrics()
        return metrics if metrics.get(AT_S, {}).get(GROUP, 0) > seen_s else {}

    return until("the rules to be evaluated again", evaluated, deadline_s=20 * STEP_S)


def _scrape(feeder: Feeder) -> None:
    due = time.time() // STEP_S * STEP_S + STEP_S
    until("the next scrape to be due", lambda: time.time() >= due, deadline_s=2 * STEP_S)
    feeder.scrape(int(due))


if __name__ == "__main__":
    sys.exit(main())
