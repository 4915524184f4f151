"""Deployments and rollbacks on two hosts, from the first release to one that does not start."""

import io
import json
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from devtools.paths import REPO
from devtools.playbook import Run, run_playbook
from devtools.system import run as run_program
from devtools.wait import until
from harness.release.build import build
from harness.scratch.certificates import self_signed
from harness.scratch.host import Scratch, scratch_host
from monitoring.yaml_text import read_yaml
from tests.roles.visitors import Visitors

pytestmark = pytest.mark.lab
PASSWORD = "planted-password-of-the-lab"
ROOT = "/opt/mita-backend"
ASK_VERSION = "curl --fail --silent http://127.0.0.1:8080/version"
ASK_READY = "curl --fail --silent http://127.0.0.1:8080/health/ready"


@dataclass
class Daemon:
    """The rollback daemon's part in a deployment, as its contract has it; it remembers what it was told."""

    url: str = ""
    status: int = 201
    answer: Mapping[str, Any] = field(default_factory=lambda: {"id": 7})
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    rollback: Mapping[str, Any] = field(default_factory=dict)  # what it says of a rollback by hand, later


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    state = Daemon()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.told.append((self.path.removeprefix("/api/admin/rollback/"), body))
            if self.path.endswith("/finish"):
                self.say(200, {})
            else:
                self.say(200 if body.get("dry_run") and state.status == 201 else state.status, state.answer)

        def do_GET(self) -> None:
            self.say(200, state.rollback)

        def say(self, status: int, answer: Mapping[str, Any]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(dict(answer)).encode())

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()


@dataclass(frozen=True)
class Rehearsed:
    """What the rollback daemon sees of a playbook that it runs: the exit code and the steps."""

    returncode: int
    output: str
    steps: list[dict[str, str]]

    def of(self, step: str) -> dict[str, list[str]]:
        """The statuses of one step, by host."""
        found: dict[str, list[str]] = {}
        for line in self.steps:
            if line["step"] == step:
                found.setdefault(line["host"], []).append(line["status"])
        return found

    def detail(self, host: str, status: str) -> str:
        """What was said with a status of a host as a whole."""
        wanted = (host, "host", status)
        [detail] = [s["detail"] for s in self.steps if (s["host"], s["step"], s["status"]) == wanted]
        return detail


@dataclass(frozen=True)
class Site:
    """Two application hosts, one of which also has the databases."""

    hosts: dict[str, Host]
    scratches: dict[str, Scratch]
    inventory: Path
    archives: dict[str, Path]
    key: Path

    def play(self, playbook: str, *options: str, **variables: Any) -> Run:
        return run_playbook(
            f"playbooks/{playbook}.yml", *options, inventory=self.inventory, variables=variables
        )

    def deploy(self, version: str, *options: str, **variables: Any) -> Run:
        archive = {"app_archive": str(self.archives[version])}
        return self.play("deploy", *options, **({"app_version": version} | archive | variables))

    def as_daemon(
        self, playbook: str, gate: Path | None = None, events: Path | None = None, **variables: Any
    ) -> Rehearsed:
        """Run a playbook as the rollback daemon does: as mita-deploy, and told step by step."""
        roles = REPO / "roles"
        with tempfile.TemporaryDirectory(prefix="mita-run-") as directory:
            told = events or Path(directory) / "steps.jsonl"
            environment = {
                "ANSIBLE_CONFIG": str(REPO / "rollback/adapters/ansible.cfg"),
                "ANSIBLE_ROLES_PATH": str(roles),
                "ANSIBLE_LIBRARY": str(roles / "program/library"),
                "ANSIBLE_MODULE_UTILS": str(roles / "program/module_utils"),
                "ANSIBLE_CALLBACK_PLUGINS": str(REPO / "rollback/adapters/callbacks"),
                "ANSIBLE_CALLBACKS_ENABLED": "mita_steps",
                "ANSIBLE_PIPELINING": "True",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{directory}/cp",
                "MITA_ROLLBACK_EVENTS": str(told),
                **({"MITA_ROLLBACK_GATE": str(gate)} if gate else {}),
            }
            ssh = {"ansible_user": "mita-deploy", "ansible_ssh_private_key_file": str(self.key)}
            extra = {"app_by_daemon": True, **ssh, **variables}
            done = run_playbook(
                f"playbooks/{playbook}.yml",
                inventory=self.inventory,
                variables=extra,
                environment=environment,
                timeout_s=300,
            )
            steps = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
        return Rehearsed(done.returncode, done.output, steps)

    def go_back(self, leaving: str, to: str, **variables: Any) -> Rehearsed:
        """Roll back as the daemon does."""
        return self.as_daemon("rollback", app_version=to, app_leaving=leaving, **variables)

    def run(self, name: str, command: str) -> str:
        """Run a command on a host as root, and return what it said."""
        return str(self.hosts[name].check_output(command))

    def until_ready(self, *, ready: bool = True) -> None:
        """Wait until every host says that it is ready, or that it is not."""
        hosts = self.hosts.values()
        until(
            "the hosts to notice",
            lambda: all((host.run(ASK_READY).rc == 0) == ready for host in hosts),
            deadline_s=20,
            interval_s=0.1,
        )

    def live(self) -> dict[str, str]:
        """What each host answers that it is."""
        return {name: self.version(name) for name in self.hosts}

    def version(self, name: str) -> str:
        """What one host answers that it is."""
        return str(json.loads(self.run(name, ASK_VERSION))["version"])

    def state(self) -> str:
        """Links, releases, history and process of every host: equal texts mean that nothing happened."""
        look = f"readlink {ROOT}/current; ls {ROOT}/releases; cat {ROOT}/history.jsonl"
        look += "; systemctl show -P MainPID mita-backend"
        return "\n".join(host.run(look).stdout for host in self.hosts.values())

    def history(self, name: str) -> list[tuple[str, str, str]]:
        lines = self.hosts[name].check_output(f"cat {ROOT}/history.jsonl").splitlines()
        return [(entry["event"], entry["version"], entry["by"]) for entry in map(json.loads, lines)]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    with scratch_host("scratch2", tmp_path_factory.mktemp("scratch2")) as host:
        yield host


