"""Keys and secrets of this clone's lab: made once, private to this user, gone with `down`."""

import fcntl
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.paths import SECRETS_DIR, SSH_DIR
from devtools.system import run
from harness.lab.hosts import HOSTS, Host

USER_KEY = SSH_DIR / "id_ed25519"
KNOWN_HOSTS = SSH_DIR / "known_hosts"
CONFIG = SSH_DIR / "config"

_PLAIN = (
    "postgres_app_password",
    "postgres_exporter_password",
    "redis_password",
    "rollback_webhook_secret",
    "rollback_admin_secret",
    "pagerduty_critical_key",
    "pagerduty_error_key",
    "smtp_password",
    "grafana_admin_password",
)
SLACK = {
    "slack_webhook_url": "#mita-alerts",
    "slack_incidents_url": "#mita-incidents",
    "slack_database_url": "#mita-database",
    "slack_security_url": "#mita-security",
    "slack_finance_url": "#mita-finance-team",
    "slack_deployments_url": "#mita-deployments",
}
"""The channel of each address of the lab's Slack, as the address of a Slack app has one."""
SECRETS = (*_PLAIN, *SLACK)
"""The names of all secrets of the lab: each is a file, and a variable of its inventory."""


def ensure() -> None:
    """The user's key, one host key per host, known_hosts and every secret exist; what exists is kept."""
    with _alone():
        ensure_key(USER_KEY, "mita-lab")
        for host in HOSTS:
            ensure_key(host_key(host.name), host.name)
        _write(KNOWN_HOSTS, "".join(f"[127.0.0.1]:{h.ssh_port} {public(host_key(h.name))}\n" for h in HOSTS))
        _write(CONFIG, "".join(_ssh_config(host) for host in HOSTS))
        ensure_secrets(SECRETS_DIR)


def ensure_host_key(name: str) -> None:
    """The SSH host key of a host outside of the lab's five exists."""
    with _alone():
        ensure_key(host_key(name), name)


@contextmanager
def _alone() -> Iterator[None]:
    """No other process of this clone makes keys meanwhile: two test runs may begin at once."""
    SSH_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (SSH_DIR / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure_secrets(directory: Path) -> None:
    """Every secret of the lab is a file there that only this user may read; those that exist are kept."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    values = {name: secrets.token_hex(16) for name in _PLAIN}
    for number, name in enumerate(SLACK):
        values[name] = f"http://receivers:9080/services/T000/B{number:03}/{secrets.token_hex(12)}"
    for name, value in values.items():
        if not (directory / name).exists():
            _write(directory / name, value)


def _ssh_config(host: Host) -> str:
    """The stanza with which `ssh -F .lab/ssh/config HOST` works, trusting the recorded host key alone."""
    return (
        f"Host {host.name}\n  HostName 127.0.0.1\n  Port {host.ssh_port}\n  User ops\n"
        f"  IdentityFile {USER_KEY}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {KNOWN_HOSTS}\n  StrictHostKeyChecking yes\n"
    )


def host_key(name: str) -> Path:
    """Where the private SSH host key of a lab host is kept on the controller."""
    return SSH_DIR / "hosts" / name


def public(key: Path) -> str:
    """The public half, without its comment."""
    return " ".join(key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])


def remove() -> None:
    """No key and no secret of this lab is left on the controller."""
    shutil.rmtree(SSH_DIR, ignore_errors=True)
    shutil.rmtree(SECRETS_DIR, ignore_errors=True)


def ensure_key(path: Path, comment: str) -> None:
    """Both halves of a key pair are there; the pair is made beside and moved in, the private half last."""
    if path.exists() and path.with_suffix(".pub").exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    for leftover in (fresh, fresh.with_name(f"{fresh.name}.pub")):
        leftover.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(fresh)])
    fresh.with_name(f"{fresh.name}.pub").rename(path.with_suffix(".pub"))
    fresh.rename(path)


def _write(path: Path, text: str) -> None:
    """The file has this text and was never readable by others, not even half-written."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text, encoding="utf-8")
    fresh.rename(path)
