"""The options that both `locust -f harness/load/locustfile.py` and `harness load` know. Pure.

Each is kept as text, as a command line, locust's web form and a message to a worker have it, and read once:
`read` says in a sentence what was expected.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from harness.load.verdict import read_limits


def number(low: float, high: float = math.inf, *, whole: bool = False) -> Callable[[str], float]:
    """Return a reader of numbers from *low* to *high*."""
    kind = "a whole number" if whole else "a number"
    wanted = f"{kind} from {low:g} to {high:g}" if high < math.inf else f"{kind}, {low:g} or more"

    def read(text: str) -> float:
        try:
            value = int(text) if whole else float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high or math.isinf(value):
            raise ValueError(f"expected {wanted}, found {text!r}")
        return value

    return read


def above_zero(text: str) -> float:
    """Return *text* as a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(f"expected a number above 0, found {text!r}")
    return value


def address(text: str) -> tuple[str, int]:
    """Return `[ADDRESS:]PORT` as address and port; this machine's own address is the default."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        ip_address(host)
        return host, int(number(1, 65535, whole=True)(port))
    except ValueError as error:
        raise ValueError(f"expected [ADDRESS:]PORT such as 9646 or 0.0.0.0:9646, found {text!r}") from error


def checked(read: Callable[[Any], object]) -> Callable[[str], str]:
    """Return a type for argparse that keeps the text and says what *read* says."""

    def check(text: str) -> str:
        try:
            read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text

    return check


@dataclass(frozen=True)
class Option:
    """One option; an empty text as default means that it is off unless given."""

    flag: str
    metavar: str
    read: Callable[[str], object]
    help: str
    default: str = ""

    @property
    def dest(self) -> str:
        """The name under which argparse keeps it."""
        return self.flag.removeprefix("--").replace("-", "_")

    def value(self, text: object) -> object:
        """Return what the text says, None where it is off; ValueError says what was expected."""
        return None if text in ("", None) and not self.default else self.read(str(text))


LOAD = (
    Option("--error-ratio", "SHARE", number(0, 1), "share of requests that must fail (lab only)", "0"),
    Option("--added-latency", "SECONDS", number(0, 60), "delay of every answer (lab only)", "0"),
    Option("--slow-over", "SECONDS", number(0, 60), "count slower answers as bad ones"),
    Option("--max-in-flight", "N", number(1, whole=True), "more than N unanswered voids", "1000"),
    Option("--seed", "N", number(0, whole=True), "make the mix of requests repeatable"),
    Option("--plan", "FILE", Path, "rates from a YAML file: legs {seconds, rate} or {seconds, from, to}"),
    Option(
        "--journeys",
        "FILE",
        Path,
        "what users do: a Python file with a list JOURNEYS of harness.load.mix",
    ),
    Option(
        "--fail-above",
        "LIMITS",
        read_limits,
        "end with code 4 above error_ratio=0.01,p95=400ms",
    ),
    Option("--metrics", "[ADDRESS:]PORT", address, "show the run to Prometheus at /metrics of this port"),
)
"""What shapes the traffic and judges it, wherever it is started from."""

INNER = (
    Option("--targets", "URL,URL", str, "spread requests over these instead of --host"),
    Option("--out", "DIR", Path, "write seconds.jsonl and verdict.json"),
    Option("--owner", "PID", number(1, whole=True), "stop when this process is gone"),
)
"""What `harness load` tells locust; a person uses --host, -u and -t instead."""


def add_options(parser: argparse.ArgumentParser, options: tuple[Option, ...]) -> None:
    """Add *options* to a parser, or to a group of one."""
    for option in options:
        parser.add_argument(
            option.flag,
            type=checked(option.value),
            default=option.default,
            metavar=option.metavar,
            help=option.help,
        )