@pytest.fixture(scope="module")
def site(scratch: Scratch, second: Scratch, daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Site:
    place = tmp_path_factory.mktemp("site")
    key = place / "deploy_key"
    run_program(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    variables = site_variables(scratch, daemon) | {
        "application_deploy_authorized_keys": [key.with_suffix(".pub").read_text().strip()]
    }
    one, two = (read_yaml(host.inventory.read_text())["all"]["hosts"] for host in (scratch, second))
    children: dict[str, Any] = {
        "application": {"hosts": {"scratch": {}, "scratch2": {}}},
        "postgresql": {"hosts": {"scratch": {}}},
        "redis": {"hosts": {"scratch": {}}},
    }
    inventory = place / "hosts.yml"
    inventory.write_text(
        yaml.safe_dump({"all": {"hosts": one | two, "children": children, "vars": variables}})
    )
    faults = {"1.0.0": [], "2.0.0": [], "3.0.0": ["crash-loop"], "4.0.0": []}
    archives = {version: build(version, specs, directory=place) for version, specs in faults.items()}
    scratches = {"scratch": scratch, "scratch2": second}
    site = Site({name: host.host for name, host in scratches.items()}, scratches, inventory, archives, key)
    for playbook in ("backing_services", "application"):
        site.play(playbook).ok()
    return site


def site_variables(databases: Scratch, daemon: Daemon) -> dict[str, Any]:
    address = databases.host.check_output("hostname -i").split()[0]
    return {
        "postgresql_listen_addresses": ["*"],
        "postgresql_roles": [{"name": "mita", "password": PASSWORD}],
        "postgresql_databases": [{"name": "mita", "owner": "mita"}],
        "postgresql_access": [{"database": "mita", "role": "mita", "from": ["samenet"]}],
        "redis_listen_addresses": ["*"],
        "redis_password": PASSWORD,
        "application_database_url": f"postgresql://mita:{PASSWORD}@{address}:5432/mita",
        "application_redis_url": f"redis://:{PASSWORD}@{address}:6379/0",
        "application_daemon_host": "localhost",
        "application_daemon_url": daemon.url,
        "application_daemon_password": PASSWORD,
    }


# The tests tell one story in order; each fixture is a scene and needs the one before.


@pytest.fixture(scope="module")
def first(site: Site) -> Run:
    return site.deploy("1.0.0", "-vvv").ok()


def test_first_release_is_live_on_every_host(first: Run, site: Site) -> None:
    assert site.live() == {"scratch": "1.0.0", "scratch2": "1.0.0"}


def test_daemon_is_told_before_and_after(first: Run, daemon: Daemon) -> None:
    (start, asked), (end, told) = daemon.told

    assert (start, end) == ("deployments", "deployments/7/finish")
    assert (asked["service"], asked["version"]) == ("mita-backend", "1.0.0")
    assert asked["hosts"] == ["scratch", "scratch2"]
    assert asked["checksum"].startswith("sha256:") and asked["rollback_safe"] is True
    assert (asked["environment"], asked["take_over"]) == ("production", False)
    assert told["outcome"] == "live"


def test_secrets_of_the_daemon_are_not_shown(first: Run) -> None:
    assert PASSWORD not in first.output


def test_release_runs_in_its_sandbox_as_its_own_user(first: Run, site: Site) -> None:
    host = site.hosts["scratch2"]
    pid = host.check_output("systemctl show -P MainPID mita-backend")

    assert host.check_output(f"ps -o user= -p {pid}").startswith("mita-")
    assert host.check_output("cat /var/lib/mita-deploy/*.tar.gz 2>/dev/null | wc -c") == "0"


def test_metrics_of_both_workers_are_exposed(first: Run, site: Site) -> None:
    text = site.hosts["scratch"].check_output("curl --silent http://127.0.0.1:8080/metrics")

    assert 'mita_build_info{version="1.0.0"} 1.0' in text
    assert site.hosts["scratch"].check_output("ls /run/mita-backend/metrics | grep -c ^counter_") == "2"


def test_same_release_again_changes_nothing_and_registers_nothing(
    first: Run, site: Site, daemon: Daemon
) -> None:
    before, told = site.state(), len(daemon.told)

    assert site.deploy("1.0.0").ok().changed() == []

    assert (site.state(), len(daemon.told)) == (before, told)


def test_check_mode_shows_the_switch_and_does_nothing(first: Run, site: Site, daemon: Daemon) -> None:
    before, told = site.state(), len(daemon.told)

    run = site.deploy("2.0.0", "--check", "--diff").ok()

    shown = [diff.get("after") for event in run.events for diff in event.diffs]
    assert f"{ROOT}/current -> 2.0.0\n" in shown
    assert (site.state(), len(daemon.told)) == (before, told)


def cut_short(site: Site) -> dict[str, str]:
    """Return variables that name an archive which is the pinned file and no whole archive."""
    good = site.archives["2.0.0"]
    cut = good.with_name("cut.tar.gz")
    cut.write_bytes(good.read_bytes()[:100_000])
    return {
        "app_archive": str(cut),
        "app_checksum": f"sha256:{run_program(['sha256sum', str(cut)]).split()[0]}",
    }


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(cut_short, "expected a gzipped tar archive", marks=pytest.mark.long),
        (lambda site: {"app_checksum": "sha256:" + "0" * 64}, "expected SHA-256 0000"),
        pytest.param(
            lambda site: {"app_version": "9.0.0"},
            "expected a manifest with version '9.0.0', found '2.0.0'",
            marks=pytest.mark.long,
        ),
    ],
)
def test_deployment_that_cannot_be_is_refused_before_any_host_changes(
    first: Run, site: Site, daemon: Daemon, spoil: Callable[[Site], dict[str, str]], words: str
) -> None:
    before, told = site.state(), len(daemon.told)

    assert words in site.deploy("2.0.0", **spoil(site)).failure()

    assert (site.state(), len(daemon.told)) == (before, told)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("version_rejected", "-e app_override=true"),
        pytest.param("rollback_in_progress", "when the rollback is over", marks=pytest.mark.long),
        pytest.param("deployment_in_progress", "-e app_take_over=true", marks=pytest.mark.long),
        pytest.param("other_environment", "application_deploy_environment", marks=pytest.mark.long),
    ],
)
def test_refusal_of_the_daemon_stops_the_deployment_with_its_words(
    first: Run, site: Site, daemon: Daemon, reason: str, words: str
) -> None:
    before = site.state()
    daemon.status, daemon.answer = 409, {"error": "planted words", "reason": reason}

    failure = site.deploy("2.0.0").failure()
    daemon.status, daemon.answer = 201, {"id": 8}

    assert "planted words" in failure and words in failure
    assert site.state() == before


