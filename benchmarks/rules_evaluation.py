"""Measures what one full evaluation of all rules costs at a large site.

`python -m benchmarks.rules_evaluation` fills a real Prometheus with the data set, lets it evaluate the rules
on its own clock while samples keep arriving, does the same with the rules of an earlier day, each of them
twice in turn, and exits 1 if the median round of all groups takes more than the limit times as long.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks import variants
from benchmarks.dataset import dataset
from benchmarks.feeding import Feeder
from benchmarks.report import Outcome, Setting, as_json, as_text, together
from benchmarks.series import PER_SERVICE, STEP_S
from benchmarks.server import Samples, Server, running
from devtools.errors import UserError
from devtools.system import say
from devtools.wait import until

LIMIT = 1.3
VISITS = 2  # each rule set is measured in turn, so often: what else the machine does meets all of them
SETTLED_ROUNDS = 6  # Prometheus looks every minute for something to compact
CPU_S = "process_cpu_seconds_total"
LAST_S = "prometheus_rule_group_last_duration_seconds"
AT_S = "prometheus_rule_group_last_evaluation_timestamp_seconds"


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
        files = variants.of_the_project()
        parts = [
            _rounds(server, feeder, name, files[name], -(-arguments.rounds // VISITS), bar)
            for _ in range(VISITS)
            for name in files
        ]
        outcomes = [together([part for part in parts if part.name == name]) for name in files]
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
        metrics = _round(server, feeder, (), {})
        compactions = metrics["prometheus_tsdb_compactions_total"][""]
        quiet = quiet + 1 if compactions == before else 0
        before = compactions
    bar.update(task, total=1, completed=1)


def _rounds(
    server: Server, feeder: Feeder, name: str, files: Mapping[str, str], rounds: int, bar: Progress
) -> Outcome:
    """The rules of `files` are evaluated `rounds` times, after one time that is not counted."""
    server.evaluate(files)
    groups = variants.groups(files)
    task = bar.add_task(name, total=rounds + 1)
    metrics = _round(server, feeder, groups, {})
    bar.advance(task)
    cpu_s = metrics[CPU_S][""]
    durations: list[dict[str, float]] = []
    for _ in range(rounds):
        metrics = _round(server, feeder, groups, metrics[AT_S])
        durations.append({group: metrics[LAST_S][group] for group in groups})
        bar.advance(task)
    return Outcome(
        name,
        groups,
        tuple(durations),
        cpu_s=(metrics[CPU_S][""] - cpu_s) / rounds,
        memory_bytes=metrics["process_resident_memory_bytes"][""],
        failures=sum(metrics["prometheus_rule_evaluation_failures_total"].values()),
        alerts={
            sample["metric"]["alertname"]: int(sample["value"][1])
            for sample in server.client.query("count by (alertname) (ALERTS)")
        },
    )


def _round(server: Server, feeder: Feeder, groups: Iterable[str], seen: Mapping[str, float]) -> Samples:
    """The next scrape has come and every group was evaluated since; Prometheus' own metrics then."""
    due = time.time() // STEP_S * STEP_S + STEP_S
    until("the next scrape to be due", lambda: time.time() >= due, deadline_s=2 * STEP_S)
    feeder.scrape(int(due))

    def evaluated() -> Samples:
        metrics = server.metrics()
        at = metrics.get(AT_S, {})
        return metrics if all(at.get(group, 0) > seen.get(group, 0) for group in groups) else {}

    return until("every group to be evaluated again", evaluated, deadline_s=20 * STEP_S)


if __name__ == "__main__":
    sys.exit(main())
