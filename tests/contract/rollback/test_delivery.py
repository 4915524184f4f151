"""What delivery loses or doubles, against a real Alertmanager: each alert is stored once, and decided.

The cases carry the letters under which they were measured. They spend their time waiting, so all of them are
played at once; each test then says what became of one.
"""

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from benchmarks import server
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Alertmanager as Client
from monitoring.yaml_text import read_yaml

MONITORING = Path(__file__).resolve().parents[3] / "monitoring"
LONG_S, SHORT_S = 60.0, 0.05
INTERVAL_S = 2
INTERVAL = f"{INTERVAL_S}s"
LABELS = {
    "alertname": "Anything",
    "service": "shop",
    "env": "production",
    "rollback": "auto",
    "rollback_trigger": "error_rate_threshold",
}
PASS, GONE, HANG = 0, -1, -2
AT_ONCE, LATER = "tried again at once", "tried once in each group interval"
RETRIES = {
    500: AT_ONCE,
    503: AT_ONCE,
    GONE: AT_ONCE,
    400: LATER,
    401: LATER,
    404: LATER,
    429: LATER,
    302: LATER,  # as the shipped receiver has it: a redirect is not followed
    HANG: LATER,
}
"""What Alertmanager does after each answer; hence 503, never 429 or 4xx, while the daemon cannot take it."""
TABLE_INTERVAL, WRONG_S = "10s", 6.0


def route_of(interval: str, **changes: Any) -> dict[str, Any]:
    """The shipped route to the daemon, faster, and never repeating what was delivered."""
    shipped = read_yaml((MONITORING / "alertmanager.yml").read_text())
    [route] = [r for r in shipped["route"]["routes"] if r["receiver"] == "rollback"]
    return {**route, "continue": False, "group_interval": interval, "repeat_interval": "4h", **changes}


def config_of(door: str, route: dict[str, Any], **http: Any) -> str:
    """Alertmanager's configuration with the shipped receiver of the daemon, posting to *door*."""
    shipped = read_yaml((MONITORING / "alertmanager.yml").read_text())
    [receiver] = [r for r in shipped["receivers"] if r["name"] == "rollback"]
    [hook] = receiver["webhook_configs"]
    login = {"username": "alertmanager", "password": "hook-secret"}
    options = {**hook["http_config"], "basic_auth": login, **http}
    hook |= {"url": f"{door}/api/admin/rollback/trigger", "http_config": options}
    whole = {"receiver": "nobody", "routes": [route]}
    return yaml.safe_dump({"route": whole, "receivers": [{"name": "nobody"}, receiver]})


class Alertmanager:
    """One real Alertmanager, in a folder that outlives its process."""

    def __init__(self, folder: Path, config: str) -> None:
        folder.mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        self.client = Client(f"http://127.0.0.1:{self.port}")
        (folder / "alertmanager.yml").write_text(config)
        self.start()

    def start(self) -> None:
        argv = [
            str(tool("alertmanager")),
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, stdout=log, stderr=subprocess.STDOUT, cwd=Path(argv[0]).parent
            )
        until(
            "Alertmanager to be ready",
            lambda: self.client.ready("/-/ready"),
            deadline_s=LONG_S,
            interval_s=SHORT_S,
            explain=(self.folder / "log").read_text,
        )

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(LONG_S)

    def tell(self, began: datetime, over: datetime | None = None, **labels: str) -> None:
        """What Prometheus sends: the alert began then, and is over since then or still fires."""
        ends = over or datetime.now(UTC) + timedelta(minutes=4)
        alert = {"labels": LABELS | labels, "startsAt": began.isoformat(), "endsAt": ends.isoformat()}
        requests.post(f"{self.client.base}/api/v2/alerts", json=[alert], timeout=30).raise_for_status()

    def knows(self, began: datetime | None = None) -> bool:
        """Whether it holds an alert, or the one that began then, as active."""
        starts = [datetime.fromisoformat(a["startsAt"]) for a in self.client.alerts()]
        return any(began is None or _same(one, began) for one in starts)


