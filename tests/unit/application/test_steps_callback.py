"""The callback tells the daemon what the tasks of the playbook mean, and leaves out the plumbing."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.callbacks.mita_steps import CallbackModule

SWITCH = {
    "step": "host",
    "started": "started",
    "ok": "done",
    "failed": "failed",
    "unreachable": "unreachable",
}


@dataclass
class Named:
    name: str

    def get_name(self) -> str:
        return self.name


@dataclass
class Task(Named):
    action: str = "app_release"
    vars: dict[str, Any] = field(default_factory=dict)


@dataclass
class Result:
    result: dict[str, Any]
    task: Task
    host: Named = field(default_factory=lambda: Named("app1"))


@pytest.fixture
def callback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CallbackModule:
    monkeypatch.setenv("MITA_ROLLBACK_EVENTS", str(tmp_path / "steps.jsonl"))
    return CallbackModule()


def said(tmp_path: Path) -> list[tuple[str, str, str, str]]:
    file = tmp_path / "steps.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [tuple(json.loads(line).values()) for line in lines]


def test_task_that_stands_for_the_host_tells_how_it_is(callback: CallbackModule, tmp_path: Path) -> None:
    task = Task("Switch", vars={"mita_step": SWITCH})

    callback.v2_runner_on_start(Named("app1"), task)
    callback.v2_runner_on_ok(Result({"changed": True}, task))

    assert said(tmp_path) == [
        ("app1", "host", "started", ""),
        ("app1", "Switch", "changed", ""),
        ("app1", "host", "done", ""),
    ]


def test_host_that_fails_or_dies_says_why(callback: CallbackModule, tmp_path: Path) -> None:
    task = Task("Switch", vars={"mita_step": SWITCH})

    callback.v2_runner_on_failed(Result({"msg": "Task failed: not ready"}, task), ignore_errors=True)
    callback.v2_runner_on_unreachable(Result({"msg": "Task failed: no route"}, task, Named("app2")))

    assert said(tmp_path) == [
        ("app1", "Switch", "ignored", "not ready"),
        ("app1", "host", "failed", "not ready"),
        ("app2", "Switch", "unreachable", "no route"),
        ("app2", "host", "unreachable", "no route"),
    ]


def test_moment_without_a_meaning_is_not_told(callback: CallbackModule, tmp_path: Path) -> None:
    task = Task("Say that it lacks", vars={"mita_step": {"step": "host", "failed": "lacking"}})

    callback.v2_runner_on_start(Named("app1"), task)
    callback.v2_runner_on_ok(Result({}, task))

    assert said(tmp_path) == [("app1", "Say that it lacks", "ok", "")]


def test_step_may_be_about_all_hosts(callback: CallbackModule, tmp_path: Path) -> None:
    callback.v2_runner_on_start(
        Named("app1"), Task("Wait", vars={"mita_step": {"step": "gate", "host": "all", "started": "asked"}})
    )

    assert said(tmp_path) == [("all", "gate", "asked", "")]


def test_steps_that_a_result_or_a_fact_reports_are_told_and_plumbing_is_not(
    callback: CallbackModule, tmp_path: Path
) -> None:
    lacking = {"host": "app2", "step": "host", "status": "lacking", "detail": "why"}
    live = {"step": "live", "status": "1.0.0"}

    callback.v2_runner_on_ok(
        Result({"ansible_facts": {"mita_steps": [lacking]}}, Task("Plan", "ansible.builtin.set_fact"))
    )
    callback.v2_runner_on_failed(Result({"msg": "no", "mita_steps": [live]}, Task("Rehearse")))

    assert said(tmp_path) == [
        ("app2", "host", "lacking", "why"),
        ("app1", "Rehearse", "failed", "no"),
        ("app1", "live", "1.0.0", ""),
    ]


def test_bytes_that_are_no_text_are_told_all_the_same(callback: CallbackModule, tmp_path: Path) -> None:
    callback.v2_runner_on_failed(Result({"msg": "\udcff"}, Task("Switch")))

    assert said(tmp_path) == [("app1", "Switch", "failed", "\udcff")]


def test_without_a_file_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MITA_ROLLBACK_EVENTS", raising=False)

    assert CallbackModule().disabled
