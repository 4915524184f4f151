"""A person's own application in another language, without a database: packed, deployed, left and put back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.playbook import Run, run_playbook
from harness.cli import main
from harness.release.pack import Packed, Wish, pack
from harness.scratch.host import Scratch
from tests.roles.visitors import Visitors

pytestmark = pytest.mark.lab
SHOP = REPO / "tests" / "own_application"
NODE = "/usr/bin/node server.js"
VARIABLES: dict[str, Any] = {
    "application_packages": ["nodejs"],
    "application_sandbox": {"MemoryDenyWriteExecute": None},
    "application_daemon_host": "localhost",
    "application_daemon_url": "http://127.0.0.1:9",
    "app_without_daemon": True,
}
PLAIN = """#!/usr/bin/python3
import http.server, json, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        said = {"version": os.environ["MITA_VERSION"], "greeting": os.environ["HELLO"]}
        self.wfile.write(json.dumps(said).encode())
http.server.HTTPServer(("0.0.0.0", int(os.environ["MITA_PORT"])), Answer).serve_forever()
"""
Deploy = Callable[..., Run]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that begins with the interpreter that it needs."""
    place = tmp_path_factory.mktemp("plain")
    (place / "answer").write_text(PLAIN)
    (place / "answer").chmod(0o755)
    return place


@pytest.fixture(scope="module")
def play(scratch: Scratch) -> Callable[..., Run]:
    def run(playbook: str, *options: str, **variables: Any) -> Run:
        return run_playbook(
            f"playbooks/{playbook}.yml",
            *options,
            inventory=scratch.inventory,
            variables=VARIABLES | variables,
        )

    return run


@pytest.fixture(scope="module")
def deploy(play: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """Pack a directory as a release and deploy it."""
    out = tmp_path_factory.mktemp("archives")
    play("application").ok()

    def run(version: str, directory: Path, start: str, **wish: Any) -> Run:
        packed: Packed = pack(
            Wish(**{"rollback_safe": True} | wish, directory=directory, version=version, start=start, out=out)
        )
        return play("deploy", app_version=version, app_archive=str(packed.path), app_checksum=packed.checksum)

    return run


def ready(scratch: Scratch) -> dict[str, Any]:
    return dict(
        json.loads(scratch.host.check_output("curl --fail --silent http://127.0.0.1:8080/health/ready"))
    )


# The tests tell one story in order; each fixture is a scene and needs the one before.


@pytest.fixture(scope="module")
def first(deploy: Deploy, plain: Path) -> Run:
    return deploy("1.0.0", plain, "answer", environment=["HELLO=from $MITA_VERSION"]).ok()


def test_program_of_a_persons_own_is_live_with_its_environment(first: Run, scratch: Scratch) -> None:
    assert ready(scratch) == {"version": "1.0.0", "greeting": "from 1.0.0"}


@pytest.fixture(scope="module")
def second(first: Run, deploy: Deploy) -> Run:
    return deploy("2.0.0", SHOP, NODE, socket=True).ok()


def test_release_in_another_language_takes_over(second: Run, scratch: Scratch) -> None:
    pid = scratch.host.check_output("systemctl show -P MainPID mita-backend")

    assert ready(scratch)["version"] == "2.0.0"
    assert scratch.host.check_output(f"readlink /proc/{pid}/exe") == "/usr/bin/node"
    assert scratch.host.check_output(f"readlink /proc/{pid}/cwd") == "/opt/mita-backend/releases/2.0.0"


def test_rules_can_see_all_of_it(second: Run, scratch: Scratch) -> None:
    assert main(["contract", f"http://{address_of(scratch)}:8080"]) == 0


def address_of(scratch: Scratch) -> str:
    return str(scratch.host.check_output("hostname -i").split()[0])


@pytest.mark.long
def test_no_request_is_lost_between_releases_that_take_the_socket(
    second: Run, deploy: Deploy, scratch: Scratch
) -> None:
    with Visitors([address_of(scratch)]) as visitors:
        deploy("2.1.0", SHOP, NODE, socket=True).ok()
        scratch.host.check_output("systemctl restart mita-backend")

    assert (visitors.lost, visitors.answered > 20) == ([], True)
    assert ready(scratch)["version"] == "2.1.0"


@pytest.mark.long
def test_release_that_does_not_start_leaves_the_host_on_the_earlier_ones_command(
    second: Run, deploy: Deploy, scratch: Scratch
) -> None:
    failure = deploy("3.0.0", SHOP, "/usr/bin/node gone.js", socket=True).failure()

    assert "Cannot find module" in failure and "This host is back on 2.1.0 and ready." in failure
    assert ready(scratch)["version"] == "2.1.0"


def test_rollback_puts_the_earlier_releases_command_back(
    second: Run, play: Callable[..., Run], scratch: Scratch
) -> None:
    play("rollback", app_version="1.0.0").ok()

    assert ready(scratch) == {"version": "1.0.0", "greeting": "from 1.0.0"}


@pytest.mark.long
def test_program_that_the_host_lacks_is_named_before_anything_is_live(
    first: Run, deploy: Deploy, scratch: Scratch
) -> None:
    failure = deploy("4.0.0", SHOP, "/usr/bin/ruby server.rb").failure()

    assert "expected /usr/bin/ruby, which starts 4.0.0, on this host, found none" in failure
    assert "application_packages" in failure
    assert scratch.host.run("test -e /opt/mita-backend/releases/4.0.0").rc == 1


@pytest.mark.long
def test_program_that_the_sandbox_would_kill_is_refused_before_anything_is_live(
    second: Run, deploy: Deploy, play: Callable[..., Run], scratch: Scratch
) -> None:
    play("rollback", app_version="1.0.0").ok()
    play("application", application_sandbox={}).ok()
    try:
        failure = deploy("4.1.0", SHOP, NODE).failure()
    finally:
        play("application").ok()

    assert "expected /usr/bin/node to be allowed to make machine code, found it forbidden" in failure
    assert ready(scratch)["version"] == "1.0.0"


@pytest.mark.long
def test_person_is_told_that_a_release_is_not_left_by_itself(
    second: Run, deploy: Deploy, scratch: Scratch
) -> None:
    told = deploy("5.0.0", SHOP, NODE, socket=True, rollback_safe=False).ok()

    assert "no rollback begins by itself" in told.output