@dataclass
class Attempt:
    """One request that came to the door, and the answer it got; `episodes` are (startsAt, status)."""

    at: float
    method: str
    answer: int
    episodes: list[tuple[datetime, str]]


class Door:
    """Stands before the daemon: passes on what comes, or misbehaves, and remembers every request."""

    def __init__(self, behind: Callable[[], str], behaviour: int = PASS) -> None:
        self.behind, self.behaviour = behind, behaviour
        self.attempts: list[Attempt] = []
        self.trouble = 0
        self.closing = threading.Event()
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                alerts = json.loads(body)["alerts"]
                episodes = [(datetime.fromisoformat(a["startsAt"]), a["status"]) for a in alerts]
                attempt = Attempt(time.monotonic(), "POST", door.behaviour, episodes)
                door.attempts.append(attempt)
                if attempt.answer == HANG:
                    door.closing.wait(LONG_S)
                if attempt.answer == PASS:
                    attempt.answer = door.passed_on(self.path, body, self.headers["authorization"])
                self.reply(attempt.answer)

            def do_GET(self) -> None:
                if self.path != "/metrics":
                    door.attempts.append(Attempt(time.monotonic(), "GET", 200, []))
                self.reply(200, f"trouble {door.trouble}\n".encode())

            def reply(self, status: int, body: bytes = b"") -> None:
                if status < 200:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def passed_on(self, path: str, body: bytes, authorization: str) -> int:
        try:
            headers = {"authorization": authorization}
            return requests.post(self.behind() + path, data=body, headers=headers, timeout=15).status_code
        except requests.RequestException:
            return GONE

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def delivered(self, began: datetime, status: str = "firing") -> int:
        """How often the daemon answered 2xx to this episode in this state."""
        return sum(
            a.answer // 100 == 2 and any(_same(b, began) and s == status for b, s in a.episodes)
            for a in self.attempts
        )


@dataclass
class Site:
    """A daemon, a door before it, and Alertmanagers that post to the door and that the daemon reads."""

    folder: Path
    daemon: Any
    door: Door
    stack: ExitStack
    alertmanagers: list[Alertmanager] = field(default_factory=list)

    @property
    def am(self) -> Alertmanager:
        return self.alertmanagers[0]

    def add(
        self, interval: str = INTERVAL, *, route: dict[str, Any] | None = None, **http: Any
    ) -> Alertmanager:
        config = config_of(self.door.url, route or route_of(interval), **http)
        made = Alertmanager(self.folder / f"am{len(self.alertmanagers)}", config)
        self.stack.callback(made.end)
        self.alertmanagers.append(made)
        return made

    def start_again(self, **settings: Any) -> None:
        """On another port: any connection may have been given the former one meanwhile."""
        self.daemon.configure(listen_port=free_port(), **settings).start()

    def rows(self, began: datetime | None = None) -> list[tuple[str, str]]:
        """(source, state) of each stored firing episode, or of the one that began then."""
        connection = sqlite3.connect(self.daemon.settings["database"])
        try:
            found = connection.execute("SELECT starts_at, source, state FROM inbox WHERE status = 'firing'")
            return [
                (source, state)
                for starts, source, state in found
                if began is None or _same(datetime.fromisoformat(starts), began)
            ]
        finally:
            connection.close()

    def until_decided(self, began: datetime) -> str:
        """Wait until the episode is stored and decided; it is there once. Return how it came."""

        def decided() -> bool:
            return [state for _, state in self.rows(began)] == ["decided"]

        self.until("the alert to be stored once and decided", decided)
        found = [d for d in self.daemon.decisions("shop") if _same(_moment(d), began)]
        assert len(found) <= 1  # none of its own where it was decided together with others
        return self.rows(began)[0][0]

    def until_flushed(self) -> None:
        """Until every group has been looked at twice."""
        over = time.monotonic() + 2.5 * INTERVAL_S
        self.until("two flushes", lambda: time.monotonic() > over)

    def until(self, what: str, condition: Callable[[], Any]) -> None:
        def explain() -> str:
            log = (self.am.folder / "log").read_text()[-1500:] if self.alertmanagers else ""
            return f"{self.door.attempts}\n{log}\n{self.daemon.said()[-3000:]}"

        until(what, condition, deadline_s=LONG_S, interval_s=SHORT_S, explain=explain)


