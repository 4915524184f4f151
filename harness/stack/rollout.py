"""The steps that a demo and a test share: build, install, deploy, as subprocesses that can be watched."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.errors import UserError
from devtools.paths import RELEASES_DIR, REPO
from devtools.playbook import Playbook, PlaybookError, playing
from devtools.wait import until
from harness import clients
from harness.lab import addresses

RECEIVERS_PLAY = "harness/receivers/install.yml"
TIMED_PLAYS = ("playbooks/monitoring.yml", "playbooks/rollback_daemon.yml")
INSTALL_S = 600.0
DEPLOY_S = 180.0
GOOD, INTERIM = "1.0.0", "0.9.0"
LIVE_FROM_OTHER_SOURCES = "releases do not change"


def building(version: str, fault: str | None = None) -> subprocess.Popen[str]:
    """Begin to build a release; give the result to `built`."""
    command = [sys.executable, "-m", "harness.cli", "release", "build", version]
    command += ["--fault", fault] if fault else []
    return subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def built(build: subprocess.Popen[str]) -> None:
    """Wait until the release is built; raises UserError with the builder's words."""
    words, _ = build.communicate()
    if build.returncode:
        raise UserError(f"expected the release to be built, found: {words.strip()[-1000:]}")


@contextmanager
def installing(log: Path, *arguments: str) -> Iterator[Playbook]:
    """Install the receivers and everything else for the length of the block."""
    with playing("the installation", [RECEIVERS_PLAY, "site.yml", *arguments], log) as install:
        yield install


@contextmanager
def production_timing(home: Path) -> Iterator[None]:
    """For the block the lab takes as long for everything as production does; afterwards it is fast again."""
    try:
        with playing("production timing", [*TIMED_PLAYS, "-e", "time_scale=1"], home / "slow.log") as play:
            finish(play, INSTALL_S)
        yield
    finally:
        with playing("the lab's timing", TIMED_PLAYS, home / "fast.log") as play:
            finish(play, INSTALL_S)


@contextmanager
def deploying(version: str, log: Path) -> Iterator[Playbook]:
    """Deploy *version* for the length of the block, also one that was rejected after an earlier rollback."""
    extra = json.dumps({"app_version": version, "app_override": True})
    with playing(f"the deployment of {version}", ["playbooks/deploy.yml", "-e", extra], log) as deploy:
        yield deploy


def deploy_good(home: Path, beat: Callable[[str], None] = lambda _: None) -> None:
    """Have release GOOD live on both hosts, made from the sources of now.

    A live release is never replaced by another archive of the same version: after a change of its sources the
    hosts go over INTERIM, which is as good.
    """
    try:
        _deploy(GOOD, home, beat)
    except PlaybookError as error:
        if LIVE_FROM_OTHER_SOURCES not in str(error):
            raise
        built(building(INTERIM))
        _deploy(INTERIM, home, beat)
        _deploy(GOOD, home, beat)


def make_known(version: str, service: str) -> None:
    """Have the daemon know the live release: deploying what is live already tells a new daemon nothing."""
    daemon = addresses.daemon()
    current = daemon.service(service).get("current")
    if current is None or current["version"] != version:
        checksum = (RELEASES_DIR / f"mita-backend-{version}.tar.gz.sha256").read_text().split()[0]
        daemon.register_live(service, version, list(addresses.applications()), f"sha256:{checksum}")


def _deploy(version: str, home: Path, beat: Callable[[str], None]) -> None:
    with deploying(version, home / f"deploy-{version}.log") as deploy:
        finish(deploy, DEPLOY_S, beat)


def finish(playbook: Playbook, deadline_s: float, beat: Callable[[str], None] = lambda _: None) -> None:
    """Wait until *playbook* has succeeded; raises PlaybookError as soon as it failed."""

    def ended() -> bool:
        beat(playbook.task())
        return playbook.done()

    patiently(f"{playbook.name} to end", ended, deadline_s)


def patiently(what: str, condition: Callable[[], bool], deadline_s: float) -> None:
    """Wait for *condition*; who does not answer is asked again, any other UserError ends it."""
    failed: list[UserError] = []

    def guarded() -> bool:
        try:
            return condition()
        except clients.ClientError:
            raise
        except UserError as error:
            failed.append(error)
            return True

    until(what, guarded, deadline_s=deadline_s, interval_s=0.5)
    if failed:
        raise failed[0]


def live_versions() -> dict[str, str]:
    """Return the version that each application host answers with; `none` where nothing answers."""
    found = {}
    for name, application in addresses.applications().items():
        try:
            found[name] = application.version()
        except clients.ClientError:
            found[name] = "none"
    return found
