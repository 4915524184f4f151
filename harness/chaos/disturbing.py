"""How each kind of disturbance is done to the lab, and undone.

The clock is not among them: a container has the machine's, and nothing in it may set that.
"""

from collections.abc import Callable
from contextlib import suppress

from devtools.wait import until
from harness import clients
from harness.chaos.schedule import Disturbance, Kind
from harness.lab import addresses, boot, containers
from harness.lab.hosts import host
from harness.stack import Stack
from harness.stack.stack import DAEMON_DATABASE
from harness.stack.units import Unit

DAEMON_USER = "mita-rollback"
AGAIN = 5
UNDONE_S = 90.0
LOCKING = (
    "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30); "
    "c.execute('BEGIN IMMEDIATE'); time.sleep(float(sys.argv[2])); c.execute('ROLLBACK')"
)
Act = Callable[[], object]


def acts(what: Disturbance, stack: Stack) -> tuple[Act, Act]:
    """What does it, and what undoes it. Both raise UserError or ClientError when they cannot."""
    daemon, alertmanager, prometheus = stack.daemon, stack.alertmanager, stack.prometheus
    known: dict[Kind, tuple[Act, Act]] = {
        Kind.DAEMON_KILLED: (daemon.kill, _nothing),
        Kind.DAEMON_RESTARTED: (lambda: daemon.run("systemctl", "restart", daemon.name), _nothing),
        Kind.DAEMON_AWAY: (daemon.stop, daemon.start),
        Kind.DAEMON_FROZEN: _frozen(daemon),
        Kind.EXECUTOR_KILLED: (lambda: _kill_executor(daemon), _nothing),
        Kind.DATABASE_LOCKED: (lambda: _lock(daemon, what.lasts_s), _nothing),
        Kind.ALERTMANAGER_KILLED: (alertmanager.kill, _nothing),
        Kind.ALERTMANAGER_AWAY: (alertmanager.stop, alertmanager.start),
        Kind.ALERTMANAGER_FROZEN: _frozen(alertmanager),
        Kind.PROMETHEUS_KILLED: (prometheus.kill, _nothing),
        Kind.PROMETHEUS_AWAY: (prometheus.stop, prometheus.start),
        Kind.PROMETHEUS_FROZEN: _frozen(prometheus),
        Kind.HOST_WITHOUT_POWER: (
            lambda: containers.kill(what.host),
            lambda: containers.start(what.host),
        ),
        Kind.HOST_FROZEN: (
            lambda: containers.get(what.host).pause(),
            lambda: containers.get(what.host).unpause(),
        ),
        Kind.SSH_REFUSED: (
            lambda: stack.run_on(what.host, "systemctl", "stop", "ssh.service"),
            lambda: _let_in(stack, what.host),
        ),
        Kind.SLACK_AWAY: (
            lambda: addresses.receivers().behave("slack", status=503),
            lambda: addresses.receivers().behave("slack"),
        ),
        Kind.DELIVERED_AGAIN: (_deliver_again, _nothing),
    }
    return known[what.kind]


def _nothing() -> None:
    pass


def _frozen(unit: Unit) -> tuple[Act, Act]:
    """Every process of it stands still: connections are taken by the kernel and nobody answers."""
    return (
        lambda: unit.run("systemctl", "kill", "--signal=SIGSTOP", unit.name),
        lambda: unit.run("systemctl", "kill", "--signal=SIGCONT", unit.name),
    )


def _kill_executor(daemon: Unit) -> None:
    """Every process that the daemon runs a playbook with; where none runs, nothing happens."""
    daemon.run("sh", "-c", f"pkill -KILL -u {DAEMON_USER} -f [p]laybooks/rollback.yml || true")


def _lock(daemon: Unit, seconds: float) -> None:
    """Nobody else can write to the database for so long."""
    daemon.run("python3", "-c", LOCKING, DAEMON_DATABASE, str(seconds))


def _let_in(stack: Stack, name: str) -> None:
    stack.run_on(name, "systemctl", "start", "ssh.service")
    until(f"{name} to answer SSH", lambda: boot.greets(host(name).ssh_port), deadline_s=UNDONE_S)


def _deliver_again() -> None:
    """What fires is delivered again and again, as by twins; who is away at that moment gets nothing."""
    with suppress(clients.ClientError):
        firing = addresses.alertmanager().alerts(rollback="auto")
        for _ in range(AGAIN if firing else 0):
            addresses.webhook().deliver(firing)
