"""The described interface and the webhook against requests that nobody would think of.

Both have a fixed seed and a limit of time, and a real daemon whose executor touches nothing.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

Alert = Callable[..., Any]
HOOK = ("alertmanager", "hook-secret")
RECORDED = Path(__file__).parent / "alertmanager_bodies.json"
SEED = 8
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
LIMIT_S = 25.0


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, running: Callable[..., Any]) -> Iterator[Any]:
    with running(tmp_path_factory.mktemp("daemon"), triggers={"error_rate_threshold": "shadow"}) as found:
        yield found


def memory(daemon: Any) -> float:
    found: float = daemon.metric("process_resident_memory_bytes")
    return found


def unharmed(daemon: Any, alert: Alert, name: str) -> None:
    """It lives, nothing of it failed unexpectedly, and it still does its work."""
    assert daemon.process.poll() is None
    assert "request_failed" not in daemon.said()
    assert "Traceback" not in daemon.said()
    assert daemon.deliver(alert(name)).json()["accepted"] == 1
    assert daemon.stored(name) == 1


def test_the_document_says_how_it_refuses_and_who_may_enter(daemon: Any) -> None:
    document = daemon.get("/openapi.json", auth=None).json()
    operations = {(m, p): o for p, ways in document["paths"].items() for m, o in ways.items()}

    assert set(document["components"]["securitySchemes"]) == {"operator", "reader"}
    for (method, path), operation in operations.items():
        assert {"401", "403", "404", "409", "413", "422", "429", "503"} <= set(operation["responses"]), path
        reads = method == "get" or path.endswith("/test")
        assert ({"reader": []} in operation["security"]) == reads, path
        assert ({} in operation["security"]) == path.endswith("/status"), path
        assert {"operator": []} in operation["security"]


@pytest.mark.parametrize("seconds", [8, pytest.param(40, marks=pytest.mark.long)])
def test_the_described_interface_answers_as_described(
    daemon: Any, alert: Alert, tmp_path: Path, seconds: int
) -> None:
    before = memory(daemon)
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{daemon.url}/openapi.json",
            f"--seed={SEED}",
            "--max-examples=8",
            f"--max-time={seconds}",
            "--phases=examples,coverage,fuzzing",
            f"--checks={CHECKS}",
            "--auth=admin:admin-secret",
            "--generation-database=none",
            "--warnings=off",
            "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    unharmed(daemon, alert, f"after-schemathesis-{seconds}")
    assert memory(daemon) - before < 60e6


@pytest.mark.parametrize("bodies", [150, pytest.param(1_500, marks=pytest.mark.long)])
def test_no_body_makes_the_webhook_fail(daemon: Any, alert: Alert, bodies: int) -> None:
    chance = random.Random(SEED)  # noqa: S311
    recorded = [json.dumps(body).encode() for body in json.loads(RECORDED.read_text())["webhooks"]]
    before, ends = memory(daemon), time.monotonic() + LIMIT_S
    codes: set[int] = set()
    with requests.Session() as session:
        session.auth = HOOK
        for _ in range(bodies):
            body = mutated(chance.choice(recorded), chance)
            answer = session.post(daemon.url + "/api/admin/rollback/trigger", data=body, timeout=15)
            codes.add(answer.status_code)
            assert answer.status_code < 500, (body, answer.text, daemon.said()[-3000:])
            if time.monotonic() > ends:
                break

    assert {202, 400} <= codes <= {202, 400, 413}
    unharmed(daemon, alert, f"after-the-fuzzer-{bodies}")
    assert memory(daemon) - before < 60e6


ODD_VALUES: list[Any] = [
    None, 0, -1, 1e308, 2**63, 2**200, True, "", "\x00", "\u202e", "a" * 5_000, [], {}, [[[]]], {"a": {}},
    "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00+05:00", "2026-03-01T12:00:00.123999900Z", "firing",
]  # fmt: skip
ODD_BYTES = [
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"NaN",
    b"Infinity",
    b"[" * 3_000,
    b'{"a":' * 3_000,
    b"\x00",
]


def mutated(body: bytes, chance: random.Random) -> bytes:
    """A real body with a few things changed: values, names, or the bytes themselves."""
    if chance.random() < 0.7:
        content = json.loads(body)
        for _ in range(chance.randint(1, 4)):
            content = _changed(content, chance)
        body = json.dumps(content).encode()
    if chance.random() < 0.4:
        place = chance.randrange(len(body) + 1)
        cut = place + chance.choice((0, 0, 1, 7, 300))
        body = body[:place] + chance.choice([b"", *ODD_BYTES]) + body[cut:]
    return body


def _changed(value: Any, chance: random.Random) -> Any:
    """One place of the value, however deep, is something else."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name = chance.choice(list(value))
        rest = {key: item for key, item in value.items() if key != name}
        what = chance.random()
        if what < 0.1:
            return rest
        if what < 0.2:
            return {**rest, str(chance.choice(ODD_VALUES)): value[name]}
        return {**value, name: _changed(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        if chance.random() < 0.1:
            return value * chance.choice((2, 50))
        return [*value[:place], _changed(value[place], chance), *value[place + 1 :]]
    return chance.choice(ODD_VALUES)
