"""An application that is not ours, deployed by its guide alone, made bad, and rolled back by itself."""

import json
from collections.abc import Callable, Iterator

import pytest

from devtools.paths import REPO
from harness.cli import main
from harness.lab import addresses
from harness.release.pack import Wish, pack
from harness.stack import Stack

pytestmark = [pytest.mark.lab, pytest.mark.incident]
SHOP = REPO / "tests" / "own_application"
NEEDS = {"application_packages": ["nodejs"], "application_sandbox": {"MemoryDenyWriteExecute": None}}
FAILING = 0.5
Deploy = Callable[..., None]


@pytest.fixture
def prepared(stack: Stack) -> Iterator[Stack]:
    """The hosts have what Node needs, and lose it afterwards."""
    stack.install("playbooks/application.yml", "-e", json.dumps(NEEDS))
    yield stack
    stack.deploy("1.0.0")
    stack.install("playbooks/application.yml")


@pytest.fixture
def deploy(prepared: Stack) -> Deploy:
    """Pack the shop and deploy it with the words that packing it has printed."""

    def run(version: str, *environment: str) -> None:
        packed = pack(
            Wish(
                directory=SHOP,
                version=version,
                start="/usr/bin/node server.js",
                rollback_safe=True,
                socket=True,
                environment=environment,
                out=prepared.home,
            )
        )
        prepared.install(*packed.deploy_arguments)

    return run


def test_bad_release_of_another_language_is_rolled_back_to_the_good_one_of_it(
    prepared: Stack, deploy: Deploy
) -> None:
    prepared.alerts.until_forgotten("CriticalErrorRate")
    with prepared.load(lossless=True):
        deploy("1.5.0")
    assert [main(["contract", each.base]) for each in addresses.applications().values()] == [0, 0]
    prepared.mark_good("1.5.0")

    with prepared.load():
        prepared.breach_share = FAILING
        deploy("3.5.0", f"FAILING_SHARE={FAILING}")
        prepared.rollbacks.until_phase("succeeded")
        prepared.alerts.until_resolved("CriticalErrorRate")

    rollback = prepared.rollbacks.only()
    assert (rollback["from_version"], rollback["to_version"]) == ("3.5.0", "1.5.0")
    assert rollback["verification"]["verdict"] == "fixed"
    assert prepared.live_version == "1.5.0"
