"""What every role test uses: the lab's hosts, and a bare host that a module may do anything to.

A module about one role says its ROLE, INPUTS and REFUSED inputs, and in `state_of` what no refusal changes.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra

from devtools.paths import REPO
from devtools.playbook import Run
from harness.lab import keys, lab
from harness.scratch.host import Scratch, scratch_host
from harness.scratch.roles import Part, Play, play_roles
from tests.roles.services import PLANTED, UNITS, Service
from tests.roles.services import services as table

FURTHER = (
    "mysqld-exporter",
    "nginx-exporter",
    "postgres-exporter",
    "process-exporter",
    "pushgateway-exporter",
    "redis-exporter",
)
"""Exporters that the role handles as it handles the node exporter."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is asked of each service as long for these: only `make test-full` asks it of all."""
    for item in items:
        asked = getattr(item, "callspec", None)
        if asked and asked.params.get("unit") in FURTHER:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def lab_is_up() -> None:
    """The five lab hosts run; they are brought up if they do not."""
    lab.up()


@pytest.fixture(scope="session")
def lab_host(lab_is_up: None) -> Callable[[str], testinfra.host.Host]:
    """Give a lab host by its name, to be asked as root over SSH."""

    def host(name: str) -> testinfra.host.Host:
        return testinfra.get_host(f"ssh://{name}", ssh_config=str(keys.CONFIG), sudo=True)

    return host


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """A bare host for this module alone."""
    with scratch_host("scratch", tmp_path_factory.mktemp("scratch")) as host:
        yield host


@pytest.fixture(scope="module")
def play(scratch: Scratch, request: pytest.FixtureRequest) -> Play:
    """Play the module's role with its inputs, some of them changed."""
    role, inputs = request.module.ROLE, request.module.INPUTS

    def run(*options: str, **changed: Any) -> Run:
        return play_roles([Part(role, role, inputs | changed)], *options, inventory=scratch.inventory)

    return run


@pytest.fixture(scope="module")
def bare_check(play: Play) -> Run:
    """Check mode on the bare host."""
    return play("--check", "--diff").ok()


@pytest.fixture(scope="module")
def installed(bare_check: Run, play: Play) -> Run:
    """The role is installed."""
    return play("-vvv", "--diff").ok()


@pytest.fixture(scope="module")
def before(installed: Run, scratch: Scratch, request: pytest.FixtureRequest) -> str:
    """What must stay as it is whatever is refused."""
    return str(request.module.state_of(scratch))


@pytest.fixture(scope="module")
def refused(before: str, scratch: Scratch, request: pytest.FixtureRequest) -> Run:
    """Every input that must be refused, one after the other."""
    role, inputs = request.module.ROLE, request.module.INPUTS
    wrong = request.module.REFUSED.items()
    parts = [Part(name, role, inputs | changed) for name, (changed, _) in wrong]
    return play_roles(parts, inventory=scratch.inventory)


@pytest.fixture(scope="module")
def units(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The services that are played: of FURTHER only those that a selected test of the module asks about."""
    here = [item for item in request.session.items if item.path == request.path]
    asked = {item.callspec.params.get("unit") for item in here if hasattr(item, "callspec")}
    return tuple(unit for unit in UNITS if unit in asked or unit not in FURTHER)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Copies of the monitoring content, by name, which a test may spoil."""
    base = tmp_path_factory.mktemp("content")

    def copy(name: str) -> Path:
        target = base / name
        shutil.copytree(REPO / "monitoring", target, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        return target

    return copy


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, content: Callable[[str], Path]) -> dict[str, Service]:
    """The monitoring services with planted secrets, which inputs look up as they would in a vault."""
    secrets = tmp_path_factory.mktemp("secrets")
    for name, value in PLANTED.items():
        (secrets / name).write_text(value)
    return table(str(secrets), str(content("as-it-is")))
