"""One bring-up for every test of the stack in containers."""

from collections.abc import Iterator

import pytest

from harness.containers.brought_up import Scene, scene


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Everything runs and is healthy."""
    with scene(tmp_path_factory.mktemp("scene")) as found:
        yield found
