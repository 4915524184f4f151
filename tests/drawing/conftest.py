"""A Prometheus that knows the drawn hours, and the script that draws; or why nothing can be drawn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.clients import Prometheus
from harness.drawing import hours, picture


@pytest.fixture(scope="session")
def script() -> Path:
    try:
        return picture.bundle()
    except picture.UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def prometheus(script: Path) -> Iterator[Prometheus]:
    with hours.running(hours.filled()) as client:
        yield client
