"""Executors: bring every host to a version by running a program. Both pass one contract suite."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollback.adapters import process
from rollback.adapters.steps import StepFile
from rollback.domain.ports import Clock, Pause, RunOutcome, RunResult
from rollback.domain.records import Step
from rollback.domain.rollback import Rollback

INHERITED = ("PATH", "HOME", "LANG", "TZ")
"""What a program may know of the daemon's own environment; everything else is left out, secrets above all."""
EVENTS = "MITA_ROLLBACK_EVENTS"
TAIL_LINES = 5


@dataclass(frozen=True, kw_only=True)
class CommandPlan:
    """The program of one site. `{service} {from_version} {to_version} {rollback_id}` in argv are replaced."""

    argv: Sequence[str]
    directory: Path
    runs: Path
    timeout: float
    grace: float
    kill_after: float = 3.0
    environment: Mapping[str, str] = field(default_factory=dict)


class CommandExecutor:
    """Runs the plan's program: exit code 0 means restored; its output stays in a file under `runs`."""

    def __init__(self, plan: Callable[[], CommandPlan], clock: Clock, base: Mapping[str, str]) -> None:
        self._plan, self._clock = plan, clock
        self._base = {name: base[name] for name in INHERITED if name in base}

    def run(self, rollback: Rollback, on_step: Callable[[Step], None], stopping: Pause) -> RunResult:
        """Restore `rollback.to_version`; report steps while it works; never raise for a failed run."""
        plan = self._plan()
        folder = plan.runs / str(rollback.id) / f"attempt-{rollback.attempt}"
        folder.mkdir(parents=True, exist_ok=True)
        output, steps = folder / "output.log", StepFile(folder / "steps.jsonl", self._clock, on_step)
        program = process.Program(
            argv=[_filled(argument, rollback) for argument in plan.argv],
            directory=plan.directory,
            environment={**self._base, **plan.environment, EVENTS: str(steps.path)},
            run_mark=str(plan.runs / str(rollback.id)),
            timeout=plan.timeout,
            grace=plan.grace,
            kill_after=plan.kill_after,
        )
        try:
            ending = process.run(program, output, steps.read, stopping, time.monotonic)
        except OSError as error:
            return RunResult(outcome=RunOutcome.FAILED, detail=f"{program.argv[0]} could not run: {error}")
        return _result(ending, plan, output)


def _filled(argument: str, rollback: Rollback) -> str:
    values = {
        "{service}": rollback.service,
        "{from_version}": rollback.from_version,
        "{to_version}": rollback.to_version,
        "{rollback_id}": str(rollback.id),
    }
    for name, value in values.items():
        argument = argument.replace(name, value)
    return argument


def _result(ending: process.Ending, plan: CommandPlan, output: Path) -> RunResult:
    if ending.code == 0:
        return RunResult(outcome=RunOutcome.RESTORED)
    if ending.stopped:
        return RunResult(outcome=RunOutcome.HANDED_OVER, detail="the daemon is stopping")
    if ending.timed_out:
        detail = f"not finished after {plan.timeout:.0f} s, all its processes killed; see {output}"
        return RunResult(outcome=RunOutcome.TIMED_OUT, detail=detail)
    detail = f"exit code {ending.code}: {_tail(output)}; see {output}"
    return RunResult(outcome=RunOutcome.FAILED, detail=detail)


def _tail(output: Path) -> str:
    lines = [line.strip() for line in output.read_text(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-TAIL_LINES:])[-600:] or "no output"
