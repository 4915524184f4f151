"""TLS and Basic authentication on every monitoring port, and programs from archives instead of packages."""

import json
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from devtools.playbook import Run
from devtools.wait import until
from harness.lab.hosts import os_release
from harness.scratch.archives import Archive, make_archive
from harness.scratch.certificates import self_signed
from harness.scratch.host import GROUPS, Scratch, scratch_host
from harness.scratch.roles import play_roles
from tests.roles.services import PLANTED, UNITS, Service

pytestmark = pytest.mark.lab
VERSION = "9.9.1"

Services = dict[str, Service]
Play = Callable[..., Run]

# Debian 12's redis exporter knows no users; that it refuses them is tested below.
KNOWS_USERS = tuple(unit for unit in UNITS if unit != "redis-exporter" or os_release() != "bookworm")
JOBS = {unit: unit.removesuffix("-exporter") for unit in UNITS}
every_service = pytest.mark.parametrize("unit", UNITS)
every_login = pytest.mark.parametrize("unit", KNOWS_USERS)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A host in every group, so that every exporter is scraped."""
    groups = (*GROUPS, "nginx", "mysql", "pushgateway", "process")
    with scratch_host("scratch", tmp_path_factory.mktemp("scratch"), groups) as host:
        yield host


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Inputs that close a port; the password is looked up as it would be in a vault."""
    directory = tmp_path_factory.mktemp("web")
    certificate, key = self_signed("scratch")
    (directory / "password").write_text(PLANTED["web"])
    (directory / "key").write_text(key)
    return {
        "web_users": [{"name": "scraper", "password": _lookup(directory / "password")}],
        "web_tls_cert": certificate,
        "web_tls_key": _lookup(directory / "key"),
    }


def _lookup(path: Path) -> str:
    return f"{{{{ lookup('ansible.builtin.file', '{path}') }}}}"


@pytest.fixture(scope="module")
def play(scratch: Scratch, services: Services, web: dict[str, object], units: tuple[str, ...]) -> Play:
    """Play every service with its port closed, each with its own further inputs."""

    def run(
        *options: str, only: Iterable[str] = units, inputs: Mapping[str, Mapping[str, object]] | None = None
    ) -> Run:
        closed: dict[str, dict[str, object]] = {
            unit: web if unit in KNOWS_USERS else {**web, "web_users": []} for unit in only
        }
        closed |= {"prometheus": {**web, "access": access(web)}} if "prometheus" in closed else {}
        parts = [services[unit].part(**closed[unit], **(inputs or {}).get(unit, {})) for unit in only]
        return play_roles(parts, *options, inventory=scratch.inventory)

    return run


def access(web: Mapping[str, object]) -> dict[str, object]:
    """What Prometheus is told, so that it gets through the closed ports."""
    (user,) = web["web_users"]  # type: ignore[misc]
    login = {"username": user["name"], "password": user["password"]}  # type: ignore[has-type]
    trust = {"ca": web["web_tls_cert"]}
    return {job: {**login, **trust} if unit in KNOWS_USERS else trust for unit, job in JOBS.items()}


@pytest.fixture(scope="module")
def closed(play: Play) -> Run:
    return play("-vvv", "--diff")


@pytest.fixture(scope="module")
def closed_again(closed: Run, play: Play) -> Run:
    return play("--diff").ok()


def ask(scratch: Scratch, service: Service, *options: str, scheme: str = "https") -> str:
    """The HTTP status that the service answers, trusting exactly the certificate that the role installed."""
    trust = f"--cacert {service.root}/web/tls.crt --resolve scratch:{service.port}:127.0.0.1"
    url = f"{scheme}://scratch:{service.port}{service.ready}"
    return str(
        scratch.host.run(f"curl -s -o /dev/null -w '%{{http_code}}' {trust} {' '.join(options)} {url}").stdout
    )


@every_login
def test_port_serves_who_knows_the_password(
    closed: Run, scratch: Scratch, services: Services, unit: str
) -> None:
    assert not closed.failure(unit)

    assert ask(scratch, services[unit], f"--user scraper:{PLANTED['web']}") == "200"


@every_login
def test_port_refuses_who_does_not(closed: Run, scratch: Scratch, services: Services, unit: str) -> None:
    assert ask(scratch, services[unit]) == "401"
    assert ask(scratch, services[unit], "--user scraper:guess") == "401"


@every_service
def test_port_speaks_only_tls(closed: Run, scratch: Scratch, services: Services, unit: str) -> None:
    assert ask(scratch, services[unit], scheme="http") == "400"


def test_prometheus_gets_through_every_closed_port(
    closed: Run, scratch: Scratch, services: Services, units: tuple[str, ...]
) -> None:
    login = f"--silent --user scraper:{PLANTED['web']} --cacert /etc/prometheus/web/tls.crt"
    api = f"curl {login} --resolve scratch:9090:127.0.0.1 https://scratch:9090/api/v1"

    def targets() -> dict[str, str]:
        answer = json.loads(scratch.host.check_output(f"{api}/targets?state=active"))
        return {
            one["labels"]["job"]: one["lastError"] or one["health"] for one in answer["data"]["activeTargets"]
        }

    def reached() -> bool:
        found = targets()
        return all(found.get(job) == "up" for job in map(JOBS.__getitem__, units))

    until("every job to be scraped", reached, deadline_s=2 * 15 + 10, explain=lambda: f"found {targets()}")


