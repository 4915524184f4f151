"""The lab's hosts are what a role finds on a fresh virtual machine."""

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from testinfra.host import Host as Remote

from devtools.errors import UserError
from devtools.paths import SECRETS_DIR
from devtools.wait import until
from harness.faults import on_host
from harness.faults.fault import faults
from harness.lab import containers, engine, evidence, keys, tenancy
from harness.lab.hosts import HOSTS, os_release
from harness.scratch.host import Scratch

pytestmark = pytest.mark.lab
LabHost = Callable[[str], Remote]
NAMES = [host.name for host in HOSTS]


@pytest.fixture
def remote_receivers(lab_host: LabHost) -> Remote:
    return lab_host("receivers")


@pytest.fixture(params=NAMES)
def remote(request: pytest.FixtureRequest, lab_host: LabHost) -> Remote:
    return lab_host(request.param)


def test_systemd_is_init_and_the_release_is_the_one_asked_for(remote: Remote) -> None:
    assert remote.file("/proc/1/comm").content_string.strip() == "systemd"
    assert remote.system_info.codename == os_release()


def test_every_host_resolves_every_other(remote: Remote) -> None:
    addresses = {name: remote.addr(name).ipv4_addresses for name in NAMES}

    assert all(addresses.values()), addresses


def test_ops_logs_in_by_key_alone_and_becomes_root(remote: Remote) -> None:
    settings = remote.check_output("sshd -T")

    assert "passwordauthentication no" in settings
    assert "kbdinteractiveauthentication no" in settings
    assert remote.check_output("id -u") == "0"


def test_no_two_hosts_share_an_identity(lab_host: LabHost) -> None:
    machines = {lab_host(name).file("/etc/machine-id").content_string for name in NAMES}
    ssh_keys = {lab_host(name).file("/etc/ssh/ssh_host_ed25519_key.pub").content_string for name in NAMES}

    assert len(machines) == len(ssh_keys) == len(NAMES)


def test_packages_install_without_network(lab_host: LabHost) -> None:
    """Asking apt to fetch through a proxy that does not exist fails for whatever the image did not bring."""
    offline = "-o Acquire::http::Proxy=http://127.0.0.1:1 -o Acquire::Retries=0"

    done = lab_host("receivers").run(f"apt-get {offline} install --yes --download-only prometheus postgresql")

    assert done.rc == 0, done.stderr


def test_published_ports_are_bound_to_loopback_alone() -> None:
    for host in HOSTS:
        bindings = [b for listed in containers.get(host.name).ports.values() for b in listed or ()]
        assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}, host.name


def test_the_host_that_watches_weighs_more_than_those_it_watches() -> None:
    """Or Prometheus misses what it is to see while all are busy."""
    weights = {name: containers.get(name).attrs["HostConfig"]["CpuShares"] for name in NAMES}

    assert weights.pop("monitor") > max(weights.values()) > 0


def test_keys_and_secrets_are_readable_by_this_user_alone() -> None:
    private = [*SECRETS_DIR.iterdir(), keys.USER_KEY, *(keys.host_key(name) for name in NAMES)]

    assert {oct(stat.S_IMODE(path.stat().st_mode)) for path in private} == {"0o600"}


def test_evidence_has_every_journal_and_never_raises(tmp_path: Path) -> None:
    place = evidence.collect("a name/with oddities", into=tmp_path)

    assert place == tmp_path / "a_name_with_oddities"
    assert {f"{name}.journal.txt" for name in NAMES} < {path.name for path in place.iterdir()}


def test_a_bare_host_of_a_test_stands_beside_the_lab(scratch: Scratch) -> None:
    client = engine.ensure()
    tenancy.sweep(client)

    assert scratch.container.id in {container.id for container in tenancy.scratch_hosts(client)}
    assert scratch.container.id not in {container.id for container in tenancy.hosts(client)}


BROKEN = replace(
    faults()["unit-failed"],
    name="a-trial",
    hosts=("receivers",),
    inject="touch /srv/broken; systemd-run --quiet --collect --unit=$FAULT.worker sleep 600",
    holds="test -e /srv/broken",
    undo="rm -f /srv/broken",
)


def test_a_fault_that_nobody_ends_ends_by_itself(remote_receivers: Remote) -> None:
    on_host.inject(replace(BROKEN, lasts_s=5))
    assert on_host.holds(BROKEN) and on_host.left_on("receivers") == ["a-trial"]

    until("the fault to be gone", lambda: not on_host.left_on("receivers"), deadline_s=30)
    assert not remote_receivers.file("/srv/broken").exists
    assert not remote_receivers.service("mita-fault-a-trial.worker").is_running


def test_a_fault_that_cannot_be_is_undone_at_once(remote_receivers: Remote) -> None:
    with pytest.raises(UserError, match="expected the fault a-trial on receivers, found: no such thing"):
        on_host.inject(replace(BROKEN, inject="touch /srv/broken; echo no such thing >&2; false"))

    assert on_host.left_on("receivers") == []
    assert not remote_receivers.file("/srv/broken").exists


def test_a_fault_is_there_once_and_undone_twice(remote_receivers: Remote) -> None:
    on_host.inject(BROKEN)
    with pytest.raises(UserError, match="found it there"):
        on_host.inject(BROKEN)
    assert on_host.holds(BROKEN)

    for _ in range(2):
        on_host.undo(BROKEN)
        assert on_host.left_on("receivers") == []


def test_a_host_that_lost_its_power_boots_without_its_fault() -> None:
    """The last one: testinfra's connection to that host ends with it."""
    on_host.inject(BROKEN)
    containers.kill("receivers")
    containers.start("receivers")

    until("the fault to be gone", lambda: not on_host.left_on("receivers"), deadline_s=30)
    assert containers.get("receivers").exec_run(["test", "-e", "/srv/broken"]).exit_code == 1
