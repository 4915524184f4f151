"""What every role test uses: the lab's hosts, and a bare host that a module may do anything to."""

from collections.abc import Callable, Iterator

import pytest
import testinfra

from harness.lab import keys, lab
from harness.play.scratch import Scratch, scratch_host


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
