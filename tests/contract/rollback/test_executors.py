"""One contract for every executor, with real programs; the playbook executor runs the real Ansible."""

import contextlib
import errno
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.wait import until
from rollback.adapters import process
from rollback.adapters import step_file as steps_module
from rollback.adapters.executors import GATE_FILE, CommandExecutor, CommandPlan
from rollback.adapters.playbook import PlaybookSite, playbook_plan
from rollback.adapters.step_file import StepFile
from rollback.domain.deployment import Release
from rollback.domain.errors import Blind, ShuttingDown
from rollback.domain.ports import RunOutcome, RunResult
from rollback.domain.rollback import HostState
from rollback.domain.stored import Step

REPOSITORY = Path(__file__).resolve().parents[3]
GOOD, BAD, SLOW = "good", "bad", "slow"


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def ticks(self) -> float:
        return self.now().timestamp()


@dataclass
class Bench:
    """An executor whose program behaves as the test wants, and what came of its runs."""

    folder: Path
    plan_for: Callable[[Path, str, float, float], CommandPlan]
    make: Any
    stopping: threading.Event = field(default_factory=threading.Event)
    steps: list[Step] = field(default_factory=list)
    hosts: tuple[str, ...] = ("app1",)
    closed: str = ""
    asked: int = 0

    def run(self, behaviour: str, *, timeout: float = 30, grace: float = 0.2, **rollback: Any) -> RunResult:
        plan = replace(self.plan_for(self.folder, behaviour, timeout, grace), kill_after=0.2)
        executor = CommandExecutor(
            lambda: plan, RealClock(), os.environ, lambda service: self.hosts, lambda rollback: "sha256:1"
        )
        return executor.run(self.rollback(**rollback), self.on_step, self.stopping.wait, self.gate)

    def gate(self) -> str:
        self.asked += 1
        return self.closed

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


HOST_STEP = {"step": "host", "started": "started", "ok": "done", "failed": "failed"}
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
    switch = {**TASKS[behaviour], "vars": {"mita_step": HOST_STEP}}
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
    assert [(r.host, r.state) for r in result.results] == [("app1", HostState.DONE)]
    assert bench.statuses() == [("app1", "started"), ("app1", "done")]
    if bench.plan_for is playbook:  # looking around is not yet being at work, and plumbing is left out
        assert [s.step for s in bench.steps] == ["Look around", "host", "Switch", "host"]
    else:
        assert "version 1.0.0" in bench.output
    # and the program was told nothing of the daemon's own environment
    environment = (bench.folder / "environment").read_text()
    assert "PLANTED" not in environment
    assert process.MARK in environment
    assert (GATE_FILE in environment) is (bench.plan_for is playbook)  # the other program cannot ask


def test_a_bad_run_fails_with_a_sentence_for_each_host_that_could_not_be_restored(bench: Bench) -> None:
    result = bench.run(BAD)

    assert result.outcome is RunOutcome.FAILED
    assert [(r.host, r.state) for r in result.results] == [("app1", HostState.FAILED)]
    assert result.detail == f"app1: {result.results[0].detail}"
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
    until("every process to be gone", lambda: not living(command), deadline_s=30, interval_s=0.02)


def test_when_the_daemon_stops_a_long_run_is_handed_over_and_leaves_nothing_behind(bench: Bench) -> None:
    thread, results = in_background(bench, SLOW)

    bench.stopping.set()
    thread.join(20)

    assert [result.outcome for result in results] == [RunOutcome.HANDED_OVER]
    until("every process to be gone", lambda: not living(bench), deadline_s=30, interval_s=0.02)


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

    result = executor.run(command.rollback(), command.on_step, command.stopping.wait, command.gate)

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

    executor = CommandExecutor(lambda: plan, RealClock(), {})
    executor.run(rollback, lambda s: None, threading.Event().wait, lambda: "")

    assert out.read_text() == repr(["a; touch pwned", "$(id)>`x`", "1"])


