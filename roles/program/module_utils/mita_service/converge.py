"""The order of events for one service: plan, check the staged tree, swap, apply; or everything back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import disk, flags, foreign, manifest, report, runtime, stage, systemd
from .disk import Found
from .lock import held
from .manifest import Manifest
from .model import Apply, RequestError, Service
from .plan import Plan, make_plan
from .runtime import NotTakenError
from .systemd import CommandError, UnitState


class RefusedError(Exception):
    """The host is as it was before; the message says what was refused, in the program's own words."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The host as it was found, and what follows from it."""

    service: Service
    found: dict[str, Found | None]
    stored: Manifest
    plan: Plan
    unit: UnitState
    timers: tuple[str, ...]
    unmasked: tuple[str, ...]
    directories: tuple[str, ...]
    may_start: bool

    @property
    def action(self) -> Apply:
        """What the service needs: one that is down is started, one that must not run yet is left alone."""
        if not self.may_start:
            return Apply.NONE
        return self.plan.action if self.unit.running else Apply.RESTART

    @property
    def enables(self) -> bool:
        """Say whether the unit must be made to start at boot."""
        return not self.unit.enabled

    @property
    def changed(self) -> bool:
        """Say whether the host differs from what is wanted."""
        others = (
            self.enables or self.timers or self.unmasked or self.directories or self.action is not Apply.NONE
        )
        return bool(others or self.plan.changes)


@dataclass
class Result:
    """What the task returns."""

    changed: bool = False
    reloaded: bool = False
    restarted: bool = False
    files: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)


def look(service: Service) -> Situation:
    """Return the situation on this host; nothing changes."""
    stored = manifest.load(service.name)
    paths = {file.path for file in service.files} | set(stored.files)
    found = {path: disk.read(path) for path in sorted(paths)}
    plan = make_plan(service, found, stored)
    return Situation(
        service=service,
        found=found,
        stored=stored,
        plan=plan,
        unit=systemd.state(service.unit_name),
        timers=tuple(name for name in service.timers if plan.writes_unit(name) or not systemd.counts(name)),
        unmasked=tuple(unit for unit in service.replaces if not systemd.masked(unit)),
        directories=tuple(d.path for d in service.directories if disk.directory_differs(d)),
        may_start=service.start_if_exists is None or Path(service.start_if_exists).exists(),
    )


def converge(service: Service, *, check_mode: bool) -> Result:
    """Bring the host to what *service* asks for, or raise RefusedError with the host as it was."""
    with held(service.name, check_mode=check_mode):
        situation = look(service)
        _check_flags(situation, check_mode)
        _check_staged(situation, check_mode)
        if not check_mode:
            try:
                _act(situation)
            except foreign.NoSpaceError as error:
                raise RefusedError(str(error)) from error
    return _result(situation)


def _check_flags(now: Situation, check_mode: bool) -> None:
    """Refuse flags that the program does not know before the one that runs is ended for them."""
    restarts = now.plan.apply is Apply.RESTART
    other_program = now.stored.restart_token != now.service.restart_token  # in check mode not installed yet
    if not now.service.command or not restarts or (check_mode and other_program):
        return
    if said := flags.complaint(now.service.command):
        raise RefusedError(
            f"{now.service.command[0]} refuses its flags and nothing was replaced: {said}; "
            "mend the flags that the inventory gives it"
        )


def _check_staged(now: Situation, check_mode: bool) -> None:
    if not now.service.checks or not now.plan.changes:
        return
    if check_mode and stage.missing_programs(now.service):
        return
    try:
        with stage.staged(now.service, now.plan) as root:
            stage.check(now.service, root, systemd.run)
    except CommandError as error:
        raise RefusedError(f"the new configuration was refused and nothing was replaced: {error}") from error
    except OSError as error:
        raise RefusedError(
            f"the new configuration could not be tried, nothing was replaced: {error}"
        ) from error


def _act(now: Situation) -> None:
    for directory in now.service.directories:
        disk.make_directory(directory)
    if not now.changed:
        _confirm(now)
        return
    foreign.require_space(now.plan.writes)
    foreign.keep(now.service.name, now.plan.writes, now.found, now.stored)
    with _everything_back_on_failure(now):
        manifest.save(now.service.name, now.stored.begun(now.service))
        before, after = now.plan.split()
        _swap(now.service, before)
        _configure_systemd(now)
        if now.may_start:
            runtime.apply(now.service, now.action)
        _swap(now.service, after)
        for timer in now.timers:
            systemd.begin(timer)
    manifest.save(now.service.name, manifest.finished(now.service))


def _confirm(now: Situation) -> None:
    """A service that needed nothing must still answer."""
    if not now.may_start:
        return
    try:
        runtime.apply(now.service, Apply.NONE)
    except NotTakenError as error:
        raise RefusedError(f"nothing had to be changed, but the service does not serve: {error}") from error


def _swap(service: Service, plan: Plan) -> None:
    for file in plan.writes:
        disk.make_parents(file.path, service.root_group)
        disk.write(file.path, disk.as_found(file))
    for path in plan.prunes:
        Path(path).unlink(missing_ok=True)


def _configure_systemd(now: Situation) -> None:
    for unit in now.unmasked:
        systemd.run(["systemctl", "mask", "--now", unit])
    if now.plan.touches_units or now.unit.stale:
        systemd.run(["systemctl", "daemon-reload"])
    if now.enables:
        systemd.run(["systemctl", "enable", now.service.unit_name])


@contextmanager
def _everything_back_on_failure(now: Situation) -> Iterator[None]:
    try:
        yield
    except (NotTakenError, CommandError, RequestError, OSError) as error:
        after = _restore(now)
        raise RefusedError(
            f"{error}\nThe previous files are back; {now.service.unit_name} is {after}."
        ) from error
    except BaseException:
        _restore(now)
        raise


def _restore(now: Situation) -> str:
    """Put files, unit and state back; return how the service is now."""
    for path in [file.path for file in now.plan.writes] + list(now.plan.prunes):
        disk.restore(path, now.found[path])
    manifest.save(now.service.name, now.stored)
    try:
        _restore_systemd(now)
    except (CommandError, NotTakenError) as error:
        return f"not back in its former state: {error}"
    return systemd.state(now.service.unit_name).active


def _restore_systemd(now: Situation) -> None:
    name = now.service.unit_name
    if now.enables:
        systemd.run(["systemctl", "disable", name])
    if not now.unit.running and now.may_start:
        systemd.run(["systemctl", "stop", name])
        systemd.reset_failed(name)
    for unit in now.unmasked:
        systemd.run(["systemctl", "unmask", unit])
    systemd.run(["systemctl", "daemon-reload"])
    if now.unit.running:
        runtime.apply(now.service, now.action)


def _result(now: Situation) -> Result:
    secrets = {file.path for file in now.service.files if file.secret}
    secrets |= {path for path, entry in now.stored.files.items() if entry.secret}
    return Result(
        changed=now.changed,
        reloaded=now.action is Apply.RELOAD,
        restarted=now.action is Apply.RESTART,
        files=[file.path for file in now.plan.writes],
        pruned=list(now.plan.prunes),
        diff=report.diffs(now.plan, now.found, frozenset(secrets)),
    )