def test_deployment_without_a_daemon_needs_a_persons_word(first: Run, site: Site) -> None:
    before = site.state()

    failure = site.deploy("2.0.0", application_daemon_url="http://127.0.0.1:9").failure()

    assert "expected the rollback daemon at http://127.0.0.1:9" in failure
    assert "app_without_daemon=true" in failure
    assert site.state() == before


@pytest.fixture(scope="module")
def crashed(first: Run, site: Site, daemon: Daemon) -> Run:
    """A release that does not start, met by a partial release of an earlier, interrupted deployment."""
    site.hosts["scratch"].check_output(f"runuser -u mita-deploy -- mkdir -p {ROOT}/releases/3.0.0/half")
    daemon.told.clear()
    return site.deploy("3.0.0")


def test_release_that_does_not_start_stops_at_the_first_host(crashed: Run, site: Site) -> None:
    assert "crashes when it starts" in crashed.failure(), crashed.failure()
    assert "This host is back on 1.0.0 and ready." in crashed.failure()
    assert site.history("scratch")[-1] == ("failed", "3.0.0", "deploy")
    assert site.history("scratch2") == [("live", "1.0.0", "deploy")]


def test_every_host_serves_the_release_it_had(crashed: Run, site: Site) -> None:
    assert site.live() == {"scratch": "1.0.0", "scratch2": "1.0.0"}


