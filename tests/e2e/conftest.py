"""The lab, installed once; for each test a known state; on failure the evidence and its place."""

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness import clients
from harness.lab import addresses, evidence, lab
from harness.stack import Stack, rollout
from harness.stack.traffic import OrdinaryDay


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what other tests spoil: silence, then production timing, whose windows are minutes long.

    Last comes what must wait until an earlier incident is forgotten: tests without one fill that time.
    """
    first, last = ("new_lab", "production_stack"), "rested_stack"

    def place(item: pytest.Item) -> list[bool]:
        fixtures = getattr(item, "fixturenames", ())
        return [*(fixture not in fixtures for fixture in first), last in fixtures]

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Collect what the lab knows when a test that uses it failed, and say where it is."""
    report = yield
    if report.failed and "installed" in getattr(item, "fixturenames", ()):
        report.sections.append(("evidence", str(evidence.collect(item.name))))
    return report


@pytest.fixture(scope="session")
def began() -> float | None:
    """The moment before everything is installed, a unix time; None where a lab stood before."""
    with suppress(clients.ClientError):
        if addresses.prometheus().ready("/-/ready"):
            return None
    return time.time()


@pytest.fixture
def new_lab(began: float | None, installed: OrdinaryDay) -> float:
    """When installing the lab began, which stands now."""
    if began is None:
        pytest.skip("the lab stood before, and what fires may be of earlier tests; `make down` makes it new")
    return began


@pytest.fixture(scope="session")
def installed(began: float | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrdinaryDay]:
    """Everything is installed, the good release is live, and ordinary traffic flows until the last test."""
    home = tmp_path_factory.mktemp("lab")
    lab.up()
    with rollout.installing(home / "site.log") as install:
        rollout.finish(install, rollout.INSTALL_S)
    rollout.built(rollout.building(rollout.GOOD))
    rollout.deploy_good(home)
    day = OrdinaryDay(home)
    yield day
    day.end()


@pytest.fixture
def stack(installed: OrdinaryDay, tmp_path: Path) -> Iterator[Stack]:
    """The lab in a known state: release 1.0.0 live, a daemon without a past, no rollback alert active."""
    fresh = Stack(tmp_path, installed)
    fresh.fresh()
    yield fresh
    fresh.mend()
    assert fresh.untrue() == []


@pytest.fixture
def rested_stack(stack: Stack) -> Stack:
    """The lab in a known state, after every test that needs no rest."""
    return stack


@pytest.fixture
def production_stack(installed: OrdinaryDay, tmp_path: Path) -> Iterator[Stack]:
    """The lab in a known state at production timing; scaled again afterwards."""
    with rollout.production_timing(tmp_path):
        fresh = Stack(tmp_path, installed, scale=1)
        fresh.fresh()
        yield fresh
        assert fresh.untrue() == []
