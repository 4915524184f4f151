"""A real Prometheus that knows the drawn hours: what targets expose, and what the real rules make of it.

Rules that read what other rules record are evaluated after those, in so many passes as there are levels.
"""

import hashlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from devtools.paths import CACHE, REPO
from devtools.system import locked, run
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Prometheus
from harness.drawing.curves import END, LENGTH, MOMENTS, STEP, Labels, Series, exposition
from harness.drawing.machines import machines
from harness.drawing.servers import servers
from harness.drawing.users import application, month
from harness.drawing.watchers import watchers
from monitoring.durations import parse_duration
from monitoring.measures import selectors
from monitoring.promql_parse import parse
from monitoring.yaml_text import read_yaml
from ruletools.firing import firings

HERE = Path(__file__).parent
RULES = REPO / "monitoring" / "rules"
NO_TARGETS = "global: {scrape_interval: 15s}\n"
Rule = Mapping[str, Any]


def everything() -> list[Series]:
    """Every series of the site that its targets expose, and how many targets there are."""
    found = [*application(), *machines(), *servers(), *watchers()]
    jobs = {
        (one.labels["job"], one.labels["service"], one.labels["env"]) for one in found if one.name == "up"
    }
    counts = {key: sum(one.name == "up" and _key(one) == key for one in found) for key in jobs}
    names = ("job", "service", "env")
    expected = [
        Series(
            "job:targets:expected", dict(zip(names, key, strict=True)), [float(count)] * len(found[0].samples)
        )
        for key, count in sorted(counts.items())
    ]
    return [*found, *expected]


def _key(one: Series) -> tuple[str, ...]:
    return tuple(one.labels[name] for name in ("job", "service", "env"))


def filled() -> Path:
    """A place with the drawn hours, made once for each version of what they are made of."""
    sources = [*sorted(RULES.glob("*.yml")), *sorted(HERE.glob("*.py"))]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    place = CACHE / "drawn" / digest
    with locked("drawn"):
        if not (place / "complete").exists():
            for old in place.parent.glob("*"):
                shutil.rmtree(old)
            place.mkdir(parents=True)
            fill(place)
            (place / "complete").touch()
    return place


def fill(place: Path) -> None:
    """The data directory in *place* holds the drawn hours: what is exposed, recorded, and fires."""
    _load(place, [*everything(), *month()])
    groups = _groups()
    recording = [rule for group in groups for rule in group["rules"] if "record" in rule]
    for level in levels(recording):
        with running(place) as client:
            found = [one for rule in level for one in _evaluated(client, rule, _recorded(rule))]
        _load(place, found)
    with running(place) as client:
        alerts = [
            one
            for group in groups
            for rule in group["rules"]
            if "alert" in rule
            for one in fired(client, rule)
        ]
    _load(place, alerts)


def _recorded(rule: Rule) -> Callable[[Labels], Labels]:
    return lambda labels: {**labels, **rule.get("labels", {}), "__name__": rule["record"]}


def _evaluated(client: Prometheus, rule: Rule, named: Callable[[Labels], Labels]) -> Iterator[Series]:
    """What the rule gives at each of its evaluations, as Prometheus keeps it."""
    for found in client.query_range(" ".join(rule["expr"].split()), END - LENGTH, END, rule["every"]):
        labels = dict(named(found["metric"]))
        values = {round(float(at) - END): float(value) for at, value in found["values"]}
        yield Series(labels.pop("__name__"), labels, [values.get(at) for at in MOMENTS])


def fired(client: Prometheus, rule: Rule) -> Iterator[Series]:
    """The series of an alert's states, as Prometheus keeps them, and since when it is true."""
    wait = parse_duration(rule.get("for", 0)) // (1000 * STEP)
    keep = parse_duration(rule.get("keep_firing_for", 0)) // (1000 * STEP)
    for one in _evaluated(client, rule, lambda labels: {**labels, "__name__": "ALERTS"}):
        present = [number for number, value in enumerate(one.samples) if value is not None]
        labels = {**one.labels, **rule["labels"], "alertname": rule["alert"]}
        began = list(firings(present, wait=wait, keep=keep, end=len(one.samples)))
        during = {number: first for first, end in began for number in range(first, end)}
        yield _states(labels, "firing", set(during))
        yield _states(labels, "pending", set(present) - during.keys())
        since = [END + MOMENTS[during[n] - wait] if n in during else None for n in range(len(one.samples))]
        yield Series("ALERTS_FOR_STATE", labels, since)


def _states(labels: Labels, state: str, numbers: set[int]) -> Series:
    samples = [1.0 if number in numbers else None for number in range(len(MOMENTS))]
    return Series("ALERTS", {**labels, "alertstate": state}, samples)


def _load(place: Path, series: list[Series]) -> None:
    text = place / "samples.txt"
    with text.open("w", encoding="utf-8") as stream:
        stream.writelines(exposition(series))
    blocks = ["create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=800h"]
    run([str(tool("promtool")), "tsdb", *blocks, str(text), str(place / "data")])
    text.unlink()


def _groups() -> list[dict[str, Any]]:
    """The groups of all rules; each rule knows how often it is evaluated."""
    read = (read_yaml(path.read_text(encoding="utf-8"))["groups"] for path in sorted(RULES.glob("*.yml")))
    groups = [group for groups in read for group in groups]
    for group in groups:
        every = parse_duration(group.get("interval", f"{STEP}s")) // 1000
        group["rules"] = [{**rule, "every": every} for rule in group["rules"]]
    return groups


def levels(rules: Sequence[Rule]) -> list[list[Rule]]:
    """The rules in the order in which they can be evaluated; what reads itself reads nothing."""
    left, found = list(rules), []
    while left:
        waiting = {rule["record"] for rule in left}
        ready = [rule for rule in left if not (_reads(rule) - {rule["record"]}) & waiting] or left
        found.append(ready)
        left = [rule for rule in left if rule not in ready]
    return found


def _reads(rule: Rule) -> set[str]:
    return {selector.metric for selector in selectors(parse(rule["expr"]))}


@contextmanager
def running(place: Path) -> Iterator[Prometheus]:
    """The Prometheus runs for the length of the block, on loopback, and scrapes nothing."""
    (place / "prometheus.yml").write_text(NO_TARGETS, encoding="utf-8")
    client = Prometheus(f"http://127.0.0.1:{_free_port()}")
    process = subprocess.Popen(
        [
            str(tool("prometheus")),
            f"--config.file={place / 'prometheus.yml'}",
            f"--storage.tsdb.path={place / 'data'}",
            "--storage.tsdb.retention.time=3650d",
            "--query.lookback-delta=14s",  # blocks do not say that a series has ended: the next moment must
            f"--web.listen-address={client.base.removeprefix('http://')}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until("Prometheus to be ready", lambda: client.ready("/-/ready"), deadline_s=60)
        yield client
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