def test_daemon_is_told_which_host_failed_and_why(crashed: Run, daemon: Daemon) -> None:
    path, told = daemon.told[-1]

    assert (path, told["outcome"]) == ("deployments/8/finish", "failed")
    assert told["detail"].startswith("scratch: expected mita-backend.service to get ready as version 3.0.0")


@pytest.fixture(scope="module")
def upgraded(crashed: Run, site: Site) -> Run:
    return site.deploy("2.0.0", app_without_daemon=True, application_daemon_url="http://127.0.0.1:9").ok()


def test_rehearsal_proves_the_way_and_touches_nothing(upgraded: Run, site: Site) -> None:
    before = site.state()

    run = site.as_daemon("rehearse", app_version="1.0.0", app_checksum=checksum(site, "1.0.0"))

    assert run.of("rehearsal") == {"scratch": ["ok"], "scratch2": ["ok"]}, run.output
    assert run.of("live") == {"scratch": ["2.0.0"], "scratch2": ["2.0.0"]}
    assert (run.returncode, site.state()) == (0, before)


def checksum(site: Site, version: str) -> str:
    return f"sha256:{run_program(['sha256sum', str(site.archives[version])]).split()[0]}"


SPOILT = f"{ROOT}/releases/1.0.0/app/application/app.py"


@pytest.mark.parametrize(
    ("spoil", "mend", "words"),
    [
        (f"mv {ROOT}/releases/1.0.0 /tmp/kept", f"mv /tmp/kept {ROOT}/releases/1.0.0", "1.0.0 is not here"),
        (f"sed -i.kept 's/#/@/' {SPOILT}", f"mv {SPOILT}.kept {SPOILT}", "differ from what was unpacked"),
        (
            f"chattr +i {ROOT} || chown root {ROOT}",
            f"chattr -i {ROOT}; chown mita-deploy {ROOT}",
            "a link beside",
        ),
        (
            "mv /etc/sudoers.d/mita-deploy /tmp/kept",
            "mv /tmp/kept /etc/sudoers.d/mita-deploy",
            "sudo does not allow",
        ),
    ],
)
def test_rehearsal_names_what_would_be_in_the_way(
    upgraded: Run, site: Site, spoil: str, mend: str, words: str
) -> None:
    site.run("scratch2", spoil)
    try:
        run = site.as_daemon("rehearse", app_version="1.0.0")
    finally:
        site.run("scratch2", mend)

    assert run.of("rehearsal") == {"scratch": ["ok"], "scratch2": ["failed"]}, run.output
    [said] = [
        step["detail"] for step in run.steps if step["status"] == "failed" and step["step"] == "rehearsal"
    ]
    assert words in said
    assert run.returncode != 0


def test_gate_that_does_not_open_leaves_every_host_as_it_is(
    upgraded: Run, site: Site, tmp_path: Path
) -> None:
    gate, before = tmp_path / "gate", site.state()
    gate.write_text("no")

    run = site.go_back("2.0.0", "1.0.0", gate=gate)

    assert run.of("gate") == {"all": ["asked", "closed"]}, run.output
    assert run.returncode != 0 and run.of("host") == {} and site.state() == before


def test_release_that_a_person_deployed_meanwhile_stops_the_daemon(upgraded: Run, site: Site) -> None:
    before = site.state()

    run = site.go_back("4.0.0", "1.0.0")

    assert "expected 4.0.0 or 1.0.0 to be live on every host, found 2.0.0 on scratch, 2.0.0 on" in run.output
    assert run.returncode != 0 and run.of("host") == {} and site.state() == before


@contextmanager
def dead(site: Site, name: str) -> Iterator[None]:
    """The host takes no part in anything for a while."""
    container = site.scratches[name].container
    container.pause()
    try:
        yield
    finally:
        container.unpause()


