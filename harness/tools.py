"""Prometheus and its tools on the controller, out of the distribution's packages: no service is installed."""

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.paths import CACHE
from harness.system import last_words, locked, run, say

BIN = CACHE / "bin"
# Debian 13 has promtool in a package of its own, Debian 12 in prometheus.
PACKAGES = {
    "promtool": ("promtool", "prometheus"),
    "amtool": ("prometheus-alertmanager",),
    "prometheus": ("prometheus",),
    "promtool-3": ("promtool",),
}
# What a newer release of the distribution has: its package holds the program under its plain name.
NEWER = {"promtool-3": ("forky", "promtool")}
CHECKERS = ("promtool", "amtool")  # what every test run needs; Prometheus itself only a benchmark


def tool(name: str) -> Path:
    """The program of that name; fetched once for all clones of this user."""
    if name not in PACKAGES:
        raise HarnessError(f"expected one of {', '.join(PACKAGES)}, found {name!r}")
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
            raise HarnessError(
                f"expected a package with {name} ({' or '.join(PACKAGES[name])}), apt said: {complaint}\n"
                "check that this machine reaches its package index (`apt-get update`), then run it again"
            )
        (place / "usr" / "bin" / _plain(name)).rename(BIN / name)


def _plain(name: str) -> str:
    return NEWER[name][1] if name in NEWER else name


def _newer(name: str, place: Path) -> list[str]:
    """Options that let apt read the newer release from where this machine's own packages come from."""
    if name not in NEWER:
        return []
    address = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).split("\n")[0]
    sources = place / "newer.list"
    sources.write_text(f"deb {address} {NEWER[name][0]} main\n", encoding="utf-8")
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