Running = Callable[..., Any]


@contextmanager
def site(folder: Path, running: Running, *, reads: bool = True, **http: Any) -> Iterator[Site]:
    """A daemon with nothing wrong yet; it reads the first Alertmanager too, or has none and reads none."""
    with ExitStack() as stack:
        door = Door(lambda: str(made.daemon.url))
        stack.callback(door.close)
        made = Site(folder, None, door, stack)
        address = made.add(**http).client.base if reads else ""
        made.daemon = stack.enter_context(running(folder, alertmanager_url=address))
        yield made


def _same(one: datetime, other: datetime) -> bool:
    """The daemon keeps milliseconds."""
    return abs(one - other) < timedelta(milliseconds=1)


def _moment(decision: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(decision["alert"]["starts_at"])


def now() -> datetime:
    return datetime.now(UTC)


# --- the cases


def away_and_over(folder: Path, running: Running) -> None:
    """A. It fires and ends while the daemon is away: never delivered; Prometheus remembers it."""
    with site(folder, running) as here, ExitStack() as programs:
        here.until("the daemon's first look", lambda: _marked(here))
        here.daemon.end()
        prometheus = programs.enter_context(server.running(prometheus_config(here)))
        known = "/api/v1/alertmanagers"
        here.until(
            "Prometheus to know whom to tell",
            lambda: prometheus.client.ask("GET", known)["data"]["activeAlertmanagers"],
        )
        here.door.trouble = 1
        here.until("the alert in Alertmanager", here.am.knows)
        here.until("an attempt in vain", lambda: here.door.attempts)
        here.door.trouble = 0
        here.until("the alert to be over", lambda: not here.am.knows())
        log = here.am.folder / "log"
        here.until("the last attempt", lambda: "Notify for alerts failed" in log.read_text())
        here.start_again(prometheus_url=prometheus.client.base)
        here.until("the daemon to have seen it", lambda: _seen(here))
        [seen] = _seen(here)
        assert (seen["alertname"], seen["source"]) == ("Anything", "prometheus")
        quiet = len(here.door.attempts)
        here.until_flushed()
        assert [a.answer for a in here.door.attempts[quiet:] if a.answer == 202] == []
        assert here.rows() == []


def prometheus_config(here: Site) -> str:
    """An alert that fires while the door says that there is trouble, told to the site's Alertmanager."""
    labels = {name: value for name, value in LABELS.items() if name != "alertname"}
    rule = {"alert": LABELS["alertname"], "expr": "last_over_time(trouble[1m]) == 1", "labels": labels}
    (here.folder / "rules.yml").write_text(server.dump([{"name": "a", "rules": [rule]}]))
    pace = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "200ms"}
    door, alertmanager = (
        {"static_configs": [{"targets": [url.removeprefix("http://")]}]}
        for url in (here.door.url, here.am.client.base)
    )
    whole = {
        "global": pace,
        "rule_files": [str(here.folder / "rules.yml")],
        "scrape_configs": [{"job_name": "door", **door}],
        "alerting": {"alertmanagers": [alertmanager]},
    }
    return json.dumps(whole)


def _marked(here: Site) -> bool:
    connection = sqlite3.connect(here.daemon.settings["database"])
    try:
        return bool(connection.execute("SELECT 1 FROM marks WHERE name = 'alive'").fetchone())
    finally:
        connection.close()


def _seen(here: Site) -> list[Any]:
    found = [entry for entry in here.daemon.ledger() if entry["kind"] == "alert_seen"]
    return [entry for entry in found if entry["source"] == "prometheus"]


def away_and_firing(folder: Path, running: Running) -> None:
    """B. It still fires when the daemon is back: delivered late, or read."""
    with site(folder, running) as here:
        here.daemon.end()
        began = now()
        here.am.tell(began)
        here.until("three attempts in vain", lambda: len(here.door.attempts) >= 3)
        here.start_again()
        here.until_decided(began)
        here.until("the delivery", lambda: here.door.delivered(began))
        assert len(here.rows(began)) == 1