@pytest.fixture(scope="module")
def half_restored(upgraded: Run, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    """As the daemon does it, with a gate that opens and a host that lost power."""
    assert site.live() == {"scratch": "2.0.0", "scratch2": "2.0.0"}
    gate = tmp_path_factory.mktemp("gate") / "gate"
    gate.write_text("go")
    with dead(site, "scratch2"):
        return site.go_back("2.0.0", "1.0.0", gate=gate)


def test_dead_host_is_named_and_the_other_is_restored(half_restored: Rehearsed, site: Site) -> None:
    assert half_restored.returncode == 0, half_restored.output
    assert half_restored.of("host") == {"scratch": ["started", "done"], "scratch2": ["unreachable"]}
    assert half_restored.of("gate") == {"all": ["asked", "open"]}
    assert site.live() == {"scratch": "1.0.0", "scratch2": "2.0.0"}


@pytest.fixture(scope="module")
def rolled_back(half_restored: Rehearsed, site: Site) -> Rehearsed:
    """The host answers again, and only that one is restored."""
    return site.go_back("2.0.0", "1.0.0", app_only=["scratch2"], app_checksum=checksum(site, "1.0.0"))


def test_host_that_is_back_is_restored_alone(rolled_back: Rehearsed, site: Site) -> None:
    assert rolled_back.of("host") == {"scratch2": ["started", "done"]}, rolled_back.output
    assert rolled_back.returncode == 0
    assert site.live() == {"scratch": "1.0.0", "scratch2": "1.0.0"}


def test_rollback_with_nothing_to_do_says_so_and_asks_no_gate(
    rolled_back: Rehearsed, site: Site, tmp_path: Path
) -> None:
    run = site.go_back("2.0.0", "1.0.0", gate=tmp_path / "never")

    assert run.of("host") == {"scratch": ["done"], "scratch2": ["done"]}, run.output
    assert {run.detail(name, "done") for name in site.hosts} == {"already"}
    assert (run.returncode, run.of("gate")) == (0, {})


def test_rollback_rejects_what_it_left(rolled_back: Rehearsed, site: Site) -> None:
    expected = [("live", "1.0.0", "rollback"), ("rejected", "2.0.0", "rollback")]

    assert [site.history(name)[-2:] for name in site.hosts] == [expected, expected]


def test_rollback_to_the_same_release_again_changes_nothing(rolled_back: Rehearsed, site: Site) -> None:
    assert site.play("rollback", app_version="1.0.0").ok().changed() == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "expected one earlier release that was good on every host, found none on scratch"),
        (
            {"app_version": "9.0.0"},
            "scratch: lacking (9.0.0 is not here, only 1.0.0, 2.0.0, 3.0.0, and no host keeps",
        ),
    ],
)
def test_rollback_that_cannot_be_is_refused_before_any_host_changes(
    rolled_back: Rehearsed, site: Site, variables: dict[str, str], words: str
) -> None:
    before = site.state()

    assert words in site.play("rollback", **variables).failure()

    assert site.state() == before


def test_person_rolls_back_by_hand_as_any_user_with_sudo_and_reads_the_plan_first(
    rolled_back: Rehearsed, site: Site
) -> None:
    site.deploy("4.0.0").ok()

    run = site.play("rollback").ok()

    assert set(site.live().values()) == {"1.0.0"}
    assert "to 1.0.0; scratch: goes back; scratch2: goes back" in run.output


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this controller keeps archives: nothing at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "mita-monitoring" / "archives"


def test_release_that_a_host_lost_comes_from_its_archive_and_else_from_another_host(
    rolled_back: Rehearsed, site: Site
) -> None:
    site.deploy("4.0.0").ok()
    site.run("scratch", f"rm -r {ROOT}/releases/1.0.0/lib")
    site.run("scratch2", f"rm -r {ROOT}/releases/1.0.0 {ROOT}/archives/1.0.0.tar.gz")

    run = site.go_back("4.0.0", "1.0.0")

    assert run.of("host") == {name: ["started", "done"] for name in site.hosts}, run.output
    assert (run.returncode, set(site.live().values())) == (0, {"1.0.0"})
    assert site.run("scratch2", f"ls {ROOT}/archives /var/lib/mita-deploy") == site.run(
        "scratch", f"ls {ROOT}/archives /var/lib/mita-deploy"
    )


