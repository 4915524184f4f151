"""One contract for every executor, with real programs; the playbook executor runs the real Ansible."""

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.wait import until
from rollback.adapters import process
from rollback.adapters.executors import CommandExecutor, CommandPlan
from rollback.adapters.playbook import PlaybookSite, playbook_plan
from rollback.adapters.steps import StepFile
from rollback.domain.ports import RunOutcome, RunResult
from rollback.domain.records import Step

REPOSITORY = Path(__file__).resolve().parents[3]
GOOD, BAD, SLOW = "good", "bad", "slow"


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Bench:
    """An executor whose program behaves as the test wants, and what came of its runs."""

    folder: Path
    plan_for: Callable[[Path, str, float, float], CommandPlan]
    make: Any
    stopping: threading.Event = field(default_factory=threading.Event)
    steps: list[Step] = field(default_factory=list)

    def run(self, behaviour: str, *, timeout: float = 30, grace: float = 0.2, **rollback: Any) -> RunResult:
        plan = replace(self.plan_for(self.folder, behaviour, timeout, grace), kill_after=0.2)
        executor = CommandExecutor(lambda: plan, RealClock(), os.environ)
        return executor.run(self.rollback(**rollback), self.on_step, self.stopping.wait)

    def on_step(self, step: Step) -> None:
        self.steps.append(step)

    def rollback(self, **changes: Any) -> Any:
        return self.make.rollback(**{"attempt": 1, "to_version": "1.0.0", **changes})

    def statuses(self, step: str = "host") -> list[tuple[str, str]]:
        return [(s.host, s.status) for s in self.steps if s.step == step]

    @property
    def output(self) -> str:
        return (self.folder / "runs/1/attempt-1/output.log").read_text()


PROGRAM = r"""
echo "version $1"; env > environment
say() { printf '{"host":"%s","step":"host","status":"%s"}\n' "$1" "$2" >> "$MITA_ROLLBACK_EVENTS"; }
say app1 started
case $2 in
  good) say app1 done ;;
  bad) say app1 failed; echo "app1 is unreachable" >&2; exit 3 ;;
  slow) trap '' TERM; sleep 300 & sleep 300 ;;
esac
"""


def command_plan(folder: Path, behaviour: str, timeout: float, grace: float) -> CommandPlan:
    return CommandPlan(
        argv=["/bin/sh", "-c", PROGRAM, "sh", "{to_version}", behaviour],
        directory=folder,
        runs=folder / "runs",
        timeout=timeout,
        grace=grace,
    )


TASKS: dict[str, dict[str, Any]] = {
    GOOD: {"name": "Switch", "ansible.builtin.command": "echo version {{ app_version }}"},
    BAD: {"name": "Switch", "ansible.builtin.fail": {"msg": "app1 is unreachable"}},
    SLOW: {"name": "Switch", "ansible.builtin.command": "sleep 300"},
}


def playbook(folder: Path, behaviour: str, timeout: float, grace: float) -> CommandPlan:
    """One play that looks around and one that switches, with the libraries of this environment."""
    dump = {"ansible.builtin.shell": f"echo version {{{{ app_version }}}}; env > {folder}/environment"}
    common = {"hosts": "application", "gather_facts": False}
    looking = {"name": "Look", **common, "tasks": [{"name": "Look around", **dump}]}
    fact = {"name": "Remember", "ansible.builtin.set_fact": {"x": 1}}
    meaning = {"step": "host", "started": "started", "ok": "done", "failed": "failed"}
    switch: dict[str, Any] = {**TASKS[behaviour], "vars": {"mita_step": meaning}}
    switching = {"name": "Switch", **common, "serial": 1, "tasks": [fact, switch]}
    (folder / "playbooks").mkdir(exist_ok=True)
    (folder / "playbooks/rollback.yml").write_text(yaml.safe_dump([looking, switching]))
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"all": {"children": {"application": {"hosts": {"app1": host}}}}}
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    site = PlaybookSite(
        bundle=folder,
        playbook="playbooks/rollback.yml",
        inventory=folder / "inventory.yml",
        state=folder,
        timeout=timeout,
        grace=grace,
    )
    return playbook_plan(site)


@pytest.fixture(params=["command", "playbook"])
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> Bench:
    monkeypatch.setenv("PLANTED", "secret")
    return Bench(tmp_path, command_plan if request.param == "command" else playbook, make)


@pytest.fixture
def command(tmp_path: Path, make: Any) -> Bench:
    return Bench(tmp_path, command_plan, make)


def test_a_good_run_restores_and_reports_each_host(bench: Bench) -> None:
    result = bench.run(GOOD)

    assert result.outcome is RunOutcome.RESTORED, bench.output
    assert bench.statuses() == [("app1", "started"), ("app1", "done")]
    if bench.plan_for is playbook:  # looking around is not yet being at work, and plumbing is left out
        assert [s.step for s in bench.steps] == ["Look around", "host", "Switch", "host"]
    else:
        assert "version 1.0.0" in bench.output
    # and the program was told nothing of the daemon's own environment
    environment = (bench.folder / "environment").read_text()
    assert "PLANTED" not in environment
    assert process.MARK in environment


