"""Who may enter the real process and how far: accounts, bare secrets, signatures, certificates, guesses."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.wait import until
from rollback import cli

Alert = Callable[..., Any]
ROOT = "/api/admin/rollback"
READER = ("reader", "read-secret")
ADMIN = ("admin", "admin-secret")
SEED = {
    "the preview": """\
curl -X POST http://localhost:8000/api/admin/rollback/test \\
  -H "Authorization: Basic your-secret" \\
  -d "alert_name=CriticalErrorRate"
""",
    "the status": "curl http://localhost:8000/api/admin/rollback/status\n",
    "the webhook": """\
curl -X POST http://localhost:8000/api/admin/rollback/test \\
  -H "Authorization: Basic $ROLLBACK_WEBHOOK_SECRET" \\
  -d "alert_name=CriticalErrorRate"
""",
}
"""As the seed prints them."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, running: Callable[..., Any]) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("doors")
    with running(folder, reader_secret_file=str(secret(folder, "read-secret"))) as found:
        yield found


def secret(folder: Path, value: str) -> Path:
    file = folder / f"{value}.txt"
    file.write_text(value)
    return file


def requests_of(daemon: Any, door: str, code: int) -> float:
    return float(daemon.metric(f'mita_rollback_requests_total{{code="{code}",door="{door}"}}'))


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/status", None, 200),
        ("GET", "/ledger", None, 200),
        ("GET", "/decisions/1", None, 404),
        ("POST", "/test", {"alert_name": "A", "service": "s"}, 200),
        ("POST", "/freezes", {"reason": "x", "by": "ann", "minutes": 1}, 403),
        ("DELETE", "/freezes/_all?by=ann", None, 403),
        ("POST", "/rollbacks", {}, 403),
        ("POST", "/trigger", {"version": "4", "alerts": []}, 401),
    ],
)
def test_the_reader_reads_and_does_nothing(
    daemon: Any, method: str, path: str, body: Any, status: int
) -> None:
    answer = daemon.request(method, path, body, auth=READER)

    assert answer.status_code == status
    if status == 403:
        assert "reader may only read" in answer.json()["error"]


def test_the_account_stands_in_every_record_beside_the_person(daemon: Any, alert: Alert) -> None:
    daemon.deploy("1.0.0", service="who")
    daemon.good("1.0.0", service="who")
    daemon.post("/freezes", {"service": "who", "reason": "x", "by": "ann", "minutes": 1})
    daemon.request("DELETE", "/freezes/who?by=bob")
    daemon.deliver(alert("who", service="who"))
    until("the decision", lambda: daemon.decisions("who"), deadline_s=20, interval_s=0.05)

    did = {(entry["kind"], entry.get("account"), entry.get("by")) for entry in daemon.ledger("who")}

    assert {
        ("deployment_started", "admin", None),
        ("deployment_finished", "admin", None),
        ("release_marked", "admin", "the test"),
        ("frozen", "admin", "ann"),
        ("unfrozen", "admin", "bob"),
        ("decided", None, ""),
    } <= did
    assert {found["account"] for found in daemon.ask("/deployments?service=who")["deployments"]} == {"admin"}
    [received] = [entry for entry in daemon.ledger() if entry["kind"] == "webhook_received"]
    assert received["account"] == "alertmanager"


