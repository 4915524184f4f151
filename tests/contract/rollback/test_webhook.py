"""The HTTP interface of the real process: what Alertmanager, deployments and people are answered."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devtools.wait import until

Alert = Callable[..., Any]
RECORDED = Path(__file__).parent / "alertmanager_bodies.json"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, running: Callable[..., Any]) -> Iterator[Any]:
    """One daemon for all tests of this file; each uses alerts and services of its own."""
    with running(tmp_path_factory.mktemp("daemon"), triggers={"error_rate_threshold": "auto"}) as found:
        yield found


def body(*alerts: Any) -> bytes:
    return json.dumps({"version": "4", "receiver": "rollback", "alerts": alerts}).encode()


def test_an_alert_is_stored_before_it_is_answered(daemon: Any, alert: Alert) -> None:
    answer = daemon.deliver(alert("stored"))

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "quarantined": 0})
    assert daemon.stored("stored") == 1


def test_a_repeat_and_the_twin_of_a_pair_change_nothing(daemon: Any, alert: Alert) -> None:
    told = alert("twin")
    daemon.deliver(told)

    answers = [daemon.deliver(told).json() for _ in range(3)]

    assert answers == [{"accepted": 0, "duplicates": 1, "quarantined": 0}] * 3
    assert daemon.stored("twin") == 1


def test_one_bad_alert_of_a_hundred_costs_no_other(daemon: Any, alert: Alert) -> None:
    alerts = [alert(f"hundred-{n}") for n in range(99)]

    answer = daemon.deliver(*alerts[:50], {"status": "firing"}, *alerts[50:])

    assert answer.json() == {"accepted": 99, "duplicates": 0, "quarantined": 1}


@pytest.mark.parametrize("auth", [None, ("alertmanager", "wrong"), ("admin", "admin-secret")], ids=str)
def test_without_its_secret_nobody_delivers(daemon: Any, alert: Alert, auth: Any) -> None:
    before = daemon.metric('mita_rollback_requests_total{code="401",door="webhook"}')

    answer = daemon.deliver(alert("intruder"), auth=auth)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert daemon.stored("intruder") == 0
    assert daemon.metric('mita_rollback_requests_total{code="401",door="webhook"}') == before + 1


@pytest.mark.parametrize("path", ["/status", "/decisions", "/rollbacks", "/deployments", "/ledger"])
@pytest.mark.parametrize("auth", [None, ("alertmanager", "hook-secret")], ids=str)
def test_without_the_admin_secret_nobody_reads(daemon: Any, path: str, auth: Any) -> None:
    if (path, auth) == ("/status", None):
        assert set(daemon.get("/api/admin/rollback" + path, auth=auth).json()) == {"status", "version"}
        return
    assert daemon.get("/api/admin/rollback" + path, auth=auth).status_code == 401


@pytest.mark.parametrize("text", [b"", b"{", b'{"version": "3", "alerts": []}'], ids=str)
def test_a_body_that_is_no_webhook_is_400(daemon: Any, text: bytes) -> None:
    assert daemon.post_raw(text).status_code == 400


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_413_and_the_next_one_is_taken(
    daemon: Any, alert: Alert, chunked: bool
) -> None:
    large = b" " * (daemon.settings["body_limit"] + 1)

    answer = daemon.post_raw(iter([large[:900_000], large[900_000:]]) if chunked else large)

    assert answer.status_code == 413
    assert daemon.deliver(alert(f"after-large-{chunked}")).status_code == 202


@pytest.mark.parametrize("path", ["/trigger/", "//trigger", "/status/"])
def test_nothing_is_ever_redirected(daemon: Any, path: str) -> None:
    answer = daemon.post(path, {}, allow_redirects=False)

    assert answer.status_code == 404


def test_what_alertmanager_really_sent_and_shows_is_one_and_the_same(daemon: Any) -> None:
    """One alert fires, a second joins its group, the first resolves; the API tells times in fewer digits."""
    recorded = json.loads(RECORDED.read_text())

    receipts = [daemon.post_raw(json.dumps(body).encode()).json() for body in recorded["webhooks"]]
    daemon.world.alerts = recorded["api"]
    before = daemon.world.asked
    until("a reading", lambda: daemon.world.asked > before + 1, deadline_s=30, interval_s=0.02)
    daemon.world.alerts = []

    assert [(r["accepted"], r["duplicates"], r["quarantined"]) for r in receipts] == [
        (1, 0, 0),
        (1, 1, 0),
        (1, 1, 0),
    ]
    [shown] = recorded["api"]
    assert daemon.stored(shown["fingerprint"]) == 1


def test_an_alert_with_no_deployment_behind_it_is_decided_and_explained(daemon: Any, alert: Alert) -> None:
    daemon.deliver(alert("lonely", service="lonely"))

    [found] = until("a decision", lambda: daemon.decisions("lonely"), deadline_s=30, interval_s=0.02)

    assert (found["verdict"], found["reason"]) == ("ignore", "no_deployment_in_window")
    assert found["alert"]["fingerprint"] == "lonely"
    assert daemon.ask(f"/decisions/{found['id']}") == {**found, "followers": 0}
    assert {"guard", "passed", "reason", "evidence"} == set(found["guards"][0])


def test_a_bad_release_is_rolled_back_with_every_step_on_record(daemon: Any, alert: Alert) -> None:
    daemon.deploy("1.0.0", service="whole")
    daemon.good("1.0.0", service="whole")
    daemon.deploy("2.0.0", service="whole")

    daemon.deliver(alert("whole", service="whole"))
    ended = until("the end", lambda: ended_rollback(daemon, "whole"), deadline_s=15, interval_s=0.05)

    assert (ended["phase"], ended["from_version"], ended["to_version"]) == ("succeeded", "2.0.0", "1.0.0")
    assert ended["verification"]["verdict"] == "fixed"
    steps = [(s["host"], s["step"], s["status"]) for s in ended["steps"]]
    assert steps == [("all", "gate", "open"), ("app1", "host", "done")]
    kinds = [entry["kind"] for entry in daemon.ledger("whole")]
    assert kinds[kinds.index("webhook_received") :] == [
        "webhook_received",
        "decided",
        "rollback_started",
        "host_step",
        "host_step",
        "restored",
        "release_marked",
        "verified",
        "rollback_finished",
    ]
    stages = daemon.ask(f"/rollbacks/{ended['id']}")["stages"]
    assert 0 <= stages["received"] <= stages["decided"] <= stages["started"] <= stages["hosts"]["app1"]
    assert stages["hosts"]["app1"] <= stages["restored"] <= stages["verified"] <= stages["finished"]
    service = daemon.ask("/status")["services"]["whole"]
    assert (service["current"]["version"], service["rejected"]) == ("1.0.0", ["2.0.0"])


def ended_rollback(daemon: Any, service: str) -> Any:
    found = daemon.ask(f"/rollbacks?service={service}")["rollbacks"]
    return found[0] if found and found[0]["finished_at"] else None


def test_a_rejected_version_is_409_with_the_reason_until_somebody_overrides(daemon: Any) -> None:
    body = {"service": "whole", "version": "2.0.0", "hosts": ["app1"], "rollback_safe": True}

    refused = daemon.post("/deployments", body)
    allowed = daemon.post("/deployments", {**body, "override": True})

    assert (refused.status_code, refused.json()["reason"]) == (409, "version_rejected")
    assert "override=true" in refused.json()["error"]
    assert allowed.status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [{"version": "1; rm -rf /"}, {"version": "$(id)"}, {"hosts": []}, {"service": "../x"}, {"extra": 1}],
    ids=str,
)
def test_a_deployment_that_makes_no_sense_is_refused(daemon: Any, wrong: Any) -> None:
    body = {"service": "s", "version": "1", "hosts": ["a"], "rollback_safe": True}

    assert daemon.post("/deployments", {**body, **wrong}).status_code == 422


@pytest.mark.parametrize("number", ["0", "-1", "9223372036854775808", "9" * 30, "9" * 5000, "x", "1.5"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/decisions/{}"),
        ("GET", "/rollbacks/{}"),
        ("GET", "/ledger?after={}x"),
        ("POST", "/deployments/{}/finish"),
        ("POST", "/proposals/{}/approve"),
        ("POST", "/proposals/{}/reject"),
        ("POST", "/rollbacks/{}/acknowledge"),
    ],
)
def test_a_number_that_no_record_can_have_is_refused_in_words(
    daemon: Any, method: str, path: str, number: str
) -> None:
    bodies = {"finish": {"outcome": "live"}}
    body = bodies.get(path.rsplit("/", 1)[1], {"by": "ann"})

    answer = daemon.request(method, path.format(number), body)

    assert answer.status_code in (404, 422)
    assert answer.json()["error"]


@pytest.mark.parametrize("number", ["99999", str(2**63 - 1)])
def test_a_record_that_does_not_exist_is_404(daemon: Any, number: str) -> None:
    for path in (f"/decisions/{number}", f"/rollbacks/{number}"):
        answer = daemon.request("GET", path)
        assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")


POSTED = [
    "/trigger",
    "/test",
    "/deployments",
    "/deployments/1/finish",
    "/rollbacks",
    "/rollbacks/1/acknowledge",
    "/proposals/1/approve",
    "/proposals/1/reject",
    "/freezes",
    "/breakers/shop/close",
    "/releases/shop/1/mark",
]


def test_every_route_that_takes_a_body_is_tried_here(daemon: Any) -> None:
    paths = daemon.get("/openapi.json", auth=None).json()["paths"]
    described = {path.removeprefix("/api/admin/rollback") for path, ways in paths.items() if "post" in ways}

    assert len(described) == len(POSTED) - 1, "the trigger is not described"


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize("header", [None, "Basic \xff\xfe", "Basic eA==", "Bearer x"])
def test_without_the_right_credentials_no_body_is_read(daemon: Any, path: str, header: str | None) -> None:
    """The answer comes before the body: of 64 MB only what the network holds is ever sent."""
    sent = 0
    with socket.create_connection(("127.0.0.1", daemon.settings["listen_port"]), timeout=30) as connection:
        head = f"POST /api/admin/rollback{path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        head += f"Authorization: {header}\r\n" if header else ""
        connection.sendall(head.encode("latin-1") + b"Content-Type: application/json\r\n\r\n")
        answer = connection.recv(65536)
        connection.settimeout(0.2)
        chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
        with contextlib.suppress(OSError):
            while sent < 64:
                connection.sendall(chunk)
                sent += 1

    assert answer.split()[1] == b"401"


def test_a_body_over_the_limit_is_refused_on_every_route(daemon: Any) -> None:
    large = b"x" * (daemon.settings["body_limit"] + 1)

    answers = {path: daemon.request("POST", path, data=large).status_code for path in POSTED[1:]}

    assert set(answers.values()) == {413}


def test_what_no_route_takes_is_said_in_words(daemon: Any) -> None:
    wrong = daemon.request("GET", "/nothing")
    method = daemon.request("DELETE", "/status")
    field = daemon.request("POST", "/freezes", {"reason": "x", "by": "ann", "minutes": 1, "extra": 1})

    assert (wrong.status_code, method.status_code, field.status_code) == (404, 405, 422)
    assert "/openapi.json" in wrong.json()["error"]
    assert "does not take that method" in method.json()["error"]
    assert "extra: there is no such field" in field.json()["error"]


def test_another_environment_is_409_with_its_reason(daemon: Any) -> None:
    body = {"service": "s", "version": "1", "hosts": ["a"], "rollback_safe": True, "environment": "staging"}

    answer = daemon.post("/deployments", body)

    assert (answer.status_code, answer.json()["reason"]) == (409, "other_environment")


def test_a_deployment_ends_once(daemon: Any) -> None:
    number = daemon.deploy("1.0.0", service="once")

    again = daemon.post(f"/deployments/{number}/finish", {"outcome": "live"})

    assert (again.status_code, again.json()["reason"]) == (409, "deployment_closed")
    assert daemon.post("/deployments/9999/finish", {"outcome": "live"}).status_code == 404


@pytest.mark.parametrize("as_form", [True, False])
def test_the_preview_says_what_would_happen_and_changes_nothing(daemon: Any, as_form: bool) -> None:
    labels = {"rollback": "auto", "rollback_trigger": "error_rate_threshold"}
    daemon.world.rules = [*daemon.world.rules, {"name": "Named", "labels": labels, "annotations": {}}]
    fields = {"alert_name": "Named", "service": "nobody"}
    before = len(daemon.ledger())

    answer = daemon.post("/test", None, data=fields) if as_form else daemon.post("/test", fields)

    assert answer.status_code == 200
    assert answer.json()["reason"] == "no_deployment_in_window"
    assert answer.json()["trigger"] == "error_rate_threshold"
    assert len(daemon.ledger()) == before


def test_an_unknown_alert_name_is_an_unknown_trigger(daemon: Any) -> None:
    preview = daemon.post("/test", {"alert_name": "Nothing", "service": "x"}).json()

    assert preview["reason"] == "unknown_trigger"


def test_what_is_open_is_open_and_described(daemon: Any) -> None:
    assert daemon.get("/health/live", auth=None).status_code == 200
    assert daemon.get("/health/ready", auth=None).json()["status"] == "ready"
    assert "mita_rollback_total" in daemon.get("/metrics", auth=None).text
    paths = daemon.get("/openapi.json", auth=None).json()["paths"]
    assert "/api/admin/rollback/decisions/{decision_id}" in paths


def test_an_alert_that_nobody_delivered_is_found_in_alertmanager(daemon: Any, alert: Alert) -> None:
    quiet = {**alert("quiet", service="quiet"), "status": {"state": "active"}}
    daemon.world.alerts = [quiet]

    until("the alert", lambda: daemon.decisions("quiet"), deadline_s=30, interval_s=0.05)

    daemon.world.alerts = []
    assert [entry["kind"] for entry in daemon.ledger("quiet")] == ["alert_seen", "decided"]


def test_a_time_before_time_is_set_aside_and_a_thousand_others_are_read(daemon: Any, alert: Alert) -> None:
    odd = {**alert("odd", service="odd"), "startsAt": "0001-01-01T00:00:00+05:00"}
    many = [alert(f"listed-{n}", service="listed") for n in range(999)]
    daemon.world.alerts = [{**one, "status": {"state": "active"}} for one in (odd, *many)]

    def read() -> bool:
        return bool(daemon.stored("listed-0") and daemon.stored("listed-998"))

    until("the alerts to be read", read, deadline_s=15, interval_s=0.05)
    delivered = daemon.deliver(odd, *(alert(f"sent-{n}", service="sent") for n in range(999)))
    before = daemon.world.asked
    until("another reading", lambda: daemon.world.asked > before + 1, deadline_s=15, interval_s=0.05)
    daemon.world.alerts = []

    assert (delivered.status_code, delivered.json()["accepted"]) == (202, 999)
    assert daemon.stored("odd") == 0
    assert daemon.metric('mita_rollback_source_up{source="alertmanager"}') == 1
    assert daemon.get("/health/ready").status_code == 200


def test_an_alertmanager_that_fails_is_counted_and_survived(daemon: Any) -> None:
    name = 'mita_rollback_source_failures_total{source="alertmanager"}'
    before = daemon.metric(name)
    daemon.world.status["alertmanager"] = 500

    until("a counted failure", lambda: daemon.metric(name) > before, deadline_s=30, interval_s=0.05)

    assert daemon.metric('mita_rollback_source_up{source="alertmanager"}') == 0
    assert daemon.get("/health/ready").status_code == 200
    daemon.world.status.clear()


def test_the_heartbeat_sets_its_time(daemon: Any, alert: Alert) -> None:
    daemon.deliver(alert("beat", rollback="heartbeat"))

    age = datetime.now(UTC).timestamp() - daemon.metric("mita_rollback_last_watchdog_timestamp_seconds")
    assert 0 <= age < 20
    assert daemon.stored("beat") == 0


def test_people_are_told_of_every_stage(daemon: Any) -> None:
    wanted = [
        "Rolling back whole (production) 2.0.0 to 1.0.0",
        "app1 of whole (production) runs 1.0.0",
        "whole (production) 1.0.0 is live again, measuring",
        "whole (production) is measured healthy again after going back from 2.0.0 to 1.0.0",
    ]

    def told() -> bool:
        return set(wanted) <= {message["text"].splitlines()[0] for message in daemon.world.slack}

    until("every message", told, deadline_s=30, interval_s=0.05)
    assert all(m["channel"] == "#mita-deployments" for m in daemon.world.slack)


def test_no_secret_is_in_the_log(daemon: Any) -> None:
    said = daemon.said()

    assert "webhook_stored" in said
    assert not [secret for secret in ("hook-secret", "admin-secret", "planted-slack") if secret in said]


def test_an_alert_from_before_the_deployment_does_not_roll_it_back(daemon: Any, alert: Alert) -> None:
    began = datetime.now(UTC) - timedelta(seconds=2)
    daemon.deploy("1.0.0", service="before")
    daemon.deploy("2.0.0", service="before")

    daemon.deliver(alert("before", service="before", at=began))
    [found] = until("a decision", lambda: daemon.decisions("before"), deadline_s=30, interval_s=0.02)

    assert found["reason"] == "alert_before_deployment"


def test_a_storm_of_alerts_is_one_rollback(daemon: Any, alert: Alert) -> None:
    daemon.deploy("1.0.0", service="storm")
    daemon.good("1.0.0", service="storm")
    daemon.deploy("2.0.0", service="storm")
    alerts = [alert(f"storm-{n}", service="storm") for n in range(100)]

    for _ in range(3):
        assert daemon.deliver(*alerts).status_code == 202

    def settled() -> bool:
        return sum(int(decision["alerts"]) for decision in daemon.decisions("storm")) >= 100

    until("all decided", settled, deadline_s=30, interval_s=0.1)

    assert len(daemon.ask("/rollbacks?service=storm")["rollbacks"]) == 1
    [accepted] = [d for d in daemon.decisions("storm") if d["verdict"] == "roll_back"]
    assert daemon.ask(f"/decisions/{accepted['id']}")["followers"] == 99
    assert len(daemon.decisions("storm")) < 10, "records of a storm are few"


def test_a_thousand_alerts_fit(daemon: Any, alert: Alert) -> None:
    alerts = [alert(f"thousand-{n}", filler="x" * 800) for n in range(1000)]
    assert len(body(*alerts)) > 1_130_000

    assert daemon.deliver(*alerts).json()["accepted"] == 1000