def test_what_a_dead_daemon_left_running_is_killed_before_the_next_run(command: Bench) -> None:
    plan = command_plan(command.folder, SLOW, 30, 1)
    orphan = subprocess.Popen(
        ["/bin/sh", "-c", "setsid sleep 300"],
        env={"PATH": os.environ["PATH"], process.MARK: str(plan.runs / "1")},
        start_new_session=True,
    )
    [*pids] = until("the orphan", lambda: living(command), deadline_s=30, interval_s=0.02)

    thread, _ = in_background(command, SLOW)

    assert not set(pids) & set(living(command))
    command.stopping.set()
    thread.join(20)
    orphan.wait(10)


def test_lines_that_are_no_steps_are_skipped_and_half_lines_waited_for(tmp_path: Path) -> None:
    steps: list[Step] = []
    file = StepFile(tmp_path / "steps.jsonl", RealClock(), steps.append)
    line = json.dumps({"host": "a", "step": "host", "status": "done", "detail": "x" * 900})

    for text in ("", "nonsense\n[1]\n{}\n", line[:20], line[20:] + "\n"):
        with file.path.open("a") as appended:
            appended.write(text)
        file.read()

    assert [(s.host, s.status, len(s.detail)) for s in steps] == [("a", "done", 500)]


def test_odd_text_in_a_step_is_made_fit_to_be_stored_and_shown(tmp_path: Path) -> None:
    steps: list[Step] = []
    file = StepFile(tmp_path / "steps.jsonl", RealClock(), steps.append)
    lone = r'{"host":"a","step":"host","status":"failed","detail":"\udcff line\n\u0000two \u001b[31m"}'
    deep = '{"host":"a","step":"host","status":"done","detail":' + "[" * 100_000 + "]" * 100_000 + "}"

    file.path.write_text("\n".join([lone, deep, lone]) + "\n")
    file.read()

    assert [step.detail for step in steps] == ["? line two [31m"] * 2


def test_a_line_without_end_and_a_flood_of_steps_hold_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_module, "MOST", 500)
    steps: list[Step] = []
    file = StepFile(tmp_path / "steps.jsonl", RealClock(), steps.append)
    line = json.dumps({"host": "a", "step": "host", "status": "done"}) + "\n"

    file.path.write_text("x" * 5_000_000)
    file.read()
    with file.path.open("a") as appended:
        appended.write("\n" + line * 1_000)
    read = []
    for _ in range(2):
        file.read()
        read.append(len(steps))
    file.read_all()

    assert read[0] <= steps_module.AT_ONCE
    assert read[0] < read[1]
    assert len(steps) <= 500
    assert {step.host for step in steps} == {"a"}