@pytest.mark.long
def test_host_that_lacks_the_release_is_named_and_the_other_is_restored(
    rolled_back: Rehearsed, site: Site, cache: Path
) -> None:
    site.deploy("4.0.0").ok()
    site.run("scratch", f"rm {ROOT}/archives/1.0.0.tar.gz")
    site.run("scratch2", f"rm -r {ROOT}/releases/1.0.0 {ROOT}/archives/1.0.0.tar.gz")

    run = site.go_back("4.0.0", "1.0.0")

    assert run.of("host") == {"scratch": ["started", "done"], "scratch2": ["lacking"]}, run.output
    assert "1.0.0 is not here" in run.detail("scratch2", "lacking")
    assert (run.returncode, site.live()) == (0, {"scratch": "1.0.0", "scratch2": "4.0.0"})
    site.deploy("1.0.0").ok()


@pytest.mark.long
def test_host_that_dies_in_the_middle_of_its_switch_is_named_and_no_failure(
    rolled_back: Rehearsed, site: Site, tmp_path: Path
) -> None:
    site.deploy("4.0.0").ok()
    events, ended = tmp_path / "steps.jsonl", threading.Event()

    def pull_the_plug() -> None:
        started = json.dumps({"host": "scratch2", "step": "host", "status": "started", "detail": ""})
        until(
            "the switch",
            lambda: events.exists() and started in events.read_text(),
            deadline_s=60,
            interval_s=0.02,
        )
        until("its end", lambda: "1.0.0" in site.run("scratch2", f"readlink {ROOT}/current"), deadline_s=30)
        with dead(site, "scratch2"):
            ended.wait(60)

    thread = threading.Thread(target=pull_the_plug)
    thread.start()
    run = site.go_back("4.0.0", "1.0.0", events=events)
    ended.set()
    thread.join()

    assert run.of("host") == {"scratch": ["started", "done"], "scratch2": ["started", "unreachable"]}, (
        run.output
    )
    assert run.returncode == 0
    assert site.go_back("4.0.0", "1.0.0").returncode == 0
    assert set(site.live().values()) == {"1.0.0"}


@pytest.fixture
def without_redis(site: Site) -> Iterator[None]:
    stop_redis(site)
    yield
    start_redis(site)


def stop_redis(site: Site) -> None:
    site.run("scratch", "systemctl stop redis-server")
    site.until_ready(ready=False)


def start_redis(site: Site) -> None:
    site.run("scratch", "systemctl start redis-server")
    site.until_ready()


def test_rollback_succeeds_while_a_dependency_is_down_and_a_deployment_does_not(
    rolled_back: Rehearsed, site: Site, without_redis: None
) -> None:
    assert "redis do not work" in site.deploy("4.0.0", application_ready_timeout=20).failure()
    assert set(site.live().values()) == {"1.0.0"}

    start_redis(site)
    site.deploy("4.0.0").ok()
    stop_redis(site)
    run = site.go_back("4.0.0", "1.0.0")

    assert run.of("host") == {name: ["started", "done"] for name in site.hosts}, run.output
    assert set(site.live().values()) == {"1.0.0"}


def test_no_request_is_lost_by_a_deployment_a_rollback_or_a_restart(
    rolled_back: Rehearsed, site: Site
) -> None:
    addresses = [host.check_output("hostname -i").split()[0] for host in site.hosts.values()]
    with Visitors(addresses) as visitors:
        site.deploy("4.0.0").ok()
        assert site.go_back("4.0.0", "1.0.0").returncode == 0
        for host in site.hosts.values():
            host.check_output("systemctl restart mita-backend")
        site.until_ready()

    assert visitors.lost == []
    assert visitors.answered > 100


def test_socket_goes_with_a_stop_and_outlives_a_crash(rolled_back: Rehearsed, site: Site) -> None:
    host = site.hosts["scratch2"]
    host.check_output("systemctl stop mita-backend")
    assert host.run("curl --silent http://127.0.0.1:8080/version").rc == 7  # refused
    host.check_output("systemctl start mita-backend")
    until("the service to listen", lambda: not host.run(ASK_VERSION).rc, deadline_s=20, interval_s=0.1)

    host.check_output("systemctl kill --signal=KILL mita-backend")

    assert site.live()["scratch2"] == "1.0.0"
    assert host.check_output("systemctl show -P NRestarts mita-backend") == "1"


def from_before(archive: Path) -> Path:
    """Make a release as they were: the module had another name, there was no start command and no socket."""
    changed = archive.with_name("before.tar.gz")
    with tarfile.open(archive) as source, tarfile.open(changed, "w:gz") as target:
        for member in source:
            stream = source.extractfile(member)
            content = stream.read() if stream else b""
            member.name = member.name.replace("app/application/", "app/target/")
            if member.name == "manifest.json":
                found = json.loads(content)
                kept = {name: found[name] for name in ("name", "rollback_safe", "python", "fault")}
                content = json.dumps({**kept, "version": "0.9.0"}).encode()
            member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    return changed


