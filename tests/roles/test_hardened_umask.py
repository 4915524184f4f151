"""Under umask 027, what is installed, unpacked and deployed runs, and modes that are wrong are mended."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.playbook import Run, run_playbook
from harness.release.build import build
from harness.scratch.archives import make_archive
from harness.scratch.host import Scratch
from harness.scratch.roles import Part, play_roles
from tests.roles.services import Service

pytestmark = pytest.mark.lab
VERSION, PASSWORD = "9.9.1", "planted-password-of-the-host"
DATA = "/srv/monitoring/prometheus"
APPLICATION: dict[str, Any] = {
    "postgresql_roles": [{"name": "mita", "password": PASSWORD}],
    "postgresql_databases": [{"name": "mita", "owner": "mita"}],
    "postgresql_access": [{"database": "mita", "role": "mita", "from": ["127.0.0.1/32"]}],
    "redis_password": PASSWORD,
    "application_database_url": f"postgresql://mita:{PASSWORD}@127.0.0.1:5432/mita",
    "application_redis_url": f"redis://:{PASSWORD}@127.0.0.1:6379/0",
    "application_without_daemon": True,
}
DAEMON = {
    "rollback_webhook_secret": PASSWORD,
    "rollback_admin_secret": f"other-{PASSWORD}",
    "rollback_settings": {"prometheus_url": "", "alertmanager_url": ""},
}
UNPACKED = "/opt/prometheus /opt/mita-rollback /opt/mita-backend/releases"
SHUT = f"find {UNPACKED} -not -type l -not -perm -o=r; find {UNPACKED} -type d -not -perm -o=x"
SHUT += "; find /srv -maxdepth 1 -not -perm -o=x"


@pytest.fixture(scope="module")
def hardened(scratch: Scratch) -> Scratch:
    scratch.host.check_output("sed -i 's/^UMASK.*/UMASK 027/' /etc/login.defs")
    scratch.host.check_output("echo 'Defaults umask=0027' > /etc/sudoers.d/umask")
    return scratch


def as_site(hardened: Scratch, playbook: str, *options: str, **variables: Any) -> Run:
    return run_playbook(
        f"playbooks/{playbook}.yml",
        *options,
        inventory=hardened.inventory,
        variables=APPLICATION | variables,
    )


@pytest.fixture(scope="module")
def archive_inputs(
    hardened: Scratch, services: Mapping[str, Service], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Prometheus as an archive, made of the distribution's, which this umask must not spoil either."""
    play_roles([services["prometheus"].part()], inventory=hardened.inventory).ok()
    row = services["prometheus"]
    place = tmp_path_factory.mktemp("archives")
    archive = make_archive(hardened.container, row.component, VERSION, dict(row.binaries), place)
    return {
        "install_method": "archive",
        "version": VERSION,
        "archive_url": str(archive.path),
        "archive_checksum": archive.checksum,
        "data_dir": DATA,
    }


@pytest.fixture(scope="module")
def parts(services: Mapping[str, Service], archive_inputs: dict[str, Any]) -> list[Part]:
    return [services["prometheus"].part(**archive_inputs), Part("rollback", "rollback", DAEMON)]


@pytest.fixture(scope="module")
def installed(hardened: Scratch, parts: list[Part]) -> Run:
    return play_roles(parts, inventory=hardened.inventory).ok()


@pytest.fixture(scope="module")
def deployed(installed: Run, hardened: Scratch, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    for playbook in ("backing_services", "application"):
        as_site(hardened, playbook).ok()
    release = build("1.0.0", [], directory=tmp_path_factory.mktemp("release"))
    variables = {"app_version": "1.0.0", "app_archive": str(release), "app_without_daemon": True}
    as_site(hardened, "deploy", **variables).ok()
    return variables


def words(run: Run) -> str:
    """What was said, on one line."""
    return " ".join(run.output.split())


def live(hardened: Scratch) -> str:
    told = hardened.host.check_output("curl --fail --silent --retry 5 http://127.0.0.1:8080/version")
    return str(json.loads(told)["version"])


def test_the_host_is_hardened_as_this_test_thinks(hardened: Scratch, tmp_path: Path) -> None:
    playbook = tmp_path / "umask.yml"
    touch = {"ansible.builtin.command": "touch /root/made", "become": True}
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [touch]}]))

    run_playbook(playbook, inventory=hardened.inventory, cwd=REPO).ok()

    assert oct(hardened.host.file("/root/made").mode) == "0o640"


def test_an_archive_and_the_bundle_of_the_daemon_run(installed: Run, hardened: Scratch) -> None:
    pid = hardened.host.check_output("systemctl show -P MainPID prometheus")

    assert hardened.host.check_output(f"readlink /proc/{pid}/exe") == f"/opt/prometheus/{VERSION}/prometheus"
    assert hardened.host.service("rollback").is_running
    assert "expected prometheus of a version that this repository is tested with" in words(installed)
    assert hardened.host.check_output(SHUT.replace("/opt/mita-backend/releases", "")) == ""


@pytest.mark.long
def test_a_release_is_deployed_and_everything_of_ours_can_be_read(
    deployed: dict[str, Any], hardened: Scratch
) -> None:
    assert live(hardened) == "1.0.0"
    assert hardened.host.check_output(SHUT) == ""


@pytest.mark.long
def test_second_runs_change_nothing(deployed: dict[str, Any], hardened: Scratch, parts: list[Part]) -> None:
    assert play_roles(parts, inventory=hardened.inventory).ok().changed() == []
    assert as_site(hardened, "application").ok().changed() == []
    assert as_site(hardened, "deploy", **deployed).ok().changed() == []


@pytest.mark.long
def test_what_an_earlier_run_left_shut_is_mended(
    deployed: dict[str, Any], hardened: Scratch, parts: list[Part]
) -> None:
    hardened.host.check_output("chmod -R o= /opt/prometheus /opt/mita-rollback /opt/mita-backend")
    for unit in ("prometheus", "rollback", "mita-backend"):
        hardened.host.run(f"systemctl stop {unit}")

    told = play_roles(parts, "--check", "--diff", inventory=hardened.inventory).ok()
    play_roles(parts, inventory=hardened.inventory).ok()
    as_site(hardened, "application").ok()

    assert any("open /opt/prometheus" in diff["after"] for event in told.events for diff in event.diffs)
    assert hardened.host.check_output(SHUT) == ""
    assert live(hardened) == "1.0.0"
    for unit in ("prometheus", "rollback"):
        assert hardened.host.service(unit).is_running
