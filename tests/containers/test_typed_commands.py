"""docs/commands.md, typed: what it says works must work with the stack up, and what does not must not.

The daemon then tells of the release that test_compose.py had rolled back. What is put in the place of what is
printed: the address of the ports (by curl's own settings), the secret, the files that are laid over ours, and
`helm template`, which asks no cluster.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtools.cluster_tools import UnavailableError, cluster_tool
from devtools.paths import REPO
from devtools.wait import until
from harness.containers.brought_up import ADDRESS, ENV, OVERLAY, PROJECT, Scene
from harness.containers.compose import PROGRAM

pytestmark = [pytest.mark.lab, pytest.mark.long]
PORTS = (9090, 9093, 8000, 3000)
LONGEST_S = 150
BLOCK = re.compile(r"^```\n(.*?)\n```$", re.M | re.S)
PRINTED, CHANGED = "Works as printed", "Works with a change:"
OF_ANOTHER_SYSTEM = ("open ",)
"""What a Linux has under that name, if anything, is another program."""


@dataclass(frozen=True)
class Command:
    """One section of the page: what is printed, what works, and what is in its answer."""

    title: str
    printed: str
    works: str
    answers: str


def commands() -> list[Command]:
    """Every section, in order."""
    page = (REPO / "docs" / "commands.md").read_text(encoding="utf-8")
    return [_command(*section.split("\n", 1)) for section in page.split("\n### ")[1:]]


def _command(title: str, text: str) -> Command:
    blocks = BLOCK.findall(text)
    (answers,) = re.findall(r"^Answers: `(.+)`$", text, re.M)
    assert len(blocks) == (2 if CHANGED in text else 1), title
    assert (PRINTED in text) != (CHANGED in text), title
    return Command(title, blocks[0], blocks[-1], answers)


@pytest.fixture(scope="module")
def shell(stack: Scene, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of the person who types."""
    home = tmp_path_factory.mktemp("person")
    lines = [f'connect-to = "localhost:{port}:{ADDRESS}:{port}"' for port in PORTS]
    (home / ".curlrc").write_text("\n".join([*lines, "silent", "show-error"]) + "\n", encoding="utf-8")
    laid_over = [f"--env-file={stack.compose.env_file}", f"--project-name={PROJECT}"]
    programs = {
        "docker-compose": f'exec {PROGRAM} {shlex.join(laid_over)} "$1" "$2" -f {OVERLAY} "$3" "$4"',
        "xdg-open": 'curl --output /dev/null "$1" && echo "xdg-open $1"',
    }
    for name, line in programs.items():
        (home / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (home / name).chmod(0o755)
    slack = ENV["SLACK_WEBHOOK_URL"].replace("http://receivers:9080", stack.receivers.base)
    path = f"{home}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, **ENV, "SLACK_WEBHOOK_URL": slack, "CURL_HOME": str(home), "PATH": path}


def typed(text: str, environment: Mapping[str, str]) -> str:
    """What is seen of a command; how it ends is part of it."""
    text = text.replace("your-secret", ENV["ROLLBACK_WEBHOOK_SECRET"])
    text = text.replace("test_alertmanager.py", f"test_alertmanager.py --alertmanager http://{ADDRESS}:9093")
    if text.startswith("helm "):
        text = text.replace("helm upgrade --install", f"{_helm()} template")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        cwd=REPO,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_S,
    )
    return f"{done.stdout}\nended with {done.returncode}"


def _helm() -> Path:
    try:
        return cluster_tool("helm")
    except UnavailableError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.title)
def test_command_does_what_the_page_says(command: Command, shell: Mapping[str, str]) -> None:
    seen = typed(command.works, shell)

    assert command.answers in seen, seen[-3000:]
    assert seen.endswith("ended with 0"), seen[-3000:]


@pytest.mark.parametrize(
    "command",
    [one for one in commands() if one.printed != one.works and not one.printed.startswith(OF_ANOTHER_SYSTEM)],
    ids=lambda command: command.title,
)
def test_command_that_is_changed_does_not_work_as_printed(command: Command, shell: Mapping[str, str]) -> None:
    seen = typed(command.printed, shell)

    assert command.answers not in seen or not seen.endswith("ended with 0"), seen[-3000:]


def test_second_start_replaces_no_container(stack: Scene, shell: Mapping[str, str]) -> None:
    before = _lasting(stack)

    typed(commands()[0].works, shell)

    assert _lasting(stack) == before


def test_programs_read_what_was_written_anew(stack: Scene) -> None:
    """As docs/compose.md says it: nothing is restarted, and the daemon, too, hears it through its init."""
    before, containers = _reloaded(stack), _lasting(stack)

    stack.compose.ok("kill", "--signal=HUP", "prometheus", "alertmanager", "rollback")

    until(
        "all three to have read their files",
        lambda: all(now > then for now, then in zip(_reloaded(stack), before, strict=True)),
        deadline_s=30,
    )
    assert _lasting(stack) == containers


def test_deployment_is_told_as_the_page_for_railway_types_it(stack: Scene, shell: Mapping[str, str]) -> None:
    """Step 4 of docs/railway.md, and what its step 3 ends with."""
    page = (REPO / "docs" / "railway.md").read_text(encoding="utf-8")
    (block,) = (one for one in BLOCK.findall(page) if "/finish" in one)
    commit = "c" * 40

    seen = typed(block, {**shell, "COMMIT": commit})
    assert seen.endswith("ended with 0"), seen[-3000:]
    seen = typed("docker exec mita-backend rollbackctl status", shell)
    assert commit in seen, seen[-3000:]


def _reloaded(stack: Scene) -> list[float]:
    names = ("prometheus", "alertmanager", "mita_rollback")
    found = [stack.prometheus.value(f"{name}_config_last_reload_success_timestamp_seconds") for name in names]
    return [value for value in found if value is not None]


def _lasting(stack: Scene) -> dict[str, str]:
    found = {name: stack.engine.containers.get(name) for name in stack.states() if name != "mita-config"}
    return {name: f"{one.id} {one.attrs['State']['StartedAt']}" for name, one in found.items()}
