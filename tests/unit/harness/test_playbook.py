"""A playbook that is watched: its task, its words when it fails, and no way to leave it behind."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from devtools.errors import UserError
from devtools.playbook import Event, PlaybookError, Run, playing, run_playbook
from devtools.wait import DeadlineError, until
from harness import clients
from harness.stack import rollout

pytestmark = pytest.mark.slow

PATIENCE = 60.0


def play(tmp_path: Path, task: str) -> list[str]:
    book = tmp_path / "play.yml"
    book.write_text(
        f"- hosts: localhost\n  connection: local\n  gather_facts: false\n"
        f"  tasks:\n    - name: Do the work\n      {task}\n"
    )
    return ["-i", "localhost,", str(book)]


def test_playbook_that_succeeds_is_done(tmp_path: Path) -> None:
    arguments = play(tmp_path, "ansible.builtin.debug: {msg: hello}")
    with playing("the work", arguments, tmp_path / "log") as playbook:
        rollout.finish(playbook, PATIENCE)

    assert playbook.task() == "Do the work"


def test_results_are_read_while_the_playbook_works(tmp_path: Path) -> None:
    arguments = play(tmp_path, "ansible.builtin.debug: {msg: hello}")
    with playing("the work", arguments, tmp_path / "log") as playbook:
        until("the result", playbook.events, deadline_s=PATIENCE)
        [event] = playbook.events()

    assert (event.host, event.task, event.status, event.message) == (
        "localhost",
        "Do the work",
        "ok",
        "hello",
    )


def test_a_run_to_its_end_has_every_result_and_the_failure(tmp_path: Path) -> None:
    book = play(tmp_path, 'ansible.builtin.fail: {msg: "no {{ what }}"}')[-1]

    run = run_playbook(book, inventory="localhost,", variables={"what": "room"})

    assert (run.returncode, run.failure(), run.changed()) == (2, "no room", [])
    with pytest.raises(AssertionError, match="no room"):
        run.ok()


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    book = play(tmp_path, "ansible.builtin.command: sleep 600")[-1]

    with pytest.raises(subprocess.TimeoutExpired):
        run_playbook(book, inventory="localhost,", timeout_s=0.1)

    until(
        "all of it to be gone",
        lambda: not any(str(book).encode() in command for command in commands()),
        deadline_s=PATIENCE,
    )


def test_what_hears_no_interrupt_does_not_outlive_the_run(tmp_path: Path) -> None:
    child = tmp_path / "child"
    deaf = f"ansible.builtin.shell: trap '' INT; echo $$ > {child}; while sleep 1; do :; done"
    with playing("the work", play(tmp_path, deaf), tmp_path / "log"):
        until("the child", lambda: child.exists() and child.read_text(), deadline_s=PATIENCE)
    command = Path("/proc", child.read_text().strip(), "cmdline")

    until("the child to be gone", lambda: not command.exists() or not command.read_bytes(), deadline_s=30)


def commands() -> Iterator[bytes]:
    """The command line of everything that runs on this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes()


def test_failure_is_told_in_the_playbooks_own_words(tmp_path: Path) -> None:
    arguments = play(tmp_path, "ansible.builtin.fail: {msg: the disk is full}")
    with (
        playing("the work", arguments, tmp_path / "log") as playbook,
        pytest.raises(
            PlaybookError, match=r"expected the work to succeed(.|\n)*the disk is full(.|\n)*whole log"
        ),
    ):
        rollout.finish(playbook, PATIENCE)


def test_leaving_the_block_ends_the_playbook_and_its_children(tmp_path: Path) -> None:
    arguments = play(tmp_path, f"ansible.builtin.shell: echo $$ > {tmp_path}/pid; exec sleep 600")
    with playing("the work", arguments, tmp_path / "log"):
        pid = int(until("the work to begin", (tmp_path / "pid").read_text, deadline_s=PATIENCE))

    until("the child to be gone", lambda: not alive(pid), deadline_s=PATIENCE)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def test_wait_goes_on_while_a_service_does_not_answer_and_ends_when_something_failed() -> None:
    answers: list[Exception | None] = [clients.ClientError("not yet"), None]

    def condition() -> bool:
        answer = answers.pop(0)
        if answer:
            raise answer
        return True

    rollout.patiently("an answer", condition, PATIENCE)
    answers = [UserError("it failed")] * 2
    with pytest.raises(UserError, match="it failed"):
        rollout.patiently("an answer", condition, PATIENCE)
    assert len(answers) == 1


def test_wait_ends_at_its_deadline() -> None:
    with pytest.raises(DeadlineError, match="expected the impossible"):
        rollout.patiently("the impossible", lambda: False, 0.1)


def test_new_lines_are_those_that_each_diff_adds() -> None:
    same = {"before": "a\n", "after": "a\n"}
    events = [Event("h", "p", "t", "changed", diff=[same, {"before": "a\nb\n", "after": "a\nc\n"}])]

    assert Run(0, "", tuple(events)).new_lines() == [{"c"}]
