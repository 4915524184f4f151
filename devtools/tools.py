"""Prometheus and its tools on the controller, out of the distribution's packages: no service is installed."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.paths import CACHE
from devtools.system import last_words, locked, run, say

BIN = CACHE / "bin"
# Debian 13 has promtool in a package of its own, Debian 12 in prometheus.
PACKAGES = {
    "promtool": ("promtool", "prometheus"),
    "amtool": ("prometheus-alertmanager",),
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager",),
    "promtool-3": ("promtool",),
    "alertmanager-0.28": ("prometheus-alertmanager",),
    "amtool-0.28": ("prometheus-alertmanager",),
}
# What a package calls a program that has another name here.
PLAIN = {
    "alertmanager": "prometheus-alertmanager",
    "alertmanager-0.28": "prometheus-alertmanager",
    "promtool-3": "promtool",
    "amtool-0.28": "amtool",
}
# Where a program looks for what it reads, wherever it was unpacked.
SHARED = dict.fromkeys(("alertmanager", "alertmanager-0.28"), "/usr/share/prometheus/alertmanager")
# Which newer release of the distribution has it.
NEWER = {"promtool-3": "forky", "alertmanager-0.28": "trixie", "amtool-0.28": "trixie"}
CHECKERS = ("promtool", "amtool")  # what every test run needs; the servers themselves only a few of them


def tool(name: str) -> Path:
    """The program of that name; fetched once for all clones of this user."""
    if name not in PACKAGES:
        raise UserError(f"expected one of {', '.join(PACKAGES)}, found {name!r}")
    path = BIN / name
    with locked("tools"):
        if not path.exists():
            _fetch(name)
    return path


def add_commands(subparsers: Any) -> None:
    """`harness tools` is known to the command line."""
    parser = subparsers.add_parser("tools", help="fetch promtool and amtool, and say where they are")
    parser.set_defaults(run=lambda _: say("\n".join(str(tool(name)) for name in CHECKERS)))


def _fetch(name: str) -> None:
    """The program is moved into place whole, or not at all."""
    say(f"fetching {name} from the distribution's packages")
    BIN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BIN, prefix=".fetch-") as directory:
        place = Path(directory)
        complaint = "" if name in NEWER else _extract(name, place, [])
        if complaint or name in NEWER:
            lists = [*_own_lists(place), *_newer(name, place)]
            _apt(place, *lists, "update")
            complaint = _extract(name, place, lists)
        if complaint:
            raise UserError(
                f"expected a package with {name} ({' or '.join(PACKAGES[name])}), apt said: {complaint}\n"
                "check that this machine reaches its package index (`apt-get update`), then run it again"
            )
        if name in SHARED:
            _move_shared(name, place)
        (place / "usr" / "bin" / _plain(name)).rename(BIN / name)


def _move_shared(name: str, place: Path) -> None:
    """What the program reads is in BIN, and the program looks for it there when it is started in BIN."""
    fixed, program = SHARED[name], place / "usr" / "bin" / _plain(name)
    own = f"{name}-share"
    shutil.rmtree(BIN / own, ignore_errors=True)
    (place / fixed.lstrip("/")).rename(BIN / own)
    # A path of the same length, so that nothing else in the program moves.
    relative = "./" + own.rjust(len(fixed) - 2, "/")
    program.write_bytes(program.read_bytes().replace(fixed.encode(), relative.encode()))


def _plain(name: str) -> str:
    return PLAIN.get(name, name)


def _newer(name: str, place: Path) -> list[str]:
    """Options that let apt read the newer release from where this machine's own packages come from."""
    if name not in NEWER:
        return []
    address = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).split("\n")[0]
    sources = place / "newer.list"
    sources.write_text(f"deb {address} {NEWER[name]} main\n", encoding="utf-8")
    return ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"]


def _extract(name: str, place: Path, options: list[str]) -> str:
    """The program is under `place`, or apt's words on why not."""
    words = ""
    for package in PACKAGES[name]:
        done = _apt(place, *options, "download", package)
        words = last_words(done.stdout, 3)
        for archive in place.glob("*.deb"):
            run(["dpkg-deb", "-x", str(archive), str(place)])
            archive.unlink()
        if (place / "usr" / "bin" / _plain(name)).exists():
            return ""
    return words


def _own_lists(place: Path) -> list[str]:
    """Options that let apt keep lists in `place`: a user who is not root cannot refresh the machine's."""
    (place / "lists" / "partial").mkdir(parents=True)
    (place / "cache" / "archives" / "partial").mkdir(parents=True)
    return ["-o", f"Dir::State::lists={place}/lists", "-o", f"Dir::Cache={place}/cache"]


def _apt(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """apt-get, working in `place`. It may run its downloads as this user: nobody else has to read `place`."""
    return subprocess.run(
        ["apt-get", "-q", "-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none", *arguments],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