@pytest.mark.long
def test_release_from_before_start_commands_is_deployed_left_and_restored(
    rolled_back: Rehearsed, site: Site
) -> None:
    old = from_before(site.archives["1.0.0"])
    digest = run_program(["sha256sum", str(old)]).split()[0]
    site.play("deploy", app_version="0.9.0", app_archive=str(old), app_checksum=f"sha256:{digest}").ok()
    assert set(site.live().values()) == {"0.9.0"}
    site.deploy("4.0.0").ok()

    assert site.go_back("4.0.0", "0.9.0").returncode == 0

    assert set(site.live().values()) == {"0.9.0"}
    site.deploy("1.0.0").ok()


def test_releases_that_the_daemon_wants_stay_on_every_host_and_rejected_ones_go(
    rolled_back: Rehearsed, site: Site, daemon: Daemon
) -> None:
    daemon.answer = {"id": 9, "keep": ["1.0.0"], "rejected": ["4.0.0"]}

    site.deploy("2.0.0", application_keep_releases=2).ok()

    for name in site.hosts:
        assert site.run(name, f"ls {ROOT}/releases") == "1.0.0\n2.0.0"
        assert site.run(name, f"ls {ROOT}/archives") == "1.0.0.tar.gz\n2.0.0.tar.gz"
    daemon.answer = {"id": 10}


def rebuild(site: Site, name: str) -> None:
    """Leave the host as the installation makes it, before any release."""
    site.run(name, f"systemctl stop mita-backend; rm -r {ROOT}")
    site.play("application", "--limit", name).ok()


@pytest.mark.long
def test_rebuilt_host_gets_the_way_back_at_its_first_deployment_and_goes_back_with_the_others(
    rolled_back: Rehearsed, site: Site, cache: Path
) -> None:
    assert set(site.live().values()) == {"2.0.0"}
    rebuild(site, "scratch2")

    site.deploy("2.0.0").ok()

    for kept in ("releases", "archives"):
        assert site.run("scratch2", f"ls {ROOT}/{kept}") == site.run("scratch", f"ls {ROOT}/{kept}")
    assert "restored in part" not in site.play("rollback").ok().output
    assert site.live() == {"scratch": "1.0.0", "scratch2": "1.0.0"}


@pytest.mark.long
def test_way_back_that_nobody_can_give_is_said_and_the_others_go_back_without_that_host(
    rolled_back: Rehearsed, site: Site, cache: Path
) -> None:
    site.deploy("4.0.0").ok()
    rebuild(site, "scratch2")
    site.run("scratch", f"rm {ROOT}/archives/1.0.0.tar.gz")

    deployed = site.deploy("4.0.0").ok()
    back = site.play("rollback").ok()

    told = f"put its archive at {cache / checksum(site, '1.0.0').rpartition(':')[2]}.tar.gz and deploy again"
    assert told in " ".join(deployed.output.split())
    assert {event.host for event in deployed.events if "Have the release live and ready" in event.task} == {
        *site.hosts
    }
    assert "restored in part: 1 of 2 hosts run 1.0.0, not scratch2" in back.output
    assert site.live() == {"scratch": "1.0.0", "scratch2": "4.0.0"}


@pytest.mark.long
def test_archive_on_the_controller_mends_that_host(rolled_back: Rehearsed, site: Site, cache: Path) -> None:
    assert "1.0.0" not in site.run("scratch2", f"ls {ROOT}/releases").split()
    cache.mkdir(parents=True)
    digest = checksum(site, "1.0.0").rpartition(":")[2]
    (cache / f"{digest}.tar.gz").write_bytes(site.archives["1.0.0"].read_bytes())

    site.deploy("4.0.0").ok()

    assert "1.0.0" in site.run("scratch2", f"ls {ROOT}/releases").split()
    site.play("rollback").ok()
    assert site.live() == {"scratch": "1.0.0", "scratch2": "1.0.0"}


BY_HAND = {
    "id": 3,
    "from_version": "2.0.0",
    "to_version": "1.0.0",
    "hosts": ["scratch", "scratch2"],
    "phase": "running",
    "known": ["2.0.0 was never rolled back from"],
}


