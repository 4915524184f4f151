"""rollbackctl against the real daemon: what people command, and what programs get."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.wait import until
from rollback import cli, client

Alert = Callable[..., Any]


class Console:
    """A terminal on the daemon's host."""

    def __init__(self, daemon: Any, capsys: pytest.CaptureFixture[str]) -> None:
        self.daemon, self._capsys = daemon, capsys

    def types(self, line: str, code: int = 0) -> str:
        """What is printed; the exit code must be as said."""
        self._capsys.readouterr()
        found = cli.main(["--settings", str(self.daemon.file), *line.split()])
        said = self._capsys.readouterr()
        assert found == code, said
        return said.out + said.err

    def asks(self, line: str) -> Any:
        """The same for programs."""
        return json.loads(self.types(line + " --json"))

    def began(self, service: str) -> bool:
        return bool(self.asks(f"rollbacks --service {service}")["rollbacks"])

    def ended(self, service: str) -> Any:
        def found() -> Any:
            rollbacks = self.asks(f"rollbacks --service {service}")["rollbacks"]
            return rollbacks[0] if rollbacks and rollbacks[0]["finished_at"] else None

        return until("the end of the rollback", found, deadline_s=20, interval_s=0.05)

    def decided(self, service: str, reason: str) -> Any:
        def found() -> Any:
            return [d for d in self.daemon.decisions(service) if d["reason"] == reason]

        return until(f"a decision {reason}", found, deadline_s=20, interval_s=0.05)[0]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory, running: Callable[..., Any]) -> Iterator[Any]:
    triggers = {"error_rate_threshold": "auto", "database_error": "propose"}
    with running(tmp_path_factory.mktemp("daemon"), triggers=triggers) as found:
        yield found