def joined_late(folder: Path, running: Running) -> None:
    """C. A second one joins a group that was notified: delivered at the next flush, read before."""
    with site(folder, running) as here:
        first = now()
        here.am.tell(first, instance="a")
        here.until_decided(first)
        second = now()
        here.am.tell(second, instance="b")
        assert here.until_decided(second) == "reconcile"
        here.until("the delivery", lambda: here.door.delivered(second))
        assert len(here.rows()) == 2


def alertmanager_killed(folder: Path, running: Running) -> None:
    """D. Killed after it delivered, it forgets that and delivers again."""
    with site(folder, running) as here:
        began = now()
        here.am.tell(began)
        here.until("the delivery", lambda: here.door.delivered(began))
        here.am.end(signal.SIGKILL)
        here.am.start()
        here.am.tell(began)
        here.until("the duplicate", lambda: here.door.delivered(began) == 2)
        here.until_decided(began)


def alertmanager_restarted(folder: Path, running: Running) -> None:
    """E. Stopped in good order, it remembers."""
    with site(folder, running) as here:
        began = now()
        here.am.tell(began)
        here.until("the delivery", lambda: here.door.delivered(began))
        here.am.end(signal.SIGTERM)
        here.am.start()
        here.am.tell(began)
        later = now()
        here.am.tell(later, alertname="Another")
        here.until("a later alert to come", lambda: here.door.delivered(later))
        assert here.door.delivered(began) == 1
        here.until_decided(began)


def again_within_an_interval(folder: Path, running: Running) -> None:
    """F. It fires, ends and fires again inside one group interval: the second is never delivered."""
    with site(folder, running) as here:
        first, second = _twice(here)
        assert here.until_decided(first) in ("webhook", "reconcile")
        assert here.until_decided(second) == "reconcile"
        here.until_flushed()
        assert here.door.delivered(second) == 0


def again_in_another_group(folder: Path, running: Running) -> None:
    """F2. The same, but the second belongs to another group: delivered at once."""
    with site(folder, running, reads=False) as here:
        grouped = route_of(INTERVAL)
        here.add(route={**grouped, "group_by": [*grouped["group_by"], "version"]})
        _, second = _twice(here, version="2")
        assert here.until_decided(second) == "webhook"


def _twice(here: Site, version: str = "1") -> tuple[datetime, datetime]:
    """Two episodes of one alert; the first is delivered, and over before the next flush."""
    first = now()
    here.am.tell(first, version="1")
    here.until("the delivery", lambda: here.door.delivered(first))
    here.am.tell(first, over=now(), version="1")
    second = now()
    here.am.tell(second, version=version)
    return first, second


def silenced_by_a_person(folder: Path, running: Running) -> None:
    """L. A silence holds the webhook back: the daemon reads the alert itself, and says it is silenced."""
    with site(folder, running) as here:
        matcher = {"name": "alertname", "value": LABELS["alertname"], "isRegex": False, "isEqual": True}
        until_when = (now() + timedelta(hours=1)).isoformat()
        silence = {"matchers": [matcher], "startsAt": now().isoformat(), "endsAt": until_when}
        silence |= {"createdBy": "a person", "comment": "sleep"}
        here.am.client.ask("POST", "/api/v2/silences", json=silence)
        began = now()
        here.am.tell(began)
        assert here.until_decided(began) == "reconcile"
        here.until_flushed()
        assert here.door.delivered(began) == 0
        [decision] = here.daemon.decisions("shop")
        [authentic] = [one for one in decision["guards"] if "authentic" in one.values()]
        assert '"silenced": true' in json.dumps(authentic)


def redirected(folder: Path, running: Running) -> None:
    """G. A redirect that is followed comes as an empty GET and counts as delivered."""
    with site(folder, running, follow_redirects=True) as here:
        here.door.behaviour = 302
        began = now()
        here.am.tell(began)
        here.until("the redirect to be followed", lambda: any(a.method == "GET" for a in here.door.attempts))
        assert here.until_decided(began) == "reconcile"
        assert here.door.delivered(began) == 0


