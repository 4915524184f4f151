"""What a request of our load costs in CPU, as a ratio to locust's own users with the same requests and rate.

.venv/bin/python -m benchmarks.load_cost

Ours, `FastHttpUser` (the cheaper of locust's two, the one that counts) and `HttpUser` take turns against a
server on this machine. The processor time is that of the sending process alone, once it sends evenly.
Locust's users start a hundred at a time and then send together; ours are spread over the second, which wakes
the processor more often. The first request is timed from the start of the command.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, Popen
from typing import Any

import requests
import uvicorn

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.system import say
from devtools.wait import until

LOCUST = (sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING")
LIMIT, START_LIMIT_S = 1.5, 3.0
WARM_S = 3.0
ANSWER = b'{"user_id": 1}'
LOCUSTFILES = {
    "ours": ("harness/load/locustfile.py",),
    "FastHttpUser": ("benchmarks/plain_locustfile.py", "Fast"),
    "HttpUser": ("benchmarks/plain_locustfile.py", "Usual"),
}


class Counting:
    """The cheapest application that answers, and tells how often it did."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        asked = scope["path"] == "/seen"
        self.count += not asked
        body = str(self.count).encode() if asked else ANSWER
        headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _serve(port: int) -> None:
    uvicorn.run(Counting(), host="127.0.0.1", port=port, log_level="warning", access_log=False)


@contextmanager
def served() -> Iterator[str]:
    """A server of its own for the length of the block; its address."""
    port = free_port()
    process = get_context("spawn").Process(target=_serve, args=(port,), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{port}"
    try:
        until("the server to answer", lambda: requests.get(f"{url}/seen", timeout=5).ok, deadline_s=30)
        yield url
    finally:
        process.kill()
        process.join()


def seen(url: str) -> int:
    """How many requests the server has answered."""
    return int(requests.get(f"{url}/seen", timeout=5).text)


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one turn showed."""

    first_s: float
    per_request_ms: float
    rate: float


def measured(name: str, url: str, rate: int, seconds: float) -> Cost:
    """Start one, wait until it sends evenly, and look twice."""
    users = ("-u", str(rate), "-r", str(min(rate, 100)), "-t", f"{seconds + rate / 100 + 60:.0f}s")
    argv = [*LOCUST, "-f", *LOCUSTFILES[name], "--host", url, *users]
    before, started = seen(url), time.monotonic()
    with Popen(argv, cwd=REPO, stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            until("the first request", lambda: seen(url) > before, deadline_s=60, interval_s=0.02)
            first = time.monotonic() - started
            settled = time.monotonic() + WARM_S + rate / 100
            until("an even rate", lambda: time.monotonic() > settled, deadline_s=60)
            count, cpu, began = seen(url), cpu_s(process.pid), time.monotonic()
            until("its turn to end", lambda: time.monotonic() > began + seconds, deadline_s=seconds + 60)
            done, spent, took = seen(url) - count, cpu_s(process.pid) - cpu, time.monotonic() - began
        finally:
            process.kill()
    return Cost(first, 1000 * spent / done, done / took)


def main() -> int:
    """A table, and whether the limits hold."""
    parser = argparse.ArgumentParser(prog="benchmarks.load_cost", description=__doc__)
    parser.add_argument("--rate", type=int, default=200, metavar="N", help="requests a second")
    parser.add_argument("--seconds", type=float, default=8.0, metavar="S", help="of each turn")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    asked = parser.parse_args()
    costs: dict[str, list[Cost]] = {name: [] for name in LOCUSTFILES}
    with served() as url:
        for _ in range(asked.rounds):
            for name, turns in costs.items():
                turns.append(measured(name, url, asked.rate, asked.seconds))
    return report(costs)


def report(costs: Mapping[str, Sequence[Cost]]) -> int:
    """Say what was measured; 1 where a limit does not hold."""
    say(f"{'':14}{'ms CPU a request':>18}{'requests/s':>12}{'first request s':>17}")
    middle = {name: median(cost.per_request_ms for cost in turns) for name, turns in costs.items()}
    for name, turns in costs.items():
        rate, first = median(cost.rate for cost in turns), median(cost.first_s for cost in turns)
        say(f"{name:14}{middle[name]:>18.3f}{rate:>12.0f}{first:>17.2f}")
    ratio = median(
        ours.per_request_ms / theirs.per_request_ms
        for ours, theirs in zip(costs["ours"], costs["FastHttpUser"], strict=True)
    )
    first = median(cost.first_s for cost in costs["ours"])
    kept = ratio <= LIMIT and first <= START_LIMIT_S
    say(
        f"{'kept' if kept else 'NOT KEPT'}: {ratio:.2f} times FastHttpUser, at most {LIMIT}; "
        f"first request after {first:.2f} s, at most {START_LIMIT_S:g} s; load {os.getloadavg()[0]:.1f}"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
