"""Executors: bring every host to a version by running a program. Both pass one contract suite."""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from rollback.adapters import process
from rollback.adapters.judging import Heard, restored
from rollback.adapters.rehearsing import Tried
from rollback.adapters.step_file import StepFile
from rollback.domain.control import Rehearsal
from rollback.domain.deployment import Release
from rollback.domain.errors import Blind, ShuttingDown
from rollback.domain.ports import Clock, Gate, Pause, RunOutcome, RunResult
from rollback.domain.progress import ASKED, GATE
from rollback.domain.rollback import HostResult, HostState, Rollback
from rollback.domain.stored import Step

INHERITED = ("PATH", "HOME", "LANG", "TZ")
"""What a program may know of the daemon's own environment; everything else is left out, secrets above all."""
EVENTS = "MITA_ROLLBACK_EVENTS"
GATE_FILE = "MITA_ROLLBACK_GATE"
GO = "go"
TAIL_LINES, TAIL_READ = 2, 4_096
PLACE = re.compile(r"\{([a-z_]+)\}")
PLACES = ("service", "from_version", "to_version", "rollback_id", "hosts", "checksum", "variables")
"""What may stand between braces in an argument."""


@dataclass(frozen=True, kw_only=True)
class CommandPlan:
    """The programs of one site.

    In both argv `{service} {from_version} {to_version} {rollback_id} {hosts} {checksum}` are replaced, and
    `{variables}` by all of them as a JSON object with the names that playbooks use. `{hosts}` is empty when
    all are meant.

    asks: the program itself asks the gate before it touches the first host; for another one the gate is asked
    before it is started.
    """

    argv: Sequence[str]
    directory: Path
    runs: Path
    timeout: float
    grace: float
    kill_after: float = 3.0
    environment: Mapping[str, str] = field(default_factory=dict)
    asks: bool = False
    rehearsal_argv: Sequence[str] = ()
    rehearsal_timeout: float = 60.0


Checksum = Callable[[Rollback], str]
"""The checksum of the archive of the target; empty when it is not known."""
Hosts = Callable[[str], Sequence[str]]
"""The hosts that a service is configured to have."""


