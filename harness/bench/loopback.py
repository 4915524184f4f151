"""The service, its load, Prometheus, Alertmanager and the stand-ins, on loopback for as long as a block."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from devtools import ports, tools
from devtools.errors import UserError
from devtools.paths import REPO
from devtools.wait import until
from harness.bench import outside
from harness.bench.bench_file import Plan, mapping
from harness.bench.outside import Config, Place, Sink, places, replaced
from harness.bench.shells import undisturbed
from harness.clients import Alertmanager, Prometheus, Receivers
from harness.release.backing import ends_with_us

READY_S = 60.0
END_S = 5.0
TARGETS = 2
"""The service, and Prometheus itself."""
UNKNOWN_KEY = "not found in type"
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
Processes = Mapping[str, "subprocess.Popen[bytes]"]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Everything that runs, and how it is asked."""

    out: Path
    config: Config
    places: list[Place]
    service: str
    sink: Sink
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    prometheus_port: int = field(default_factory=ports.free_port)
    alertmanager_port: int = field(default_factory=ports.free_port)

    @property
    def prometheus(self) -> Prometheus:
        """Where the rules are evaluated."""
        return Prometheus(f"http://127.0.0.1:{self.prometheus_port}")

    @property
    def alertmanager(self) -> Alertmanager:
        """Where the routes are."""
        return Alertmanager(f"http://127.0.0.1:{self.alertmanager_port}")

    @property
    def receivers(self) -> Receivers:
        """Where everything arrives."""
        return Receivers(self.sink.url(""))

    def environment(self) -> dict[str, str]:
        """What commands of a plan know."""
        ours = {"SERVICE": self.service, "PORT": self.service.rpartition(":")[2]}
        if "service" in self.processes:
            ours["SERVICE_PID"] = str(self.processes["service"].pid)
        return {**plain_environment(), **ours, "PROMETHEUS": self.prometheus.base}

    def complaints(self) -> list[str]:
        """What Alertmanager could not send, in its own words: a text that fails, an address that refuses."""
        log = (self.out / "alertmanager.log").read_text("utf-8", "replace").splitlines()
        failed = [line.partition(" msg=")[2] for line in log if "level=error" in line or "level=warn" in line]
        return [f"Alertmanager: {words}" for words in dict.fromkeys(failed)]

    def ended(self) -> str:
        """Which program has ended although it should run; nothing where none has."""
        gone = [name for name, process in self.processes.items() if process.poll() is not None]
        return "; ".join(f"{name} has ended, its last words are in {self.out / name}.log" for name in gone)


def plain_environment() -> dict[str, str]:
    """This process's environment; no proxy, which would carry messages into the world."""
    return {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}


@contextmanager
def standing_in(path: Path, out: Path) -> Iterator[tuple[Config, list[Place], Sink]]:
    """The stand-ins run for an Alertmanager's file, and a copy of it that sends to them lies in *out*."""
    config = mapping(path)
    found = places(path, config)
    _taken(path, config)
    sink = Sink(http=ports.free_port(), smtp=ports.free_port(), password=secrets.token_hex(12))
    _write(out / "alertmanager.yml", yaml.safe_dump(replaced(path, config, sink), sort_keys=False))
    _checked("amtool", "check-config", out / "alertmanager.yml", path)
    _write(out / "receivers.json", json.dumps(sink.settings(found)))
    argv = [sys.executable, "-m", "harness.receivers", "--settings", str(out / "receivers.json")]
    receivers = Receivers(sink.url(""))
    environment = {**plain_environment(), "PYTHONPATH": str(REPO)}
    with _running("receivers", argv, out, REPO, environment) as process:
        _answers("the stand-ins", lambda: receivers.ready("/health"), process, out / "receivers.log")
        yield config, found, sink


@contextmanager
def running(plan: Plan, out: Path) -> Iterator[Bench]:
    """Everything answers and traffic flows; at the end of the block nothing of it is left."""
    wanted = plan.written.service
    if wanted.port and not ports.is_free(wanted.port):
        raise ports.taken(wanted.port, "the service")
    with ExitStack() as stack:
        config, found, sink = stack.enter_context(standing_in(plan.alertmanager, out))
        service = f"http://127.0.0.1:{wanted.port or ports.free_port()}"
        bench = Bench(out=out, config=config, places=found, service=service, sink=sink)
        _write(out / "prometheus.yml", yaml.safe_dump(_prometheus(plan, bench), sort_keys=False))
        for rules in plan.rules:
            _checked("promtool", "check rules", rules, rules)
        _checked("promtool", "check config", out / "prometheus.yml", plan.file)
        for name, argv in _programs(plan, bench).items():
            directory = plan.home if name in ("service", "load") else tools.BIN
            process = stack.enter_context(_running(name, argv, out, directory, bench.environment()))
            bench.processes[name] = process
            _answers(name, _ready(plan, bench)[name], process, out / f"{name}.log")
        prometheus = bench.processes["prometheus"]
        _answers(
            "a scrape of the service", lambda: _scraped(bench), prometheus, lambda: _scrape_errors(bench)
        )
        yield bench


