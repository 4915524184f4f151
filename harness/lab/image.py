"""The lab hosts' image: made from Debian's packages, named after everything it was made from."""

import hashlib
import subprocess
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import IO

import docker
import yaml

from devtools import apt
from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import as_root, can_be_root, last_words, say
from harness.lab.hosts import LABEL
from monitoring.exporters import load_exporters
from monitoring.yaml_text import read_yaml

REPOSITORY = "mita-lab"
PROVISIONAL = f"{REPOSITORY}:building"
HERE = Path(__file__).parent
COMPONENTS = REPO / "roles" / "program" / "vars" / "main.yml"
EXPORTERS = REPO / "roles" / "exporter" / "vars"
BASE_PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "python3-apt", "sudo"),
    *("ca-certificates", "iproute2", "procps", "curl", "e2fsprogs"),
)
OTHER_PACKAGES = (
    "nodejs",  # runs tests/own_application, which is not ours
    *("nginx-light", "mariadb-server"),  # what exporters of ours watch, and no role of ours installs
)
CHANGES = ["ENV container=docker", 'CMD ["/sbin/init"]', f"LABEL {LABEL}=image"]


def component_packages(path: Path = COMPONENTS, exporters: Path = EXPORTERS) -> list[str]:
    """Every distribution package that a role installs, in order, each once."""
    try:
        components = read_yaml(path.read_text(encoding="utf-8"))["program_components"]
        own = {package for component in components.values() for package in component["packages"]}
        return sorted(own.union(*(one.packages for one in load_exporters(exporters).values())))
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise UserError(
            f"expected program_components: {{component: {{packages: [...]}}}} in {path}, found {error!r}; "
            "the image brings those packages along"
        ) from error


def waiting_packages() -> list[str]:
    """Every package that a host of the lab may install without a network."""
    return [*component_packages(), *OTHER_PACKAGES]


def inputs() -> list[Path]:
    """The files an image is made from."""
    return [HERE / "customize.sh", *sorted(p for p in (HERE / "rootfs").rglob("*") if p.is_file())]


def tag(os_release: str, packages: Iterable[str], files: Iterable[Path]) -> str:
    """The name of the image made from exactly these inputs; another input gives another name."""
    digest = hashlib.sha256()
    for fact in (os_release, *BASE_PACKAGES, *packages, *CHANGES):
        digest.update(fact.encode() + b"\0")
    for file in files:
        digest.update(str(file.relative_to(HERE)).encode() + b"\0" + file.read_bytes() + b"\0")
    return f"{REPOSITORY}:{os_release}-{digest.hexdigest()[:12]}"


def name_now(os_release: str) -> str:
    """The name of the image that the inputs of this moment call for."""
    return tag(os_release, waiting_packages(), inputs())


def exists(client: docker.DockerClient, os_release: str) -> bool:
    """Whether the engine has an image that was made from the inputs of this moment."""
    try:
        client.images.get(name_now(os_release))
    except docker.errors.ImageNotFound:
        return False
    return True


def remove_all(client: docker.DockerClient) -> None:
    """No image of ours is left in the engine, whatever inputs it was made from."""
    for found in client.images.list(all=True, filters={"label": f"{LABEL}=image"}):
        client.images.remove(found.id, force=True)


def build(client: docker.DockerClient, os_release: str) -> None:
    """mmdebstrap's tar is streamed into the engine; only a whole one gets the image's real name."""
    name = name_now(os_release)
    say(f"building the image {name} from Debian's packages (about half a minute)")
    started = time.monotonic()
    argv = _mmdebstrap(os_release)
    refused: docker.errors.APIError | None = None
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout and process.stderr
        words, tar = _Progress(process.stderr), process.stdout
        chunks = iter(lambda: tar.read(1 << 20), b"")
        try:
            client.api.import_image(chunks, repository=REPOSITORY, tag="building", changes=CHANGES)
        except docker.errors.APIError as error:
            refused = error
            process.terminate()
    if refused or process.returncode != 0:
        with suppress(docker.errors.ImageNotFound):
            client.api.remove_image(PROVISIONAL)
        raise UserError(
            f"expected an image of {os_release}, mmdebstrap gave up: {words.last()}\n"
            f"{f'and the engine refused what it made: {refused}{chr(10)}' if refused else ''}"
            "check that this machine reaches a Debian mirror (`apt-get update`), then run it again"
        )
    client.images.get(PROVISIONAL).tag(name)
    client.api.remove_image(PROVISIONAL)
    client.images.prune({"dangling": True, "label": f"{LABEL}=image"})
    say(f"image built in {time.monotonic() - started:.0f} s")


class _Progress(threading.Thread):
    """Passes mmdebstrap's steps on as they come, and remembers its last words."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._lines: list[str] = []
        self.start()

    def run(self) -> None:
        for raw in self._stream:
            line = raw.decode(errors="replace").rstrip()
            self._lines.append(line)
            if line.startswith("I: ") and "--customize-hook" not in line:
                say(f"  {line[3:]}")
            elif "--customize-hook" in line:
                say("  downloading the packages of every component...")

    def last(self) -> str:
        """What it complained about, or else its last lines."""
        self.join(timeout=5)
        complaints = [line for line in self._lines if not line.startswith("I:")]
        return last_words("\n".join(complaints or self._lines))


def _mmdebstrap(os_release: str) -> list[str]:
    """As root where possible; otherwise mmdebstrap finds a way of its own, or says why there is none."""
    customize = f'"{HERE}/customize.sh" "$1" "{HERE}/rootfs" {" ".join(waiting_packages())}'
    argv = [
        apt.which("mmdebstrap") or "mmdebstrap",
        "--variant=minbase",
        "--skip=cleanup/apt/lists,cleanup/apt/cache",
        '--aptopt=Acquire::Languages "none"',
        f"--include={','.join(BASE_PACKAGES)}",
        f"--customize-hook={customize}",
        os_release,
        "-",
    ]
    return as_root(argv) if can_be_root() else argv
