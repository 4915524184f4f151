"""The receivers as their senders and readers see them: the real process, over HTTP and SMTP."""

import base64
import json
import secrets
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.wait import until

TOKEN, KEY, PASSWORD = secrets.token_hex(12), secrets.token_hex(16), secrets.token_hex(12)
TIMEOUT = 5
PATIENCE_S = 0.5


class Running:
    """The process under test and the two ways in."""

    def __init__(self, http_port: int, smtp_port: int) -> None:
        self.url, self.smtp_port = f"http://127.0.0.1:{http_port}", smtp_port

    def post(self, path: str, body: object) -> requests.Response:
        return requests.post(self.url + path, json=body, timeout=TIMEOUT)

    def records(self, **query: str) -> list[dict[str, Any]]:
        answer = requests.get(self.url + "/requests", params=query, timeout=TIMEOUT)
        return list(answer.json()["requests"])

    def healthy(self) -> bool:
        return requests.get(self.url + "/health", timeout=TIMEOUT).ok

    def send_mail(self, password: str = PASSWORD, *, date: str | None = formatdate()) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = (
            "am@example.org",
            "oncall@example.org",
            "[FIRING] CriticalErrorRate",
        )
        if date:
            mail["Date"] = date
        mail.set_content("More than one request in five fails.")
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=TIMEOUT) as client:
            client.login("apikey", password)
            client.send_message(mail)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(free_port(), free_port())
    settings = tmp_path_factory.mktemp("receivers") / "settings.json"
    credentials = {"slack": {f"T000/B000/{TOKEN}": "#mita-alerts"}, "pagerduty": {KEY: "critical"}}
    values = {"credentials": credentials, "smtp_username": "apikey", "dead_man": {"lab": PATIENCE_S}}
    ports = {
        "address": "127.0.0.1",
        "http_port": int(running.url.rpartition(":")[2]),
        "smtp_port": running.smtp_port,
    }
    settings.write_text(json.dumps({**values, **ports, "smtp_password": PASSWORD}))
    child = subprocess.Popen(
        [sys.executable, "-m", "harness.receivers", "--settings", str(settings)], cwd=REPO
    )
    until("the receivers to answer", running.healthy, deadline_s=20)
    yield running
    child.terminate()
    assert child.wait(timeout=TIMEOUT) in (0, -15)


@pytest.fixture
def receivers(process: Running) -> Running:
    process.post("/reset", {})
    return process


def test_slack_message_is_taken_and_shown(receivers: Running) -> None:
    answer = receivers.post(f"/services/T000/B000/{TOKEN}", {"channel": "#mita-alerts", "text": "hello"})

    assert (answer.status_code, answer.text) == (200, "ok")
    [record] = receivers.records(receiver="slack")
    assert (record["channel"], record["valid"], record["body"]["text"]) == ("#mita-alerts", True, "hello")


def test_refused_slack_message_is_shown_with_its_problem(receivers: Running) -> None:
    answer = receivers.post(f"/services/T000/B000/{TOKEN}", {"channel": "#mita-alerts"})

    assert (answer.status_code, answer.text) == (400, "no_text")
    [record] = receivers.records()
    assert record["valid"] is False
    assert "no_text" in record["problems"][0]


def test_pagerduty_event_is_taken_and_its_key_not_shown(receivers: Running) -> None:
    payload = {"summary": "s", "source": "x", "severity": "critical"}
    answer = receivers.post(
        "/v2/enqueue", {"routing_key": KEY, "event_action": "trigger", "payload": payload}
    )

    assert answer.status_code == 202
    [record] = receivers.records()
    assert (record["urgency"], record["dedup_key"]) == ("critical", answer.json()["dedup_key"])
    assert KEY not in json.dumps(record)


def test_a_heart_that_stops_is_told_once_and_so_is_its_return(receivers: Running) -> None:
    def heart() -> dict[str, Any]:
        return dict(requests.get(receivers.url + "/hearts", timeout=TIMEOUT).json()["lab"])

    def told() -> list[str]:
        return [record["event"] for record in receivers.records(receiver="dead-man")]

    assert (heart()["state"], told()) == ("new", [])
    assert receivers.post("/ping/lab", {}).text == "OK"
    assert (heart()["state"], told()) == ("beating", [])
    until("the silence to be told", told, deadline_s=TIMEOUT)
    assert (heart()["state"], told()) == ("silent", ["silent"])
    assert receivers.post("/ping/lab", {}).text == "OK"
    assert (heart()["state"], heart()["beats"], told()) == ("beating", 2, ["silent", "back"])
    assert receivers.post("/ping/other", {}).status_code == 404