def _taken(path: Path, config: Config) -> None:
    """Alertmanager takes the file as it is: what we replace could hide what is missing in it.

    A key that this Alertmanager is too old for is no fault of the file: the copy, without it, is checked too.
    """
    try:
        _checked("amtool", "check-config", path, path, hide=outside.hidden(config))
    except UserError as error:
        if UNKNOWN_KEY not in str(error):
            raise


def _checked(program: str, how: str, file: Path, said_of: Path, hide: Sequence[str] = ()) -> None:
    """The program that will read a file takes it; UserError with its words about the file *said_of*."""
    argv = [str(tools.tool(program)), *how.split(), str(file)]
    done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, text=True)
    if done.returncode:
        words = " ".join((done.stdout + done.stderr).split())
        for secret in hide:
            words = words.replace(secret, "...")
        raise UserError(f"{said_of}: expected `{program} {how}` to take it, it said: {words}")


def _programs(plan: Plan, bench: Bench) -> dict[str, list[str]]:
    """What is started, in this order."""
    found = {
        "service": ["/bin/sh", "-c", plan.written.service.start],
        "alertmanager": [
            str(tools.tool("alertmanager")),
            f"--config.file={bench.out}/alertmanager.yml",
            f"--storage.path={bench.out}/alertmanager",
            f"--web.listen-address=127.0.0.1:{bench.alertmanager_port}",
            "--cluster.listen-address=",
        ],
        "prometheus": [
            str(tools.tool("prometheus")),
            f"--config.file={bench.out}/prometheus.yml",
            f"--storage.tsdb.path={bench.out}/prometheus",
            f"--web.listen-address=127.0.0.1:{bench.prometheus_port}",
        ],
    }
    if plan.written.load and plan.locustfile:
        users = str(plan.written.load.users)
        found["load"] = [
            *(sys.executable, "-m", "locust", "-f", str(plan.locustfile), "--headless"),
            *("--host", bench.service, "-u", users, "-r", users, "--loglevel", "WARNING", "--only-summary"),
        ]
    return found


def _ready(plan: Plan, bench: Bench) -> dict[str, Any]:
    health = bench.service + plan.written.service.health
    return {
        "service": lambda: _direct(health),
        "alertmanager": lambda: bench.alertmanager.ready("/-/ready"),
        "prometheus": lambda: bench.prometheus.ready("/-/ready"),
        "load": lambda: True,
    }


def _direct(address: str) -> bool:
    """Whether an address of this machine answers 2xx; no proxy of the environment is asked for it."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(address, timeout=5).ok


def _prometheus(plan: Plan, bench: Bench) -> dict[str, Any]:
    """The service is scraped, and Prometheus itself, which says whether it was awake."""
    service = plan.written.service
    address = bench.service.removeprefix("http://")
    return {
        "global": {
            "scrape_interval": plan.written.interval,
            "scrape_timeout": plan.written.interval if plan.interval_s < 10 else "10s",
            "evaluation_interval": plan.written.interval,
        },
        "rule_files": [outside.no_pattern(file) for file in plan.rules],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{bench.alertmanager_port}"]}]}]
        },
        "scrape_configs": [
            {
                "job_name": service.job,
                "metrics_path": service.metrics,
                "static_configs": [{"targets": [address], "labels": dict(service.labels)}],
            },
            {
                "job_name": "prometheus",
                "static_configs": [{"targets": [f"127.0.0.1:{bench.prometheus_port}"]}],
            },
        ],
    }


def _scraped(bench: Bench) -> bool:
    """Both targets are there and were scraped: before Prometheus has read them there are none."""
    health = [target["health"] for target in bench.prometheus.targets()]
    return health == ["up"] * TARGETS


def _scrape_errors(bench: Bench) -> str:
    targets = bench.prometheus.targets()
    return "\n".join(f"{one['scrapeUrl']}: {one['lastError']}" for one in targets if one["lastError"])


def _answers(
    name: str, probe: Any, process: "subprocess.Popen[bytes]", log: Path | Callable[[], str]
) -> None:
    """Wait until it answers; one that ended before that never will."""

    def answered() -> bool:
        return process.poll() is not None or bool(probe())

    until(f"{name} to answer", answered, deadline_s=READY_S, explain=lambda: _words(log))
    if process.poll() is not None:
        raise UserError(f"expected {name} to run, it ended with status {process.returncode}: {_words(log)}")


def _words(log: Path | Callable[[], str]) -> str:
    if callable(log):
        return log()
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-5:]) if log.is_file() else ""


@contextmanager
def _running(
    name: str, argv: Sequence[str], out: Path, directory: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A session of its own: Ctrl-C reaches this process only, which then ends all in order."""
    with (out / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            ends_with_us("KILL", argv),
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with undisturbed():
                end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """The process and what it started are gone, also what was stopped by a signal."""
    for sign in (signal.SIGTERM, signal.SIGCONT):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _write(path: Path, text: str) -> None:
    """Only this user reads it: a password of the stand-ins is in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