def test_prometheus_delivers_alerts_to_the_closed_alertmanager(closed: Run, scratch: Scratch) -> None:
    login = f"--silent --user scraper:{PLANTED['web']} --cacert /etc/alertmanager/web/tls.crt"
    url = "--resolve scratch:9093:127.0.0.1 https://scratch:9093/api/v2/alerts"

    def delivered() -> bool:
        return bool(json.loads(scratch.host.check_output(f"curl {login} {url}")))

    until("an alert to arrive", delivered, deadline_s=60)


def test_passwords_hashes_and_keys_are_in_no_output(closed: Run, scratch: Scratch) -> None:
    told = closed.output + scratch.host.check_output("journalctl --no-pager; ps -eo args")

    assert PLANTED["web"] not in told
    assert "$2b$" not in told
    assert "PRIVATE KEY" not in told


def test_hashes_are_the_same_at_every_run(closed_again: Run) -> None:
    assert closed_again.changed() == []


@pytest.mark.long
@pytest.mark.skipif(os_release() != "bookworm", reason="only Debian 12's redis exporter knows no users")
def test_redis_exporter_without_users_says_so(
    closed_again: Run, scratch: Scratch, services: Services, web: dict[str, object]
) -> None:
    run = play_roles([services["redis-exporter"].part(**web)], inventory=scratch.inventory)

    assert "expected a redis exporter with Basic authentication" in run.failure()
    assert scratch.host.service("redis-exporter").is_running


# The same services from archives.


@pytest.fixture(scope="module")
def archive(
    closed_again: Run, scratch: Scratch, services: Services, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Archive]:
    """Make an archive in upstream's layout of the distribution's programs; each is made once."""
    directory = tmp_path_factory.mktemp("archives")

    @cache
    def made(unit: str) -> Archive:
        row = services[unit]
        return make_archive(scratch.container, row.component, VERSION, dict(row.binaries), directory)

    return made


@pytest.fixture(scope="module")
def archives(archive: Callable[[str], Archive], units: tuple[str, ...]) -> dict[str, Archive]:
    return {unit: archive(unit) for unit in units}


def pinned(archives: Mapping[str, Archive], **change: str) -> dict[str, dict[str, object]]:
    """The inputs that ask for each archive."""
    return {
        unit: {
            "install_method": "archive",
            "version": archive.version,
            "archive_url": str(archive.path),
            "archive_checksum": {platform.machine(): archive.checksum},
            **change,
        }
        for unit, archive in archives.items()
    }


def programs(scratch: Scratch, units: Iterable[str]) -> dict[str, str]:
    """The program that each service really runs."""
    pids = {unit: scratch.host.check_output(f"systemctl show -P MainPID {unit}") for unit in units}
    return {unit: scratch.host.check_output(f"readlink /proc/{pid}/exe") for unit, pid in pids.items()}


@pytest.fixture(scope="module")
def refused(archive: Callable[[str], Archive], play: Play) -> Run:
    """One release without a version of its own, and one whose archive is another than the pinned one."""
    here = {unit: archive("node-exporter") for unit in ("prometheus", "node-exporter")}
    latest = pinned(here, version="latest")["prometheus"]
    tampered = pinned(here, archive_checksum="sha256:" + "0" * 64)["node-exporter"]
    inputs = {"prometheus": latest, "node-exporter": tampered}
    return play(only=inputs, inputs=inputs)


def test_latest_is_refused(refused: Run) -> None:
    assert "found 'latest'" in refused.failure("prometheus")


def test_archive_with_another_checksum_is_refused(
    refused: Run, scratch: Scratch, archive: Callable[[str], Archive]
) -> None:
    found = archive("node-exporter").checksum

    assert f"to be sha256:{'0' * 64}, found {found}" in refused.failure("node-exporter")
    assert not scratch.host.file(f"/opt/node_exporter/{VERSION}").exists
    assert scratch.host.service("node-exporter").is_running


@pytest.fixture(scope="module")
def unpacked(refused: Run, archives: dict[str, Archive], play: Play) -> Run:
    return play(inputs=pinned(archives))


@pytest.mark.long
@every_service
def test_service_runs_the_archives_program(
    unpacked: Run, scratch: Scratch, services: Services, unit: str
) -> None:
    assert not unpacked.failure(unit)
    home = f"/opt/{services[unit].component}/{VERSION}"

    assert programs(scratch, [unit])[unit] == f"{home}/{services[unit].binaries[0][0]}"
    for name, _ in services[unit].binaries:
        assert scratch.host.file(f"/usr/local/bin/{name}").linked_to == f"{home}/{name}"


@pytest.mark.long
def test_version_that_is_not_tested_is_warned_about(unpacked: Run) -> None:
    told = " ".join(unpacked.output.split())

    assert "expected node_exporter of a version that this repository is tested with, 1.5 (bookworm)" in told
    assert f"found {VERSION}" in told


@pytest.mark.long
def test_second_run_from_archives_changes_nothing(
    unpacked: Run, archives: dict[str, Archive], play: Play
) -> None:
    again = play("--diff", inputs=pinned(archives)).ok()

    assert again.changed() == []


@pytest.mark.long
def test_services_return_to_the_distributions_programs(
    unpacked: Run, scratch: Scratch, services: Services, play: Play
) -> None:
    units = ("prometheus", "node-exporter")

    play(only=units).ok()

    running = programs(scratch, units)
    assert [running[unit] for unit in units] == [services[unit].binaries[0][1] for unit in units]
    assert not scratch.host.file("/usr/local/bin/promtool").exists
