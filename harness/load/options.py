"""The options that both `locust -f harness/load/locustfile.py` and `harness load` know. Pure."""

import argparse
from pathlib import Path


def ratio(text: str) -> float:
    """Return *text* as a share between 0 and 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, found {text}")
    return value


def seconds(text: str) -> float:
    """Return *text* as a number of seconds, 0 to 60."""
    value = float(text)
    if not 0 <= value <= 60:
        raise argparse.ArgumentTypeError(f"expected 0 to 60 seconds, found {text}")
    return value


def add_load_options(parser: argparse.ArgumentParser) -> None:
    """Add what shapes the traffic, wherever it is started from."""
    parser.add_argument(
        "--error-ratio",
        type=ratio,
        default=0.0,
        metavar="SHARE",
        help="share of requests that must fail (lab only)",
    )
    parser.add_argument(
        "--added-latency",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="delay of every answer (lab only)",
    )
    parser.add_argument(
        "--slow-over", type=seconds, default=None, metavar="SECONDS", help="count slower answers as bad ones"
    )
    parser.add_argument(
        "--max-in-flight", type=int, default=1000, metavar="N", help="more than N unanswered voids"
    )
    parser.add_argument(
        "--seed", type=int, default=None, metavar="N", help="make the mix of requests repeatable"
    )


def add_inner_options(parser: argparse.ArgumentParser) -> None:
    """Add what `harness load` tells locust; a person uses --host, -u and -t instead."""
    group = parser.add_argument_group(
        "MITA load", "one user is one request per second, whatever the answers do"
    )
    group.add_argument(
        "--targets", default="", metavar="URL,URL", help="spread users over these instead of --host"
    )
    group.add_argument("--plan", default="", metavar="NAME", help="set by `harness load`")
    group.add_argument("--rate", type=int, default=0, metavar="N", help="set by `harness load`")
    group.add_argument("--duration", type=float, default=0.0, metavar="S", help="set by `harness load`")
    group.add_argument(
        "--out", type=Path, default=None, metavar="DIR", help="write seconds.jsonl and verdict.json"
    )
    group.add_argument("--owner", type=int, default=0, metavar="PID", help="stop when this process is gone")
    add_load_options(parser)
