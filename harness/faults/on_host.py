"""A fault on a lab host, and what undoes it there even when nobody comes back.

What undoes a fault lies beside it on the host's disk. A timer of systemd runs it at the fault's deadline; a
unit runs what is left when the host boots, because a boot forgets timers. So neither a program of ours that
was killed nor an engine that was stopped leaves a fault behind.
"""

import io
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from devtools.errors import UserError
from harness.faults import truth
from harness.faults.fault import Fault
from harness.lab import containers, engine

HELPERS = Path(__file__).with_name("helpers.sh")
HOME = "/var/lib/mita-faults"
UNIT = "mita-fault"
BOOT_UNIT = "/etc/systemd/system/mita-faults.service"
POLITELY = ("nice", "-n", "10")
"""What we do to a host costs no exporter on it a scrape: the lab gives one a second."""
TIMELY = "--timer-property=AccuracySec=1s"
"""A timer of systemd may else come a minute late."""
AT_BOOT = """\
[Unit]
Description=Undo the faults that were left when the host went down
ConditionDirectoryNotEmpty={home}
[Service]
Type=oneshot
ExecStart=/bin/sh {home}/at-boot
[Install]
WantedBy=multi-user.target
"""
UNDO_ALL = """\
for each in {home}/*.leaves; do [ ! -e "$each" ] || /bin/sh "$each"; done
# The newest first, as each kept what it found. What needs a program that is still starting is tried again.
for again in $(seq 30); do
    ls -1dt {home}/*/ 2>/dev/null | while read -r each; do /bin/sh "${{each}}end" < /dev/null; done
    [ -n "$(find {home} -mindepth 1 -type d)" ] || exit 0
    sleep 1
done
exit 1
"""


def inject(fault: Fault, first: Callable[[], None] = lambda: None) -> None:
    """The fault is on each of its hosts; where that fails it is undone on all, and UserError says why.

    What belongs to it and is done elsewhere is done *first*.
    """
    if there := [host for host in fault.hosts if fault.name in left_on(host)]:
        raise UserError(
            f"expected {', '.join(there)} without the fault {fault.name}, found it there; "
            f"`harness fault undo {fault.name}` ends it"
        )
    truth.injected(fault, time.time())  # before it is there: what it causes at once is its doing, too
    try:
        first()
        for host in fault.hosts:
            _inject(host, fault)
    except BaseException as error:  # also whoever interrupts it leaves nothing behind
        try:
            undo(fault)
        except UserError as also:
            raise UserError(f"{error}\n{also}") from error
        raise


def undo(fault: Fault) -> None:
    """The fault is on none of its hosts, the last one first; UserError names those on which that failed."""
    failed = []
    for host in reversed(fault.hosts):
        if words := _undo(host, fault.name):
            failed.append(f"{host}: {words}")
    if failed:
        raise UserError(f"expected the fault {fault.name} to be undone, found {'; '.join(failed)}")
    truth.undone(fault.name)


@contextmanager
def needed(faults: Iterable[Fault]) -> Iterator[None]:
    """For the block the programs run that these faults need and the lab does not."""
    programs = {fault.needs.name: fault.needs for fault in faults if fault.needs}
    with ExitStack() as ends:
        for program in programs.values():
            inject(program)
            ends.callback(undo, program)
        yield


def holds(fault: Fault) -> bool:
    """Tell whether the fault is on every one of its hosts now."""
    return all(_run(host, f"sh -eu {HOME}/{fault.name}/holds")[0] == 0 for host in fault.hosts)


def left_on(host: str) -> list[str]:
    """Return the names of the faults that are on a host, the newest first: so each finds what it kept."""
    listed = f"find {HOME} -mindepth 1 -type d -printf '%T@ %f\\n' 2>/dev/null | sort -rn | cut -d ' ' -f 2"
    return _run(host, listed)[1].split()


def undo_all(host: str, *, but: str = "") -> list[str]:
    """Undo whatever is on a host, also what another run of ours left there; return the names."""
    names = [name for name in left_on(host) if name != but]
    failed = [f"{name}: {words}" for name in names if (words := _undo(host, name))]
    if failed:
        raise UserError(f"expected the faults on {host} to be undone, found {'; '.join(failed)}")
    for name in names:
        truth.undone(name)
    return names


def _inject(host: str, fault: Fault) -> None:
    home, unit = f"{HOME}/{fault.name}", f"{UNIT}-{fault.name}"
    # Units that a fault starts as $FAULT.something end with it.
    own = f"export FAULT={unit} HOME_OF_FAULTS={HOME}\n. {home}/helpers.sh\n"
    stop = f"systemctl stop {unit}.timer '{unit}.*.service' 2>/dev/null"
    helpers = HELPERS.read_text("utf-8")
    shared = {
        f"{HOME}/helpers.sh": helpers,
        f"{HOME}/at-boot": UNDO_ALL.format(home=HOME),
        BOOT_UNIT: AT_BOOT.format(home=HOME),
    }
    files = {
        f"{home}/helpers.sh": helpers,
        f"{home}/inject": own + fault.inject,
        f"{home}/holds": own + fault.holds,
        f"{home}/undo": own + fault.undo,
        f"{home}/end": f"{stop}\nset -e\nsh -eu {home}/undo\nrm -r {home}\n",
    }
    # Others read what is shared at the same moment: it is there as a whole, always.
    _copy(host, files | {f"{path}.{fault.name}": text for path, text in shared.items()})
    taken = "".join(f"mv -f {path}.{fault.name} {path}\n" for path in shared)
    timer = (
        f"systemd-run --quiet --collect --unit={unit} --on-active={fault.lasts_s} {TIMELY} /bin/sh {home}/end"
    )
    status, words = _run(
        host, f"{taken}systemctl -q enable mita-faults.service\n{timer}\nsh -eu {home}/inject"
    )
    if status:
        raise UserError(f"expected the fault {fault.name} on {host}, found: {words}")


def _undo(host: str, name: str) -> str:
    """Return the words of what failed; nothing where it was undone, or was not there.

    A host that does not answer keeps no other from being asked.
    """
    end = f"{HOME}/{name}/end"
    try:
        status, words = _run(host, f"if [ -e {end} ]; then sh {end}; fi")
    except UserError as error:
        return str(error)
    return (words or f"exit status {status}") if status else ""


def _run(host: str, script: str) -> tuple[int, str]:
    with engine.explained():
        done = containers.get(host).exec_run([*POLITELY, "/bin/sh", "-c", f"set -e\n{script}"])
    return int(done.exit_code), done.output.decode(errors="replace").strip()


def _copy(host: str, files: dict[str, str]) -> None:
    """Put files on the host; only root reads them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode, member.mtime = len(content.encode()), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(content.encode()))
    with engine.explained():
        containers.get(host).put_archive("/", buffer.getvalue())