def typed(line: str, daemon: Any, **environment: str) -> tuple[int, Any]:
    """What a shell answers to the line, with this daemon's port in place of the documented one."""
    here = line.replace("localhost:8000", f"127.0.0.1:{daemon.settings['listen_port']}")
    script = here.replace("curl ", "curl -sS -w '\\n%{http_code}' ")
    run = subprocess.run(
        ["sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=20,
        env={"PATH": "/usr/bin:/bin", **environment},
    )
    assert run.returncode == 0, run.stderr
    body, _, code = run.stdout.rpartition("\n")
    return int(code), json.loads(body)


@pytest.fixture
def seeds(running: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """A daemon with the seed's secret and these settings."""
    with running(
        tmp_path,
        legacy_auth=True,
        webhook_secret_file=str(secret(tmp_path, "your-secret")),
    ) as found:
        yield found


def test_the_seeds_own_lines_work_as_they_are_typed(seeds: Any, alert: Alert) -> None:
    answers = {name: typed(line, seeds, ROLLBACK_WEBHOOK_SECRET="your-secret") for name, line in SEED.items()}

    assert {name: code for name, (code, _) in answers.items()} == dict.fromkeys(SEED, 200)
    assert answers["the status"][1]["status"] == "alive"
    assert answers["the preview"][1]["reason"] == "unknown_trigger"
    assert seeds.metric("mita_rollback_deprecated_logins_total") == 2
    assert seeds.said().count("deprecated_login") == 2
    bare = {"Authorization": "Basic your-secret"}
    assert seeds.deliver(alert("bare"), auth=None, headers=bare).status_code == 202
    assert seeds.get(ROOT + "/ledger", auth=None, headers=bare).status_code == 401
    assert (
        seeds.deliver(alert("bare"), auth=None, headers={"Authorization": "Basic other"}).status_code == 401
    )


def test_without_the_setting_a_bare_secret_opens_nothing(daemon: Any) -> None:
    before = requests_of(daemon, "admin", 401)

    code, _ = typed(SEED["the webhook"], daemon, ROLLBACK_WEBHOOK_SECRET="hook-secret")

    assert code == 401
    assert requests_of(daemon, "admin", 401) == before + 1
    assert daemon.metric("mita_rollback_deprecated_logins_total") == 0


@pytest.mark.parametrize(("setting", "code"), [("full", 200), ("none", 401)])
def test_what_the_status_tells_everybody_is_a_setting(
    running: Callable[..., Any], tmp_path: Path, setting: str, code: int
) -> None:
    with running(tmp_path, status_without_credentials=setting) as daemon:
        answer = daemon.get(ROOT + "/status", auth=None)

        assert answer.status_code == code
        assert ("services" in answer.json()) == (setting == "full")
        assert daemon.get(ROOT + "/status", auth=("admin", "wrong-secret")).status_code == 401
        assert daemon.post("/test", {"alert_name": "A"}, auth=None).status_code == 401


@pytest.mark.long
def test_a_thousand_guesses_are_counted_and_told_and_lock_nobody_out(
    running: Callable[..., Any], tmp_path: Path, alert: Alert
) -> None:
    with running(tmp_path) as daemon, requests.Session() as guesser:
        guesser.auth = ("admin", "guess-guess")
        codes = [guesser.get(daemon.url + ROOT + "/ledger").status_code for _ in range(1_000)]

        assert {401, 429} == set(codes)
        assert codes[-1] == 429
        counted = requests_of(daemon, "admin", 401) + requests_of(daemon, "admin", 429)
        assert counted == 1_000
        assert daemon.ask("/status")["triggers"]
        assert daemon.deliver(alert("behind-the-same-address")).status_code == 202
        lines = [line for line in daemon.said().splitlines() if "login_refused" in line]
        assert 2 <= len(lines) <= 6
        assert all("address=127.0.0.1" in line and "door=admin" in line for line in lines)
        assert "guess-guess" not in daemon.said()


def signed(body: bytes, timestamp: int) -> dict[str, str]:
    digest = hmac.new(b"sign-secret", f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Mita-Timestamp": str(timestamp), "X-Mita-Signature": f"sha256={digest}"}


def test_a_delivery_must_be_signed_where_the_site_says_so(
    running: Callable[..., Any], tmp_path: Path, alert: Alert
) -> None:
    body = json.dumps({"version": "4", "receiver": "r", "alerts": [alert("signed")]}).encode()
    now = int(time.time())
    with running(tmp_path, webhook_hmac_secret_file=str(secret(tmp_path, "sign-secret"))) as daemon:

        def post(**headers: str) -> int:
            url = daemon.url + ROOT + "/trigger"
            hook = ("alertmanager", "hook-secret")
            return requests.post(url, data=body, headers=headers, auth=hook, timeout=10).status_code

        assert post() == 401
        assert post(**signed(body, now - 400)) == 401
        assert post(**signed(body + b" ", now)) == 401
        assert daemon.stored("signed") == 0
        assert [post(**signed(body, now)) for _ in range(2)] == [202, 202]
        assert daemon.stored("signed") == 1


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and certificates that it signed for the server and for one client."""
    folder = tmp_path_factory.mktemp("authority")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(folder, "req", "-x509", *new, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
    for name in ("server", "client"):
        named = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
        openssl(folder, "req", *new, *named, "-keyout", f"{name}.key", "-out", f"{name}.csr")
        signed_by = ("-CA", "ca.crt", "-CAkey", "ca.key", "-copy_extensions", "copy")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed_by, "-out", f"{name}.crt")
    return folder


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def test_who_shows_no_certificate_of_the_authority_gets_no_answer(
    running: Callable[..., Any], tmp_path: Path, authority: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("server.crt", "server.key", "client.crt", "client.key", "ca.crt")
    certificate, key, *shown, trusted = [str(authority / name) for name in names]
    settings = {"web_tls_cert": certificate, "web_tls_key": key, "web_tls_client_ca_file": trusted}
    with running(tmp_path, tls=(trusted, *shown), **settings) as daemon:
        with pytest.raises((requests.exceptions.SSLError, requests.exceptions.ConnectionError)):
            requests.get(daemon.url + "/health/live", verify=trusted, timeout=30)
        refused = subprocess.run(
            ["curl", "-sS", "--cacert", trusted, daemon.url + "/health/live"], capture_output=True, timeout=20
        )
        options = ["--settings", str(daemon.file), "--url", daemon.url, "--ca-file", trusted]
        without = cli.main([*options, "status"])
        said = capsys.readouterr().err
        with_one = cli.main([*options, "--cert-file", shown[0], "--key-file", shown[1], "status"])

        assert refused.returncode != 0
        assert b"live" not in refused.stdout
        assert (without, with_one) == (1, 0)
        assert "--cert-file" in said
        assert daemon.get("/health/live", cert=tuple(shown)).status_code == 200
        assert "Traceback" not in daemon.said()


ODD_HEADS = [
    b"GET /api/admin/rollback/decisions/%ff%00 HTTP/1.1\r\nHost: x\r\n",
    b"GET /api/admin/rollback/%2e%2e/%2e%2e/metrics HTTP/1.1\r\nHost: x\r\n",
    b"GET * HTTP/1.1\r\nHost: x\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n",
    b"GET http://[::1/api/admin/rollback/status HTTP/1.1\r\nHost: [::1\r\n",
    b"GET /api/admin/rollback/status HTTP/1.1\r\nHost: [\r\n",
    b"GET /health/live HTTP/1.1\r\nHost: \xff\xfe\r\n",
    b"GET /openapi.json HTTP/1.0\r\n",
    b"GET /runbooks/%ff?x=%ff HTTP/1.1\r\nHost: x\r\n",
    b"FOO /api/admin/rollback/trigger HTTP/1.1\r\nHost: x\r\n",
    b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    b"POST /api/admin/rollback/test HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: multipart/form-data\r\nContent-Length: 3\r\n",
    b"POST /api/admin/rollback/test HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nContent-Length: 3\r\n",
    b"POST /api/admin/rollback/test HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: multipart/form-data; boundary=\xff\r\nContent-Length: 3\r\n",
    b"POST /api/admin/rollback/trigger HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999999\r\n",
    b"POST /api/admin/rollback/trigger HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n",
    b"POST /api/admin/rollback/trigger HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n",
    b"GET /metrics\xff HTTP/1.1\r\nHost: x\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n",
]


@pytest.mark.parametrize("credentials", [None, ADMIN, "\xff"], ids=["nobody", "admin", "odd"])
@pytest.mark.parametrize("head", ODD_HEADS, ids=range(len(ODD_HEADS)))
def test_odd_requests_are_answered_and_counted_and_nothing_fails(
    daemon: Any, head: bytes, credentials: Any
) -> None:
    before, failed = answers(daemon), daemon.said().count("request_failed")
    header = b""
    if credentials == ADMIN:
        header = b"Authorization: Basic " + base64.b64encode(b"admin:admin-secret") + b"\r\n"
    elif credentials:
        header = b"Authorization: Basic \xff\xfe\r\n"
    with socket.create_connection(("127.0.0.1", daemon.settings["listen_port"]), timeout=30) as connection:
        connection.sendall(head + header + b"Connection: close\r\n\r\n{x}")
        answer = connection.recv(65536)

    status = int(answer.split()[1])
    assert status < 500, answer
    assert answers(daemon) == before + 2  # this request, and the one before that asked for the count
    assert daemon.said().count("request_failed") == failed
    assert "Traceback" not in daemon.said()


def answers(daemon: Any) -> float:
    lines = daemon.get("/metrics").text.splitlines()
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("mita_rollback_requests_total{")
    )
