"""The default executor: the playbooks of the daemon's own bundle, run by the Ansible in the same bundle."""

import sys
from dataclasses import dataclass
from pathlib import Path

from rollback.adapters.executors import CommandPlan

CALLBACK = "mita_steps"
FORKS = 20
"""So many hosts are spoken to at once: a batch must not wait for itself."""


@dataclass(frozen=True, kw_only=True)
class PlaybookSite:
    """Where things are on this host."""

    bundle: Path
    playbook: str
    inventory: Path
    state: Path
    timeout: float
    grace: float
    rehearsal: str = "playbooks/rehearse.yml"


def playbook_plan(site: PlaybookSite) -> CommandPlan:
    """The programs that run the playbooks; no configuration of the host is read, everything is said here."""
    return CommandPlan(
        argv=_argv(site, site.playbook),
        directory=site.bundle,
        runs=site.state / "runs",
        timeout=site.timeout,
        grace=site.grace,
        environment=_environment(site),
        asks=True,
        rehearsal_argv=_argv(site, site.rehearsal),
    )


def _argv(site: PlaybookSite, playbook: str) -> list[str]:
    ansible = [sys.executable, "-m", "ansible", "playbook", str(site.bundle / playbook)]
    return [*ansible, "-i", str(site.inventory), "-e", "{variables}"]


def _environment(site: PlaybookSite) -> dict[str, str]:
    roles = site.bundle / "roles"
    return {
        "PYTHONPATH": f"{site.bundle / 'lib'}:{site.bundle}",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(site.state),
        "LANG": "C.UTF-8",
        "ANSIBLE_CONFIG": str(Path(__file__).parent / "ansible.cfg"),
        "ANSIBLE_HOME": str(site.state / ".ansible"),
        "ANSIBLE_ROLES_PATH": str(roles),
        "ANSIBLE_LIBRARY": str(roles / "program" / "library"),
        "ANSIBLE_MODULE_UTILS": str(roles / "program" / "module_utils"),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": CALLBACK,
        "ANSIBLE_FORKS": str(FORKS),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=20s",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(site.state / ".ansible" / "cp"),
    }
