"""Deployments and rollbacks on two hosts, from the first release to one that does not start."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host

from harness.play.certificates import self_signed
from harness.play.run import Run, run_playbook
from harness.play.scratch import Scratch, scratch_host
from harness.release.build import build
from harness.system import run as run_program

pytestmark = pytest.mark.lab
PASSWORD = "planted-password-of-the-lab"
ROOT = "/opt/mita-backend"


@dataclass
class Daemon:
    """The rollback daemon's part in a deployment, as its contract has it; it remembers what it was told."""

    url: str = ""
    status: int = 201
    answer: Mapping[str, Any] = field(default_factory=lambda: {"id": 7})
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    state = Daemon()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.told.append((self.path.removeprefix("/api/admin/rollback/"), body))
            finish = self.path.endswith("/finish")
            self.send_response(200 if finish else state.status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({} if finish else dict(state.answer)).encode())

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()


@dataclass(frozen=True)
class Site:
    """Two application hosts, one of which also has the databases."""

    hosts: dict[str, Host]
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

    def live(self) -> dict[str, str]:
        """What each host answers that it is."""
        ask = "curl --fail --silent --insecure http://127.0.0.1:8080/version"
        return {name: json.loads(host.check_output(ask))["version"] for name, host in self.hosts.items()}

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
    one, two = (yaml.safe_load(host.inventory.read_text())["all"]["hosts"] for host in (scratch, second))
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
    site = Site({"scratch": scratch.host, "scratch2": second.host}, inventory, archives, key)
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
        (cut_short, "expected a gzipped tar archive"),
        (lambda site: {"app_checksum": "sha256:" + "0" * 64}, "expected SHA-256 0000"),
        (lambda site: {"app_version": "9.0.0"}, "expected a manifest with version '9.0.0', found '2.0.0'"),
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
    [("version_rejected", "-e app_override=true"), ("rollback_in_progress", "when the rollback is over")],
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


@pytest.fixture(scope="module")
def rolled_back(upgraded: Run, site: Site) -> Run:
    """As the daemon does it: as mita-deploy, without becoming anybody."""
    assert site.live() == {"scratch": "2.0.0", "scratch2": "2.0.0"}
    ssh = {"ansible_user": "mita-deploy", "ansible_ssh_private_key_file": str(site.key)}
    return site.play("rollback", **ssh).ok()


def test_rollback_restores_the_last_good_release_everywhere(rolled_back: Run, site: Site) -> None:
    assert site.live() == {"scratch": "1.0.0", "scratch2": "1.0.0"}
    assert len(rolled_back.changed()) == 2


def test_rollback_rejects_what_it_left(rolled_back: Run, site: Site) -> None:
    expected = [("live", "1.0.0", "rollback"), ("rejected", "2.0.0", "rollback")]

    assert [site.history(name)[-2:] for name in site.hosts] == [expected, expected]


def test_rollback_to_the_same_release_again_changes_nothing(rolled_back: Run, site: Site) -> None:
    assert site.play("rollback", app_version="1.0.0").ok().changed() == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "expected one earlier release that was good on every host, found none on scratch"),
        ({"app_version": "9.0.0"}, "expected the release 9.0.0 on every host, found on scratch only 1.0.0"),
    ],
)
def test_rollback_that_cannot_be_is_refused_before_any_host_changes(
    rolled_back: Run, site: Site, variables: dict[str, str], words: str
) -> None:
    before = site.state()

    assert words in site.play("rollback", **variables).failure()

    assert site.state() == before


def test_person_rolls_back_by_hand_as_any_user_with_sudo(rolled_back: Run, site: Site) -> None:
    site.deploy("4.0.0").ok()

    site.play("rollback").ok()

    assert set(site.live().values()) == {"1.0.0"}


def test_certificate_makes_the_port_speak_tls_and_metrics_ask_for_a_name(
    rolled_back: Run, site: Site
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
    assert site.deploy("1.0.0", **secured).ok().changed() == []