@pytest.fixture
def console(process: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("SUDO_USER", "ann")
    return Console(process, capsys)


class Closed(io.StringIO):
    """A terminal at which somebody types Ctrl-D."""

    def isatty(self) -> bool:
        return True


def deployed(console: Console, service: str) -> None:
    """1.0.0 is good by a person's word, 2.0.0 is live."""
    console.daemon.deploy("1.0.0", service=service)
    console.types(f"mark good 1.0.0 --service {service}")
    console.daemon.deploy("2.0.0", service=service)


def test_a_proposal_is_approved_in_the_name_behind_sudo(console: Console, alert: Alert) -> None:
    deployed(console, "asked")
    console.daemon.deliver(alert("asked", service="asked", rollback_trigger="database_error"))
    number = console.decided("asked", "mode_propose")["id"]
    assert f"rollbackctl approve {number}" in console.types("status")
    assert "this trigger may only be proposed" in console.types("proposals")

    said = console.types(f"approve {number} --note seen")

    assert "begins: asked 2.0.0 -> 1.0.0" in said
    ended = console.ended("asked")
    assert (ended["phase"], ended["by"]) == ("succeeded", "ann")
    assert "decided by ann" in console.types(f"explain {ended['decision_id']}")
    assert "was approved by ann at" in console.types(f"reject {number}", code=3)


def test_an_approval_is_refused_when_the_alert_is_over(console: Console, alert: Alert) -> None:
    deployed(console, "over")
    console.daemon.deliver(alert("over", service="over", rollback_trigger="database_error"))
    number = console.decided("over", "mode_propose")["id"]
    fires, console.daemon.world.active = console.daemon.world.active, []

    refused = console.types(f"approve {number}", code=3)
    console.daemon.world.active = fires

    assert "Prometheus does not know the alert as firing now" in refused
    assert "is rejected: over stays on 2.0.0" in console.types(f"reject {number}")


def test_what_fires_during_a_freeze_is_decided_when_it_ends(console: Console, alert: Alert) -> None:
    deployed(console, "still")
    said = console.types("freeze still --for 2h --reason migration")
    assert "Automatic rollbacks of still are frozen until" in said
    assert console.daemon.metric('mita_rollback_frozen{application="still"}') == 1
    fires = alert("still", service="still")
    console.daemon.deliver(fires)
    console.decided("still", "frozen")
    assert "by ann: migration" in console.types("status")

    assert "happen again" in console.types("unfreeze still")
    # A held alert is decided again when it is seen again, at most once per half of the reconcile interval.
    until("the rollback", lambda: console.daemon.deliver(fires) and console.began("still"), deadline_s=20)
    console.ended("still")

    assert console.daemon.metric('mita_rollback_frozen{application="still"}') == 0
    assert "not frozen" in console.types("unfreeze still", code=3)


def test_a_freeze_of_all_services_is_one_command(console: Console) -> None:
    console.types("freeze --for 30m --reason move --by bob")

    [found] = console.daemon.ask("/freezes")["freezes"]
    assert (found["service"], found["by"]) == (None, "bob")
    assert "FROZEN       all services" in console.types("status")
    console.types("unfreeze")
    assert console.daemon.ask("/freezes")["freezes"] == []


def test_a_rollback_by_hand_says_what_it_will_do_and_does_that(console: Console) -> None:
    deployed(console, "hand")
    assert "This will bring app1 of hand (production) from 2.0.0 to 1.0.0." in console.types(
        "rollback hand --dry-run"
    )
    assert "give --yes" in console.types("rollback hand", code=1)
    assert console.asks("rollbacks --service hand")["rollbacks"] == []

    said = console.types("rollback hand --yes --reason slow")

    assert "begins: hand 2.0.0 -> 1.0.0" in said
    ended = console.ended("hand")
    assert (ended["phase"], ended["by"]) == ("succeeded", "ann")
    refused = console.types("rollback hand --yes", code=3)
    assert "1.0.0 was itself gone back to, by rollback" in refused
    assert "  - The last rollback was" in refused


def test_a_dry_run_is_200_and_a_rollback_201_with_a_number_to_follow(console: Console) -> None:
    deployed(console, "poll")
    body = {"service": "poll", "reason": "slow", "by": "ann"}

    plan = console.daemon.post("/rollbacks", {**body, "dry_run": True})
    begun = console.daemon.post("/rollbacks", body)
    again = console.daemon.post("/rollbacks", body)

    assert (plan.status_code, begun.status_code) == (200, 201)
    assert plan.json()["to_version"] == begun.json()["to_version"] == "1.0.0"
    assert console.daemon.rollback(begun.json()["id"])["phase"]
    assert again.status_code == 409
    assert again.json()["reason"] in ("rollback_in_progress", "release_was_restored")
    assert again.json()["known"]
    console.ended("poll")


def test_an_acknowledgement_ends_the_page(console: Console, alert: Alert) -> None:
    deployed(console, "left")
    console.daemon.world.samples = [{"metric": {}, "value": [0, "0"]}]
    console.daemon.deliver(alert("left", service="left"))
    ended = console.ended("left")
    console.daemon.world.samples = [{"metric": {}, "value": [0, "1"]}]
    name = 'mita_rollback_unresolved{application="left",state="unverified"}'
    assert (ended["phase"], console.daemon.metric(name)) == ("unverified", 1)
    assert console.daemon.metric('mita_rollback_breaker_open{application="left",cause="fruitless"}') == 1

    assert "acknowledged by ann" in console.types(f"acknowledge {ended['id']}")
    assert "happen again" in console.types("breaker close left --note looked")

    assert console.daemon.metric(name) == 0
    assert console.daemon.metric('mita_rollback_breaker_open{application="left",cause="fruitless"}') == 0
    assert "is not open" in console.types("breaker close left", code=3)


def test_the_service_may_only_be_left_out_when_there_is_one(console: Console) -> None:
    deployed(console, "first")
    deployed(console, "second")

    refused = console.types("mark bad 1.0.0", code=1)

    assert "name the service: there is not exactly one" in refused


def test_without_a_name_nothing_is_commanded(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUDO_USER", "USER", "LOGNAME"):
        monkeypatch.delenv(name, raising=False)

    assert "give --by NAME" in console.types("unfreeze", code=1)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("decisions --service shpo", 0, "No decision yet of shpo"),
        ("rollbacks --service shpo", 0, "Nothing of shpo has been rolled back"),
        ("freeze --for 999d --reason x", 3, "less than or equal to 527040, found 1438560"),
        ("explain 0", 3, "decision_id: Input should be greater than or equal to 1, found '0'"),
        ("approve 999", 3, "There is no proposal 999; see: rollbackctl proposals"),
        ("acknowledge 999", 3, "There is no rollback 999; see: rollbackctl rollbacks"),
        (
            "mark good 9.9.9 --service wrong",
            3,
            "no release 9.9.9 of wrong in production; known: 1.0.0, 2.0.0.",
        ),
        ("--ca-file /nope --url https://127.0.0.1:1 status", 1, "expected a certificate at /nope"),
        (
            "--url localhost:8000 status",
            1,
            "expected an address as http://monitor:8000, found localhost:8000",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(console: Console, line: str, code: int, words: str) -> None:
    deployed(console, "wrong")

    assert words in console.types(line, code=code)


@pytest.mark.parametrize(
    ("listens", "asked"),
    [
        ("0.0.0.0", "http://localhost:8000"),  # noqa: S104
        ("::", "http://localhost:8000"),
        ("127.0.0.1", "http://localhost:8000"),
        ("monitor", "http://monitor:8000"),
        ("192.0.2.1", "http://192.0.2.1:8000"),
        ("2001:db8::1", "http://[2001:db8::1]:8000"),
    ],
)
def test_the_daemon_is_asked_where_its_settings_say_that_it_listens(
    tmp_path: Path, listens: str, asked: str
) -> None:
    (tmp_path / "secret").write_text("a long enough secret", encoding="utf-8")
    (tmp_path / "settings.yml").write_text(
        f"listen_address: '{listens}'\nadmin_secret_file: secret\n", encoding="utf-8"
    )

    assert client.connect(tmp_path / "settings.yml", client.Access()).url == asked


def test_a_secret_that_is_no_text_is_said_in_a_sentence(console: Console, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff")

    assert "expected the account's secret" in console.types(f"--secret-file {tmp_path}/secret status", code=1)


def test_no_answer_to_the_question_is_no(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(console, "silent")
    monkeypatch.setattr("sys.stdin", Closed())

    assert "nothing was done" in console.types("rollback silent", code=1)


def test_status_comes_at_once_without_prometheus(console: Console) -> None:
    deployed(console, "dark")
    console.daemon.world.status["prometheus"] = 500

    found = console.asks("status")
    page = console.types("status")
    console.daemon.world.status.clear()

    assert found["services"]["dark"]["would"]["reason"] == "blind"
    assert "BLIND        prometheus does not answer" in page
    assert max(map(len, page.splitlines())) <= 100


def test_a_ledger_without_entries_says_so(daemon: Any, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.configure(alertmanager_url="").start()
    said = Console(daemon, capsys).types("ledger")

    assert said.strip() == "Nothing has happened yet."


@pytest.mark.parametrize("command", ["status", "decisions", "rollbacks", "proposals", "ledger"])
def test_every_list_is_there_for_programs(console: Console, command: str) -> None:
    deployed(console, "listed")
    lines = console.types(f"{command} --json")

    assert json.loads(lines) if command != "ledger" else [json.loads(line) for line in lines.splitlines()]