def test_a_bad_run_fails_with_the_programs_words_and_where_to_read_on(bench: Bench) -> None:
    result = bench.run(BAD)

    assert result.outcome is RunOutcome.FAILED
    assert "app1 is unreachable" in result.detail or "app1 is unreachable" in bench.output
    assert "runs/1/attempt-1/output.log" in result.detail
    assert ("app1", "failed") in bench.statuses()
    assert ("app1", "done") not in bench.statuses()


def started(bench: Bench) -> None:
    """Wait until the program is at work."""
    step = "host" if bench.plan_for is command_plan else "Look around"
    until(f"the step {step}", lambda: bench.statuses(step), deadline_s=20, interval_s=0.02)


def living(bench: Bench) -> list[int]:
    mark = f"{process.MARK}={bench.folder / 'runs/1'}".encode()
    return [pid for pid in process._own_processes() if mark in process._environment(pid)]


def in_background(bench: Bench, behaviour: str, **options: Any) -> tuple[threading.Thread, list[RunResult]]:
    results: list[RunResult] = []
    thread = threading.Thread(target=lambda: results.append(bench.run(behaviour, **options)))
    thread.start()
    started(bench)
    return thread, results


def test_a_run_that_takes_too_long_is_killed_with_all_its_processes(command: Bench) -> None:
    result = command.run(SLOW, timeout=0.3)

    assert result.outcome is RunOutcome.TIMED_OUT
    assert "all its processes killed" in result.detail
    until("every process to be gone", lambda: not living(command), deadline_s=5, interval_s=0.02)


def test_when_the_daemon_stops_a_long_run_is_handed_over_and_leaves_nothing_behind(bench: Bench) -> None:
    thread, results = in_background(bench, SLOW)

    bench.stopping.set()
    thread.join(20)

    assert [result.outcome for result in results] == [RunOutcome.HANDED_OVER]
    until("every process to be gone", lambda: not living(bench), deadline_s=5, interval_s=0.02)


def test_when_the_daemon_stops_a_run_that_ends_in_its_grace_counts(command: Bench) -> None:
    command.stopping.set()

    assert command.run(GOOD, grace=10).outcome is RunOutcome.RESTORED


def test_steps_arrive_while_the_program_runs(command: Bench) -> None:
    thread, results = in_background(command, SLOW)

    assert command.statuses() == [("app1", "started")]
    assert results == []
    command.stopping.set()
    thread.join(20)


def test_a_program_that_is_not_there_is_a_failed_run(command: Bench, tmp_path: Path) -> None:
    plan = CommandPlan(argv=["/no/such"], directory=tmp_path, runs=tmp_path, timeout=1, grace=1)
    executor = CommandExecutor(lambda: plan, RealClock(), {})

    result = executor.run(command.rollback(), command.on_step, command.stopping.wait)

    assert result.outcome is RunOutcome.FAILED
    assert "/no/such could not run" in result.detail


def test_arguments_are_words_and_never_a_shell_line(tmp_path: Path, make: Any) -> None:
    out = tmp_path / "out"
    script = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]))"
    argv = [
        sys.executable,
        "-c",
        script,
        str(out),
        "{service}",
        "{from_version}>{to_version}",
        "{rollback_id}",
    ]
    plan = CommandPlan(argv=argv, directory=tmp_path, runs=tmp_path, timeout=9, grace=1)
    rollback = make.rollback(service="a; touch pwned", from_version="$(id)", to_version="`x`", attempt=1)

    CommandExecutor(lambda: plan, RealClock(), {}).run(rollback, lambda s: None, threading.Event().wait)

    assert out.read_text() == repr(["a; touch pwned", "$(id)>`x`", "1"])


def test_what_a_dead_daemon_left_running_is_killed_before_the_next_run(command: Bench) -> None:
    plan = command_plan(command.folder, SLOW, 30, 1)
    orphan = threading.Thread(
        target=process.run,
        args=(
            process.Program(
                argv=["/bin/sh", "-c", "setsid sleep 300"],
                directory=command.folder,
                environment={"PATH": os.environ["PATH"]},
                run_mark=str(plan.runs / "1"),
                timeout=60,
                grace=1,
                kill_after=1,
            ),
            command.folder / "orphan.log",
            lambda: None,
            threading.Event().wait,
            lambda: 0.0,
        ),
    )
    orphan.start()
    [*pids] = until("the orphan", lambda: living(command), deadline_s=5, interval_s=0.02)

    thread, _ = in_background(command, SLOW)

    assert not set(pids) & set(living(command))
    command.stopping.set()
    thread.join(20)
    orphan.join(10)


def test_lines_that_are_no_steps_are_skipped_and_half_lines_waited_for(tmp_path: Path) -> None:
    steps: list[Step] = []
    file = StepFile(tmp_path / "steps.jsonl", RealClock(), steps.append)
    line = json.dumps({"host": "a", "step": "host", "status": "done", "detail": "x" * 900})

    for text in ("", "nonsense\n[1]\n{}\n", line[:20], line[20:] + "\n"):
        with file.path.open("a") as appended:
            appended.write(text)
        file.read()

    assert [(s.host, s.status, len(s.detail)) for s in steps] == [("a", "done", 500)]