def test_of_an_output_without_end_the_end_is_kept(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 MB in the time of one look, as a program in a loop of errors writes them."""
    script = "head -c 300000000 /dev/zero | tr '\\0' 'x'; echo; echo the end; exit 1"
    bench = Bench(tmp_path, saying(script), make)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    result = bench.run(GOOD)

    assert result.outcome is RunOutcome.FAILED
    assert "the end" in result.detail
    assert (tmp_path / "runs/1/attempt-1/output.log").stat().st_size <= process.LONGEST_OUTPUT
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("why", [errno.EMFILE, errno.EAGAIN, errno.ENOMEM])
@pytest.mark.parametrize("times", [3, 10_000])
def test_a_start_for_which_there_is_too_little_is_tried_again_for_a_while(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch, why: int, times: int
) -> None:
    monkeypatch.setattr(process, "PATIENCE_SECONDS", 0.5)
    start, refused = process.subprocess.Popen, list[int]()  # type: ignore[attr-defined]

    def refuse(*arguments: Any, **options: Any) -> Any:
        if len(refused) < times:
            refused.append(1)
            raise OSError(why, os.strerror(why))
        return start(*arguments, **options)

    monkeypatch.setattr(process.subprocess, "Popen", refuse)  # type: ignore[attr-defined]
    result = Bench(tmp_path, saying(say("app1", "done")), make).run(GOOD)

    if times == 3:
        assert result.outcome is RunOutcome.RESTORED
    else:
        assert result.outcome is RunOutcome.FAILED
        assert os.strerror(why) in result.detail


def test_without_a_descriptor_for_a_while_the_run_goes_on(tmp_path: Path, make: Any) -> None:
    """The real thing: others hold every descriptor while the program is to be started."""
    held: list[int] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        threading.Timer(1.0, lambda: list(map(os.close, held))).start()
        result = Bench(tmp_path, saying(say("app1", "done")), make).run(GOOD)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert result.outcome is RunOutcome.RESTORED, result.detail


# What a run did, by what it said


def say(host: str, status: str, detail: str = "", step: str = "host") -> str:
    line = json.dumps({"host": host, "step": step, "status": status, "detail": detail})
    return f"echo '{line}' >> $MITA_ROLLBACK_EVENTS\n"


ASK = say("all", "asked", step="gate") + "while [ ! -e $MITA_ROLLBACK_GATE ]; do sleep 0.01; done\n"
ASK += '[ "$(cat $MITA_ROLLBACK_GATE)" = go ] || exit 9\n'


def saying(script: str, *, asks: bool = False) -> Callable[..., CommandPlan]:
    """A program that says these things."""

    def plan(runs: Path, behaviour: str, timeout: float, grace: float) -> CommandPlan:
        argv = ["/bin/sh", "-c", script]
        return CommandPlan(
            argv=argv, directory=runs, runs=runs / "runs", timeout=timeout, grace=grace, asks=asks
        )

    return plan


def outcome(tmp_path: Path, make: Any, script: str, **bench: Any) -> tuple[RunResult, dict[str, str]]:
    found = Bench(tmp_path, saying(script), make, **{"hosts": ("app1", "app2"), **bench})
    result = found.run("")
    return result, {r.host: str(r.state) for r in result.results}


STARTED = say("app1", "started") + say("app2", "started")
DONE1, DONE2 = say("app1", "done"), say("app2", "done")


@pytest.mark.parametrize(
    ("script", "expected", "hosts", "detail"),
    [
        (STARTED + DONE1 + DONE2, "restored", {"app1": "done", "app2": "done"}, ""),
        (DONE1 + say("app2", "done", "already"), "restored", {"app1": "done", "app2": "already"}, ""),
        (
            DONE1 + say("app2", "unreachable"),
            "restored",
            {"app1": "done", "app2": "unreachable"},
            "app2: does not answer",
        ),
        (
            say("app2", "lacking", "has no 1.0.0") + DONE1,
            "restored",
            {"app1": "done", "app2": "lacking"},
            "app2: has no 1.0.0",
        ),
        (  # the hosts count first: Ansible says 4 when one could not be reached
            DONE1 + say("app2", "unreachable") + "exit 4",
            "restored",
            {"app1": "done", "app2": "unreachable"},
            "app2: does not answer",
        ),
        (
            DONE1 + say("app2", "failed", "no disk"),
            "failed",
            {"app1": "done", "app2": "failed"},
            "app2: no disk",
        ),
        (
            say("app2", "failed", "no disk", step="Switch") + DONE1 + say("app2", "failed") + "exit 2",
            "failed",
            {"app1": "done", "app2": "failed"},
            "app2: Switch: no disk",
        ),
        (
            say("app1", "unreachable") + say("app2", "unreachable", "no route") + "exit 4",
            "failed",
            {"app1": "unreachable", "app2": "unreachable"},
            "app1: does not answer; app2: no route",
        ),
        (
            STARTED + DONE1 + "exit 3",
            "failed",
            {"app1": "done", "app2": "failed"},
            "app2: the run ended while it was being switched",
        ),
        (
            DONE1 + "exit 3",
            "failed",
            {"app1": "done", "app2": "failed"},
            "app2: the run ended before its turn",
        ),
        (
            say("app1", "failed", "app2 runs 7", step="Agree")
            + say("app2", "failed", "app2 runs 7", step="Agree")
            + "echo noise; exit 2",
            "failed",
            {},
            "app1, app2: app2 runs 7",
        ),
        ("true", "restored", {"app1": "done", "app2": "done"}, ""),
    ],
)
def test_a_run_is_judged_by_what_it_says_of_each_host(
    tmp_path: Path, make: Any, script: str, expected: str, hosts: dict[str, str], detail: str
) -> None:
    result, found = outcome(tmp_path, make, script)

    assert (result.outcome, found, result.detail) == (expected, hosts, detail)


def test_a_program_that_says_nothing_moves_the_hosts_of_a_repair_or_else_the_service(
    tmp_path: Path, make: Any
) -> None:
    bench = Bench(tmp_path, saying("true"), make, hosts=())

    assert [r.host for r in bench.run("", only=("app2",)).results] == ["app2"]
    assert [r.host for r in bench.run("").results] == ["shop"]


def test_only_where_no_step_tells_why_the_last_words_of_the_program_do(tmp_path: Path, make: Any) -> None:
    result, found = outcome(tmp_path, make, "echo first; echo second; echo no such key; exit 5")

    assert (result.outcome, found) == (RunOutcome.FAILED, {})
    assert result.detail.startswith("exit code 5: second / no such key; see ")
    assert result.detail.endswith("runs/1/attempt-1/output.log")


def test_a_run_that_takes_too_long_says_which_hosts_it_left(tmp_path: Path, make: Any) -> None:
    bench = Bench(tmp_path, saying(STARTED + DONE1 + "sleep 300"), make, hosts=("app1", "app2"))

    result = bench.run("", timeout=0.3)

    assert result.outcome is RunOutcome.TIMED_OUT
    assert {r.host: r.state for r in result.results} == {"app1": HostState.DONE, "app2": HostState.FAILED}


def test_a_disk_that_takes_no_output_is_a_failed_run(tmp_path: Path, make: Any) -> None:
    (tmp_path / "runs").write_text("in the way")

    result, _ = outcome(tmp_path, make, "true")

    assert result.outcome is RunOutcome.FAILED
    assert "could not run" in result.detail


# The gate


def gated(tmp_path: Path, make: Any, closed: str) -> Bench:
    return Bench(tmp_path, saying(ASK + STARTED + DONE1, asks=True), make, closed=closed)


def test_a_program_that_asks_goes_on_when_the_gate_is_open(tmp_path: Path, make: Any) -> None:
    bench = gated(tmp_path, make, "")

    result = bench.run("")

    assert (result.results[0].state, bench.asked) == (HostState.DONE, 1)
    assert (tmp_path / "runs/1/attempt-1/gate").read_text() == "go"


def test_one_that_is_told_to_stay_has_touched_no_host_and_is_called_off(tmp_path: Path, make: Any) -> None:
    bench = gated(tmp_path, make, "the alert is over")

    result = bench.run("")

    assert (result.outcome, result.detail, result.results) == (RunOutcome.CALLED_OFF, "the alert is over", ())
    assert bench.statuses() == []


def test_one_that_goes_on_all_the_same_is_judged_by_what_it_did(tmp_path: Path, make: Any) -> None:
    script = say("all", "asked", step="gate") + "sleep 0.3\n" + DONE1
    bench = Bench(tmp_path, saying(script, asks=True), make, closed="the alert is over")

    assert bench.run("").outcome is RunOutcome.RESTORED


def test_for_one_that_cannot_ask_the_gate_is_asked_before_it_starts(tmp_path: Path, make: Any) -> None:
    bench = Bench(tmp_path, saying("touch started; env > environment"), make, closed="the alert is over")
    assert bench.run("").outcome is RunOutcome.CALLED_OFF
    assert not (tmp_path / "started").exists()

    bench.closed = ""
    assert bench.run("").outcome is RunOutcome.RESTORED
    assert bench.asked == 2
    assert "MITA_ROLLBACK_GATE" not in (tmp_path / "environment").read_text()


def test_an_answer_that_cannot_be_written_does_not_end_the_run(tmp_path: Path, make: Any) -> None:
    script = "rm -r runs\n" + "exit 9"
    bench = Bench(
        tmp_path, saying(say("all", "asked", step="gate") + "sleep 0.3\n" + script, asks=True), make
    )

    assert bench.run("").outcome is RunOutcome.FAILED


# What programs are told


def variables(tmp_path: Path, make: Any, **rollback: Any) -> Any:
    argv = ["/bin/sh", "-c", 'printf %s "$1" > told', "sh", "{variables}"]
    plan = CommandPlan(argv=argv, directory=tmp_path, runs=tmp_path / "runs", timeout=9, grace=1)
    bench = Bench(tmp_path, lambda *_: plan, make)
    bench.run("", **rollback)
    return json.loads((tmp_path / "told").read_text())


def test_a_playbook_is_told_what_to_leave_what_to_restore_and_what_it_must_be(
    tmp_path: Path, make: Any
) -> None:
    whole = {
        "app_version": "1.0.0",
        "app_leaving": "2",
        "app_by_daemon": True,
        "app_checksum": "sha256:1",
    }

    assert variables(tmp_path, make) == whole
    assert variables(tmp_path, make, only=("app2", "app3")) == {**whole, "app_only": ["app2", "app3"]}
    odd = variables(tmp_path, make, to_version='1 app_only=x {from_version} "')
    assert odd == {**whole, "app_version": '1 app_only=x {from_version} "'}


# Rehearsals


def test_the_playbooks_of_the_bundle_are_run_with_one_object_of_variables(tmp_path: Path) -> None:
    plan = playbook(tmp_path, GOOD, 30, 1)

    for argv, name in [(plan.argv, "rollback.yml"), (plan.rehearsal_argv, "rehearse.yml")]:
        assert str(tmp_path / "playbooks" / name) in argv
        assert list(argv)[-2:] == ["-e", "{variables}"]


def rehearse(tmp_path: Path, make: Any, script: str, **changes: Any) -> Any:
    """Rehearse the way to 1.0.0 with a program that says these things."""
    settings = {"hosts": ("app1", "app2"), "stopping": threading.Event().wait, **changes}
    argv = ["/bin/sh", "-c", script, "sh", "{to_version}", "{checksum}", "{variables}"]
    plan = CommandPlan(
        argv=["false"],
        directory=tmp_path,
        runs=tmp_path / "runs",
        timeout=9,
        grace=9,
        kill_after=0.2,
        rehearsal_argv=argv if script else [],
        rehearsal_timeout=settings.pop("timeout", 9),
    )
    executor = CommandExecutor(lambda: plan, RealClock(), os.environ, lambda service: settings["hosts"])
    target: Release = make.release("1.0.0", checksum="sha256:1")
    found = executor.rehearse("a/../b", target, settings["stopping"])
    return [(r.host, r.ok, r.detail, r.live) for r in found]


def test_a_rehearsal_says_of_each_host_whether_the_way_back_works_and_what_is_live(
    tmp_path: Path, make: Any
) -> None:
    script = (
        say("app1", "ok", step="rehearsal")
        + say("app1", "2.0.0", step="live")
        + say("app2", "failed", "1.0.0 is not on its disk", step="rehearsal")
        + say("app2", "none", step="live")
        + say("app3", "unreachable", step="rehearsal")
        + 'echo $1 $2 > told; printf %s "$3" > variables; exit 2'
    )

    assert rehearse(tmp_path, make, script) == [
        ("app1", True, "", "2.0.0"),
        ("app2", False, "1.0.0 is not on its disk", None),
        ("app3", False, "the daemon cannot log in to it", None),
    ]
    assert (tmp_path / "told").read_text() == "1.0.0 sha256:1\n"
    told = json.loads((tmp_path / "variables").read_text())
    assert told == {"app_version": "1.0.0", "app_checksum": "sha256:1"}
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["rehearsal-a%2F..%2Fb"]


def test_a_host_of_which_nothing_was_said_is_not_proven(tmp_path: Path, make: Any) -> None:
    script = say("app1", "ok", step="rehearsal")

    found = rehearse(tmp_path, make, script + "exit 3")

    assert found[1] == ("app2", False, "the rehearsal said nothing of it: exit code 3", None)
    hanging = rehearse(tmp_path, make, script + "sleep 300", timeout=0.3)
    assert hanging[1][:3] == ("app2", False, "the rehearsal said nothing of it: not finished after 0 s")


@pytest.mark.parametrize("script", ["echo no such key; exit 4", "exec /no/such"])
def test_a_rehearsal_that_says_nothing_at_all_is_blind(tmp_path: Path, make: Any, script: str) -> None:
    with pytest.raises(Blind):
        rehearse(tmp_path, make, script)


def test_a_rehearsal_leaves_at_once_when_it_is_asked_to(tmp_path: Path, make: Any) -> None:
    stopping = threading.Event()
    stopping.set()

    with pytest.raises(ShuttingDown):
        rehearse(tmp_path, make, "sleep 300", stopping=stopping.wait)


def test_without_a_program_nothing_is_rehearsed(tmp_path: Path, make: Any) -> None:
    assert rehearse(tmp_path, make, "") == []