def both_gone(folder: Path, running: Running) -> None:
    """I. Alertmanager is killed while the daemon is away; Prometheus tells it again."""
    with site(folder, running) as here:
        here.daemon.end()
        began = now()
        here.am.tell(began)
        here.until("an attempt in vain", lambda: here.door.attempts)
        here.am.end(signal.SIGKILL)
        here.am.start()
        here.am.tell(began)
        here.start_again()
        here.until("the delivery", lambda: here.door.delivered(began))
        here.until_decided(began)


def database_locked(folder: Path, running: Running) -> None:
    """The daemon answers 503 for as long as it cannot store, and is asked again."""
    with site(folder, running, reads=False) as here:
        here.add(TABLE_INTERVAL)
        lock = sqlite3.connect(here.daemon.settings["database"], isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        began = now()
        here.am.tell(began)
        here.until("a refusal", lambda: [a.answer for a in here.door.attempts if a.answer == 503])
        lock.execute("ROLLBACK")
        lock.close()
        assert here.until_decided(began) == "webhook"


def twins(folder: Path, running: Running) -> None:
    """Two Alertmanagers that do not see each other both deliver what Prometheus tells both."""
    with site(folder, running) as here:
        other = here.add()
        began = now()
        for one in (here.am, other):
            one.tell(began)
        here.until("both deliveries", lambda: here.door.delivered(began) == 2)
        here.until_decided(began)
        assert len(here.rows()) == 1


def answered_wrongly(folder: Path, running: Running) -> None:
    """The retry table: after each wrong answer the alert comes again, at once or in the next interval."""
    with site(folder, running, reads=False) as here:
        doors, began = {}, {}
        for answer in RETRIES:
            here.door = doors[answer] = Door(here.door.behind, answer)
            here.stack.callback(here.door.close)
            here.add(TABLE_INTERVAL)
            began[answer] = now()
            here.alertmanagers[-1].tell(began[answer], instance=str(answer))
        found = {answer: _manner(here, door) for answer, door in doors.items()}
        assert found == RETRIES
        for answer, door in doors.items():
            door.behaviour = PASS
            assert here.until_decided(began[answer]) == "webhook"
            # At least once: an answer that comes later than the group interval is asked for again.
            here.until("the delivery", partial(door.delivered, began[answer]))
            assert len(here.rows(began[answer])) == 1


def _manner(here: Site, door: Door) -> str:
    """How Alertmanager tries again while the answer is wrong."""
    here.until("the first attempt", lambda: door.attempts)
    right = door.attempts[0].at + WRONG_S
    here.until("the end of the wrong answers", lambda: time.monotonic() > right)
    tried = len([a for a in door.attempts if a.at < right])
    return LATER if tried == 1 else AT_ONCE if tried >= 3 else f"tried {tried} times"


CASES: dict[str, Callable[[Path, Running], None]] = {
    "retry table": answered_wrongly,
    "A": away_and_over,
    "B": away_and_firing,
    "C": joined_late,
    "D": alertmanager_killed,
    "E": alertmanager_restarted,
    "F": again_within_an_interval,
    "F2": again_in_another_group,
    "G": redirected,
    "I": both_gone,
    "L": silenced_by_a_person,
    "locked": database_locked,
    "twins": twins,
}
AT_A_TIME = 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, running: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[None]]]:
    """Every case that is asked for, under way; the longest is the first."""
    items = [item for item in request.session.items if item.nodeid.startswith(request.node.nodeid)]
    asked = [name for name in CASES if any(item.name.endswith(f"[{name}]") for item in items)]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {n: pool.submit(CASES[n], tmp_path_factory.mktemp("site"), running) for n in asked}


@pytest.mark.parametrize("case", CASES)
def test_the_alert_is_stored_once_and_decided(case: str, played: dict[str, Future[None]]) -> None:
    played[case].result()
