"""Where each service of the lab answers, and the secrets of this lab: clients that are ready to ask."""

from devtools.paths import SECRETS_DIR
from harness.clients import (
    Alertmanager,
    Application,
    ClientError,
    Daemon,
    Prometheus,
    Receivers,
    Webhook,
)
from harness.lab.hosts import HOSTS

APPLICATION_PORT = 8080


def secret(name: str) -> str:
    """Return one of this lab's secrets; raises ClientError if the lab was never up."""
    try:
        return (SECRETS_DIR / name).read_text().strip()
    except OSError as error:
        raise ClientError(
            f"expected the lab's secret {name} in {SECRETS_DIR}: run `harness lab up` first"
        ) from error


def address(host: str, port: int) -> str:
    """Return where *port* of a lab host is published on this machine."""
    [found] = [h for h in HOSTS if h.name == host]
    return f"http://127.0.0.1:{found.ports[port]}"


def prometheus() -> Prometheus:
    """Return the lab's Prometheus."""
    return Prometheus(address("monitor", 9090))


def alertmanager() -> Alertmanager:
    """Return the lab's Alertmanager."""
    return Alertmanager(address("monitor", 9093))


def daemon() -> Daemon:
    """Return the lab's rollback daemon."""
    return Daemon(address("monitor", 8000), ("admin", secret("rollback_admin_secret")))


def webhook() -> Webhook:
    """Return the lab's rollback daemon as Alertmanager reaches it."""
    return Webhook(address("monitor", 8000), ("alertmanager", secret("rollback_webhook_secret")))


def receivers() -> Receivers:
    """Return the lab's recording receivers."""
    return Receivers(address("receivers", 9080))


def applications() -> dict[str, Application]:
    """Return the application on each of its hosts."""
    hosts = [host.name for host in HOSTS if APPLICATION_PORT in host.ports]
    return {name: Application(address(name, APPLICATION_PORT)) for name in hosts}