@pytest.fixture
def with_daemon(site: Site, daemon: Daemon, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Roll back by hand on a site that has a daemon."""
    inventory = read_yaml(site.inventory.read_text())
    inventory["all"]["children"]["rollback"] = {"hosts": {"scratch": {}}}
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump(inventory))
    daemon.told.clear()

    def play(*options: str, **variables: Any) -> Run:
        return run_playbook("playbooks/rollback.yml", *options, inventory=path, variables=variables)

    yield play
    daemon.status, daemon.answer = 201, {"id": 11}


def test_person_goes_through_the_daemon_reads_the_plan_first_and_each_hosts_end(
    rolled_back: Rehearsed, site: Site, daemon: Daemon, with_daemon: Callable[..., Run]
) -> None:
    before = site.state()
    steps = [{"host": "scratch", "step": "host", "status": "done", "detail": ""}]
    daemon.answer, daemon.rollback = (
        BY_HAND,
        {"id": 3, "phase": "succeeded", "steps": steps, "verification": "fixed"},
    )

    run = with_daemon(app_reason="too slow", app_further=True).ok()

    assert [path for path, _ in daemon.told] == ["rollbacks", "rollbacks"]
    assert [body.get("dry_run", False) for _, body in daemon.told] == [True, False]
    assert (daemon.told[1][1]["reason"], daemon.told[1][1]["further"]) == ("too slow", True)
    assert daemon.told[1][1]["environment"] == "production" and "to_version" not in daemon.told[1][1]
    assert run.output.index("2.0.0 -> 1.0.0 on scratch, scratch2") < run.output.index("scratch: done")
    assert site.state() == before  # the daemon did it, and this one does nothing


def test_check_mode_only_asks_the_daemon(
    rolled_back: Rehearsed, daemon: Daemon, with_daemon: Callable[..., Run]
) -> None:
    daemon.answer = BY_HAND

    assert "2.0.0 -> 1.0.0 on scratch, scratch2" in with_daemon("--check").ok().output
    assert [body["dry_run"] for _, body in daemon.told] == [True]


def test_daemons_refusal_stops_a_person_with_what_it_knows(
    rolled_back: Rehearsed, site: Site, daemon: Daemon, with_daemon: Callable[..., Run]
) -> None:
    before = site.state()
    daemon.status = 409
    daemon.answer = {
        "error": "planted words",
        "reason": "release_was_restored",
        "known": ["rolled back two seconds ago"],
    }

    failure = with_daemon().failure()

    for words in (
        "planted words (release_was_restored)",
        "-e app_further=true",
        "rolled back two seconds ago",
    ):
        assert words in failure
    assert (len(daemon.told), site.state()) == (1, before)


def test_rollback_that_the_daemon_failed_fails_with_its_words(
    rolled_back: Rehearsed, daemon: Daemon, with_daemon: Callable[..., Run]
) -> None:
    daemon.answer, daemon.rollback = BY_HAND, {"id": 3, "phase": "failed", "detail": "planted detail"}

    assert "rollback 3 failed: planted detail" in with_daemon().failure()


def test_daemon_that_cannot_be_asked_is_named_with_the_way_around_it(
    rolled_back: Rehearsed, site: Site, with_daemon: Callable[..., Run]
) -> None:
    away = {"application_daemon_url": "http://127.0.0.1:9"}

    failure = with_daemon(**away).failure()

    assert "expected the rollback daemon at http://127.0.0.1:9" in failure
    assert "-e app_without_daemon=true" in failure
    with_daemon(app_without_daemon=True, app_version="1.0.0", **away).ok()
    assert set(site.live().values()) == {"1.0.0"}


def test_certificate_makes_the_port_speak_tls_and_metrics_ask_for_a_name(
    rolled_back: Rehearsed, site: Site
) -> None:
    certificate, key = self_signed("scratch")
    secured = {
        "application_web_tls_cert": certificate,
        "application_web_tls_key": key,
        "application_metrics_user": "prometheus",
        "application_metrics_password": PASSWORD,
    }
    site.play("application", **secured).ok()
    host, ask = site.hosts["scratch"], "curl --silent --cacert /etc/mita-backend/web/tls.crt"
    ask += " --resolve scratch:8080:127.0.0.1 --output /dev/null --write-out '%{http_code}'"

    assert host.check_output(f"{ask} https://scratch:8080/health/ready") == "200"
    assert host.check_output(f"{ask} https://scratch:8080/metrics") == "401"
    assert host.check_output(f"{ask} --user prometheus:{PASSWORD} https://scratch:8080/metrics") == "200"
    site.deploy("1.0.0", **secured).ok()  # asks the closed port, too
