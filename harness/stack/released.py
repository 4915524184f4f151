"""Releases as faults: built before, deployed over the good one, and over when the good one is live again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from devtools.paths import RUNS_DIR
from devtools.wait import DeadlineError
from harness.faults import on_host
from harness.faults.fault import HEALTHY, Fault, faults
from harness.incident.patience import ANSIBLE_S, SERVICE
from harness.lab import addresses
from harness.lab.hosts import HOSTS
from harness.stack import rollout
from harness.stack.traffic import TEST_RATE, flowing

ROOT = "/opt/mita-backend"
GUARD = "release-left"
BACK = """\
live=$(readlink {root}/current)
if [ "${{live##*/}}" = {version} ] && [ -d {root}/releases/{good} ]; then
    ln -sfn releases/{good} {root}/current.back
    chown -h --reference={root}/current {root}/current.back
    mv -T {root}/current.back {root}/current
    systemctl restart mita-backend
fi
"""
"""The good release without Ansible and daemon, on a host to which neither we nor they came back."""
HOME = RUNS_DIR / "releases"
"""Where the words of the playbooks and the load's figures are."""
GUARDED_TIMES = 3
"""So many times as long as a fault lasts, its release may be there: the daemon has to end it first."""
WHO = "the fault is over"


@dataclass(frozen=True, kw_only=True)
class Released:
    """A release that a fault deployed, the one before it, and what each host ran when the daemon was done."""

    version: str
    good: str
    hosts: Mapping[str, str]


def version_of(fault: Fault) -> str:
    """A version of its own: what was rejected once is another fault's."""
    deploying = sorted(one.name for one in faults().values() if one.deploys)
    return f"3.{deploying.index(fault.name)}.0"


def build(batch: Sequence[Fault]) -> None:
    """Have the archives of everything that a batch deploys."""
    builds = [
        rollout.building(version_of(fault), None if fault.deploys == HEALTHY else fault.deploys)
        for fault in batch
        if fault.deploys
    ]
    for each in builds:
        rollout.built(each)


@contextmanager
def pressed(batch: Sequence[Fault]) -> Iterator[None]:
    """Enough requests for a verdict about a release, while something is deployed."""
    if not any(fault.deploys for fault in batch):
        yield
        return
    with flowing(HOME / "load", TEST_RATE):
        yield


def inject(fault: Fault) -> None:
    """The fault is there: its release is live on both hosts, and what it does on hosts is done."""
    if fault.deploys:
        on_host.inject(guard(fault))
    on_host.inject(fault, first=lambda: _deploy(fault))


def undo(fault: Fault) -> Released | None:
    """The fault is over, and the good release is live, by the daemon's doing or else by ours."""
    on_host.undo(fault)
    if not fault.deploys:
        return None
    left = Released(version=version_of(fault), good=rollout.GOOD, hosts=back_to_good())
    on_host.undo(guard(fault))
    return left


def guard(fault: Fault) -> Fault:
    """What takes the release of a fault away when nobody else does: at a deadline, or when its host boots."""
    version = version_of(fault)
    return replace(
        fault,
        name=GUARD,
        does=f"{version} is taken away where nobody comes back for it.",
        proves=(),
        may=(),
        hosts=tuple(host.name for host in HOSTS if addresses.APPLICATION_PORT in host.ports),
        inject="true",
        holds="true",
        undo=BACK.format(root=ROOT, version=version, good=rollout.GOOD),
        lasts_s=GUARDED_TIMES * fault.lasts_s,
        needs=None,
    )


def back_to_good() -> Mapping[str, str]:
    """Have the good release live and nothing asked of people; what hosts ran when the daemon was done."""
    with suppress(DeadlineError):  # then hosts say what it left
        rollout.patiently("the daemon to be done with hosts", _is_done, ANSIBLE_S)
    found = rollout.live_versions()
    if set(found.values()) != {rollout.GOOD}:
        HOME.mkdir(parents=True, exist_ok=True)
        rollout.deploy_good(HOME)
    _answer()
    return found


def _deploy(fault: Fault) -> None:
    if not fault.deploys:
        return
    HOME.mkdir(parents=True, exist_ok=True)
    version = version_of(fault)
    with rollout.deploying(version, HOME / f"deploy-{version}.log") as deploy:
        rollout.finish(deploy, rollout.DEPLOY_S)


def _is_done() -> bool:
    """Whether the daemon moves no host, and every host says what it runs."""
    at_work = addresses.daemon().service(SERVICE).get("active_rollback")
    return not at_work and "none" not in rollout.live_versions().values()


def _answer() -> None:
    """Answer what the daemon left to a person, as one would who knows that the fault is over."""
    daemon = addresses.daemon()
    service = daemon.service(SERVICE)
    if left := service.get("unresolved"):
        daemon.acknowledge(left["rollback_id"], note=WHO)
    if service.get("breaker"):
        daemon.close_breaker(SERVICE, note=WHO)
    proposal = service.get("proposal")
    if proposal and proposal["state"] == "open":
        daemon.reject(proposal["id"], note=WHO)
    standing = {one["version"]: one["standing"] for one in service.get("releases", ())}
    if standing.get(rollout.GOOD, "good") != "good":
        daemon.mark(SERVICE, rollout.GOOD, "good", note=WHO)