class CommandExecutor:
    """Runs the plan's programs. A run's output stays in a file under `runs`."""

    def __init__(
        self,
        plan: Callable[[], CommandPlan],
        clock: Clock,
        base: Mapping[str, str],
        hosts: Hosts = lambda service: (),
        checksum: Checksum = lambda rollback: "",
    ) -> None:
        self._plan, self._clock = plan, clock
        self._base = {name: base[name] for name in INHERITED if name in base}
        self._hosts, self._checksum = hosts, checksum

    def run(
        self, rollback: Rollback, on_step: Callable[[Step], None], stopping: Pause, gate: Gate
    ) -> RunResult:
        """Restore `rollback.to_version`; report steps while it works; never raise for a failed run."""
        plan, heard = self._plan(), Heard()
        runs = plan.runs / str(rollback.id)
        folder, mark = runs / f"attempt-{rollback.attempt}", str(runs)
        asked = _GateFile(folder / "gate", gate)
        try:  # before the gate is asked: what it is asked about must stand still
            process.patiently(lambda: process.kill_leftovers(mark), time.monotonic)
        except OSError as error:
            return RunResult(outcome=RunOutcome.FAILED, detail=f"a former run could not be ended: {error}")
        if not plan.asks and not asked.open():
            return RunResult(outcome=RunOutcome.CALLED_OFF, detail=asked.closed)

        def take(step: Step) -> None:
            heard.add(step)
            on_step(step)
            if plan.asks:
                asked.hear(step)

        output = folder / "output.log"
        try:
            process.patiently(lambda: folder.mkdir(parents=True, exist_ok=True), time.monotonic)
            asked.path.unlink(missing_ok=True)
            steps = StepFile(folder / "steps.jsonl", self._clock, take)
            environment = {EVENTS: str(steps.path), **({GATE_FILE: str(asked.path)} if plan.asks else {})}
            program = self._program(plan, plan.argv, _values(rollback, self._checksum(rollback)), environment)
            ending = process.run(program(mark, plan.timeout), output, steps.read, stopping, time.monotonic)
            process.patiently(steps.read_all, time.monotonic)
        except (OSError, ValueError) as error:  # what cannot be an argument is a ValueError
            return RunResult(outcome=RunOutcome.FAILED, detail=f"{plan.argv[0]} could not run: {error}")
        return self._result(ending, rollback, plan, heard, asked.closed, output)

    def rehearse(self, service: str, target: Release, stopping: Pause) -> tuple[Rehearsal, ...]:
        """Prove the way back on every host without touching anything; nothing where no program can.

        Raises Blind when the program said nothing of any host, ShuttingDown when *stopping* says so.
        """
        plan, tried = self._plan(), Tried()
        if not plan.rehearsal_argv:
            return ()
        folder = plan.runs / f"rehearsal-{quote(service, safe='')}"
        output = folder / "output.log"
        values = {"service": service, "to_version": target.version, "checksum": target.checksum}
        try:
            shutil.rmtree(folder, ignore_errors=True)  # only the last one is of interest
            folder.mkdir(parents=True)
            steps = StepFile(folder / "steps.jsonl", self._clock, tried.add)
            program = self._program(plan, plan.rehearsal_argv, values, {EVENTS: str(steps.path)}, grace=0)
            limit = plan.rehearsal_timeout
            ending = process.run(program(str(folder), limit), output, steps.read, stopping, time.monotonic)
            process.patiently(steps.read_all, time.monotonic)
        except (OSError, ValueError) as error:
            raise Blind(f"{plan.rehearsal_argv[0]} could not run: {error}") from error
        if ending.stopped:
            raise ShuttingDown
        why = f"not finished after {limit:.0f} s" if ending.timed_out else f"exit code {ending.code}"
        expected = self._hosts(service)
        if not tried.hosts:
            raise Blind(f"the rehearsal said nothing of any host: {why}: {_tail(output)}; see {output}")
        return tried.ended(self._clock.now(), expected, f"the rehearsal said nothing of it: {why}")

    def _program(
        self,
        plan: CommandPlan,
        argv: Sequence[str],
        values: Mapping[str, str],
        environment: Mapping[str, str],
        grace: float | None = None,
    ) -> Callable[[str, float], process.Program]:
        filled = {"from_version": "", "rollback_id": "", "hosts": "", **values}
        filled["variables"] = json.dumps(_variables(filled))

        def program(mark: str, timeout: float) -> process.Program:
            return process.Program(
                argv=[PLACE.sub(lambda found: filled.get(found[1], found[0]), part) for part in argv],
                directory=plan.directory,
                environment={**self._base, **plan.environment, **environment},
                run_mark=mark,
                timeout=timeout,
                grace=plan.grace if grace is None else grace,
                kill_after=plan.kill_after,
            )

        return program

    def _result(
        self,
        ending: process.Ending,
        rollback: Rollback,
        plan: CommandPlan,
        heard: Heard,
        closed: str,
        output: Path,
    ) -> RunResult:
        if ending.stopped:
            return RunResult(outcome=RunOutcome.HANDED_OVER, detail="the daemon is stopping")
        if closed and not heard.moved:
            return RunResult(outcome=RunOutcome.CALLED_OFF, detail=closed)
        well, expected = ending.code == 0, rollback.only or self._hosts(rollback.service)
        at = self._clock.now()
        results = heard.ended(at, well=well, expected=expected)
        if well and not results:  # a program that tells of no host has moved them all
            names = expected or (rollback.service,)
            results = tuple(HostResult(host=name, state=HostState.DONE, at=at) for name in names)
        if ending.timed_out:
            detail = f"not finished after {plan.timeout:.0f} s, all its processes killed"
            told = "; ".join(part for part in (detail, heard.why(results), f"see {output}") if part)
            return RunResult(outcome=RunOutcome.TIMED_OUT, detail=told, results=results)
        why = heard.why(results)
        if restored(results):
            return RunResult(outcome=RunOutcome.RESTORED, detail=why, results=results)
        why = why or f"exit code {ending.code}: {_tail(output)}; see {output}"
        return RunResult(outcome=RunOutcome.FAILED, detail=why, results=results)


class _GateFile:
    """Answers the program's question by a file that it waits for."""

    def __init__(self, path: Path, gate: Gate) -> None:
        self.path, self._gate, self.closed = path, gate, ""

    def open(self) -> bool:
        """Ask now."""
        self.closed = self._gate()
        return not self.closed

    def hear(self, step: Step) -> None:
        """Answer when the program asks; one that gets no answer gives up by itself."""
        if (step.step, step.status) != (GATE, ASKED) or self.path.exists():
            return
        answer = GO if self.open() else f"closed: {self.closed}"
        with contextlib.suppress(OSError):
            whole = self.path.with_suffix(".new")
            whole.write_text(answer, encoding="utf-8")
            whole.rename(self.path)


def _values(rollback: Rollback, checksum: str) -> dict[str, str]:
    return {
        "service": rollback.service,
        "from_version": rollback.from_version,
        "to_version": rollback.to_version,
        "rollback_id": str(rollback.id),
        "hosts": ",".join(rollback.only),
        "checksum": checksum,
    }


def _variables(values: Mapping[str, str]) -> dict[str, object]:
    """The same for playbooks: as JSON, so that no value can be read as anything but one value."""
    leaving, only, checksum = values["from_version"], values["hosts"], values["checksum"]
    return {
        "app_version": values["to_version"],
        **({"app_leaving": leaving, "app_by_daemon": True} if leaving else {}),
        **({"app_only": only.split(",")} if only else {}),
        **({"app_checksum": checksum} if checksum else {}),
    }


def _tail(output: Path) -> str:
    """The last words of a program that told of nothing else."""
    text = "".join(_end(file).decode(errors="replace") for file in (process.earlier(output), output))
    lines = ["".join(c for c in line if c.isprintable()).strip() for line in text.splitlines()]
    return " / ".join([line for line in lines if line][-TAIL_LINES:])[-300:] or "no output"


def _end(output: Path) -> bytes:
    """The last bytes of a file; none where it cannot be read."""
    with contextlib.suppress(OSError), output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - TAIL_READ))
        return file.read(TAIL_READ)
    return b""