def test_a_heartbeat_that_is_refused_is_none(receivers: Running) -> None:
    receivers.post("/behaviour", {"receiver": "dead-man", "status": 500})
    before = requests.get(receivers.url + "/hearts", timeout=TIMEOUT).json()["lab"]["beats"]

    assert receivers.post("/ping/lab", {}).status_code == 500
    assert requests.get(receivers.url + "/hearts", timeout=TIMEOUT).json()["lab"]["beats"] == before


def test_webhook_is_taken_under_its_name(receivers: Running) -> None:
    assert receivers.post("/webhook/audit", {"a": 1}).status_code == 200
    assert receivers.post("/webhook/audit", [1]).status_code == 400

    assert [(r["channel"], r["valid"]) for r in receivers.records(receiver="webhook")] == [
        ("audit", True),
        ("audit", False),
    ]


def test_mail_is_taken_from_who_knows_the_password(receivers: Running) -> None:
    receivers.send_mail()

    [record] = receivers.records(receiver="smtp")
    assert (record["valid"], record["channel"]) == (True, "oncall@example.org")
    assert record["body"]["subject"] == "[FIRING] CriticalErrorRate"
    assert "one request in five" in record["body"]["text"]


def test_mail_with_a_wrong_password_is_refused(receivers: Running) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError):
        receivers.send_mail("wrong")


def test_mail_without_authentication_is_refused(receivers: Running) -> None:
    with smtplib.SMTP("127.0.0.1", receivers.smtp_port, timeout=TIMEOUT) as client:
        client.ehlo()
        assert client.mail("am@example.org")[0] == 530


def test_mail_without_a_date_is_refused_and_shown(receivers: Running) -> None:
    with pytest.raises(smtplib.SMTPDataError, match="Date"):
        receivers.send_mail(date=None)

    assert receivers.records()[0]["problems"] == ["the header Date is missing"]


def test_login_is_offered_before_plain(receivers: Running) -> None:
    """Alertmanager takes the first mechanism that it knows, and its PLAIN refuses to run without TLS."""
    with smtplib.SMTP("127.0.0.1", receivers.smtp_port, timeout=TIMEOUT) as client:
        client.ehlo()
        assert client.esmtp_features["auth"].split() == ["LOGIN", "PLAIN"]


def test_login_asks_in_the_words_of_mail_providers(receivers: Running) -> None:
    """Alertmanager gives up on any other question."""
    with smtplib.SMTP("127.0.0.1", receivers.smtp_port, timeout=TIMEOUT) as client:
        client.ehlo()
        asked = [client.docmd("AUTH", "LOGIN"), client.docmd(base64.b64encode(b"apikey").decode())]
        client.docmd(base64.b64encode(PASSWORD.encode()).decode())

    assert asked == [(334, base64.b64encode(word)) for word in (b"Username:", b"Password:")]


@pytest.mark.parametrize("status", [429, 503])
def test_receiver_misbehaves_when_told_and_behaves_after_reset(receivers: Running, status: int) -> None:
    receivers.post("/behaviour", {"receiver": "webhook", "status": status})
    assert receivers.post("/webhook/x", {}).status_code == status
    assert receivers.records()[0]["status"] == status

    receivers.post("/reset", {})
    assert receivers.post("/webhook/x", {}).status_code == 200


def test_misbehaving_mail_server_turns_mail_away_for_now(receivers: Running) -> None:
    receivers.post("/behaviour", {"receiver": "smtp", "status": 451})

    with pytest.raises(smtplib.SMTPDataError, match="451"):
        receivers.send_mail()


def test_unknown_behaviour_is_refused(receivers: Running) -> None:
    answer = receivers.post("/behaviour", {"receiver": "fax"})

    assert answer.status_code == 400
    assert "expected receiver" in answer.json()["error"]


def test_settings_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text('{"credentials": {}}')
    command = [sys.executable, "-m", "harness.receivers", "--check", "--settings", str(settings)]
    outcome = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)

    assert outcome.returncode == 2
    assert "expected all required settings" in outcome.stderr
