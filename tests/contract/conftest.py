"""What the contract tests of the application share."""

from collections.abc import Iterator

import pytest

from harness.release.backing import Backing, backing_services


@pytest.fixture(scope="session")
def backing() -> Iterator[Backing]:
    """A real PostgreSQL and a real Redis, empty, for this run alone."""
    with backing_services() as services:
        yield services
