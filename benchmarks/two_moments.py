"""Whether recorded counters fall and come back when scrapes fail between two rules.

`python -m benchmarks.two_moments` lets a real Prometheus, held to one core, scrape many targets of which
three in ten answer too late, and evaluate the counter of errors in its old form and as it is now, while other
programs use all cores. It prints both, and exits 1 if the form as it is has a single false fall, or a share
outside 0 to 1.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.server import Server, dump, running
from devtools.ports import free_port
from devtools.system import say
from devtools.wait import until
from ruletools.house.loading import load_files

TOO_LATE = 0.3  # of all scrapes
TIMEOUT_S = 0.5
SHARE = 0.1  # of all requests fail
PAST = 100_000  # what each process counted before: a false fall brings all of it again
OLD = "old:http_errors:sum"
READ = "instance:http_answers:sum"
NOW = "instance:http_requests:sum"
OWN = {"service": "mita-backend", "env": "bench"}


@dataclass(frozen=True)
class Found:
    """What one form recorded: how often a counter fell, and the least and greatest share of errors."""

    falls: int
    least: float
    greatest: float

    @property
    def sound(self) -> bool:
        return self.falls == 0 and self.least >= 0 and self.greatest <= 1


def measure(targets: int, seconds: int, busy: int, between: int = 0) -> dict[str, Found]:
    """{form: what it recorded} after so many seconds.

    *busy*: programs that use a core each. *between*: slow rules between the two of the old form, which make
    the moment longer in which a scrape can fail.
    """
    port = free_port()
    work = _processes([(_serve, (port,)), *[(_burn, ())] * busy])
    with work, running(_config(port, targets), cores=1) as server:
        server.evaluate({"moments.rules.yml": dump(_groups(between))})
        end = time.time() + seconds
        until("the scrapes to be made", lambda: time.time() >= end, deadline_s=seconds + 30)
        return {"old": _found(server, "old", seconds), "now": _found(server, "now", seconds)}


def _config(port: int, targets: int) -> str:
    relabel = [{"source_labels": ["number"], "target_label": "__metrics_path__", "replacement": "/$1"}]
    static = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"number": str(n), "instance": f"app{n}", **OWN}}
        for n in range(targets)
    ]
    job = {"job_name": "mita-backend", "static_configs": static, "relabel_configs": relabel}
    pace = {
        "scrape_interval": "1s",
        "scrape_timeout": f"{int(TIMEOUT_S * 1000)}ms",
        "evaluation_interval": "1s",
    }
    return json.dumps({"global": pace, "rule_files": ["rules/*.rules.yml"], "scrape_configs": [job]})


def _groups(between: int) -> list[dict[str, Any]]:
    """The old form and the one as it is, each in a group of its own, and the share of errors from each."""
    ours = {rule.get("record"): rule["expr"] for file in load_files() for rule in file.rules}
    total = 'sum by (service, env, instance) (http_requests_total{job="mita-backend"})'
    errors = 'sum by (service, env, instance) (http_requests_total{job="mita-backend",status="500"})'
    slow = 'sum(count_over_time({__name__=~".+"}[5m]))'

    def share(of: str, by: str) -> str:
        return f"sum(rate({of}[10s])) / (sum(rate({by}[10s])) > 0)"

    return [
        {
            "name": "old",
            "rules": [
                {"record": "old:http_requests:sum", "expr": total},
                *[{"record": f"old:slow:{n}", "expr": slow} for n in range(between)],
                {"record": OLD, "expr": f"{errors} or 0 * old:http_requests:sum"},
                {"record": "old:share", "expr": share(OLD, "old:http_requests:sum")},
            ],
        },
        {
            "name": "now",
            "rules": [
                *[{"record": name, "expr": ours[name]} for name in (READ, NOW)],
                {"record": "now:share", "expr": share(f'{NOW}{{result="error"}}', f'{NOW}{{result="any"}}')},
            ],
        },
    ]


def _found(server: Server, form: str, seconds: int) -> Found:
    name = OLD if form == "old" else f'{NOW}{{result="error"}}'

    def value(query: str) -> float:
        [sample] = server.client.query(query)
        return float(sample["value"][1])

    return Found(
        falls=int(value(f"sum(resets({name}[{seconds}s]))")),
        least=value(f"min_over_time({form}:share[{seconds}s])"),
        greatest=value(f"max_over_time({form}:share[{seconds}s])"),
    )


# --- what is scraped, and what is in its way


def _serve(port: int) -> None:
    asyncio.run(_server(port))


async def _server(port: int) -> None:
    chance, began = random.Random(7), time.monotonic()  # noqa: S311 - a reproducible mixture, not a secret

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (await reader.readuntil(b"\r\n\r\n")).startswith(b"GET"):
                if chance.random() < TOO_LATE:
                    await asyncio.sleep(2 * TIMEOUT_S)
                count = PAST + int(100 * (time.monotonic() - began))
                lines = [
                    f'http_requests_total{{path="/api/a",status="200"}} {count - int(count * SHARE)}',
                    f'http_requests_total{{path="/api/a",status="500"}} {int(count * SHARE)}',
                ]
                body = ("\n".join(lines) + "\n").encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def _burn() -> None:
    while True:
        sum(range(1000))


@contextmanager
def _processes(wanted: list[tuple[Any, tuple[Any, ...]]]) -> Iterator[None]:
    """The processes run; all have ended afterwards."""
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=work, args=arguments, daemon=True) for work, arguments in wanted]
    try:
        for process in started:
            process.start()
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def main() -> int:
    """0 if the form as it is is sound."""
    parser = argparse.ArgumentParser(prog="benchmarks.two_moments", description=__doc__)
    parser.add_argument("--targets", type=int, default=150)
    parser.add_argument("--seconds", type=int, default=95)
    parser.add_argument("--busy", type=int, default=2, help="programs that use a core each meanwhile")
    arguments = parser.parse_args()
    found = measure(arguments.targets, arguments.seconds, arguments.busy)
    say(f"{'form':8}{'false falls':>12}{'least share':>13}{'greatest share':>16}   (true: {SHARE:g})")
    for form, one in found.items():
        say(f"{form:8}{one.falls:>12}{one.least:>13.3f}{one.greatest:>16.3f}")
    return int(not found["now"].sound)


if __name__ == "__main__":
    sys.exit(main())
