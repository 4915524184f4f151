#!/usr/bin/python3
"""Become the live release: its start command in its directory, with its environment and listening socket.

The unit runs this file, which is root's, as the service's user. A release brings its command along, so
whoever puts an earlier release back also puts its command back. The command takes over this very process.
"""

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from string import Template
from typing import Any

Manifest = dict[str, Any]
Environment = dict[str, str]

PYTHON = "/usr/bin/python3"
MODULES = ("application", "target")
"""What starts a release without a command of its own: it was built before releases had one."""
BUNDLE = {"PYTHONPATH": "$MITA_RELEASE/lib:$MITA_RELEASE/app"}
SYSTEMDS = ("PATH", "LANG", "HOME", "SHELL")  # every service has these from systemd; a release may say others
FIRST_FD = 3  # sd_listen_fds(3)
LISTENER = "listener"
BACKLOG = 2048
PATIENCE_MS = 5000


class StartError(Exception):
    """The release cannot be started; the message says what was expected, what was found and what to do."""


def main() -> None:
    """Be the release that the first argument points at."""
    try:
        become(Path(sys.argv[1]).resolve())
    except StartError as error:
        sys.exit(f"start: {error}")


def become(release: Path) -> None:
    """Replace this process by the release's command."""
    manifest = read_manifest(release)
    environment = environment_of(manifest, release, os.environ)
    words = command(manifest, release, environment)
    if manifest.get("socket"):
        environment |= have_socket(environment)
    os.chdir(release)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which Python ignores, and its successor would too
    try:
        os.execve(words[0], words, environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise StartError(
            f"expected {words[0]} to run, found: {error.strerror}; deploy another release"
        ) from error


def read_manifest(release: Path) -> Manifest:
    """Return what the release says about itself."""
    try:
        manifest = json.loads((release / "manifest.json").read_text())
        manifest["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StartError(
            f"expected the manifest of a release in {release}, found {error!r}; deploy it again"
        ) from error
    return dict(manifest)


def environment_of(manifest: Manifest, release: Path, given: Mapping[str, str]) -> Environment:
    """Return the host's environment, and what the release adds to it. What the host says stands."""
    known = {**given, "MITA_RELEASE": str(release), "MITA_VERSION": str(manifest["version"])}
    own = manifest.get("environment", {}) if "start" in manifest else BUNDLE
    return known | {
        name: filled(value, known) for name, value in own.items() if name not in known or name in SYSTEMDS
    }


def command(manifest: Manifest, release: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the words of the command; a program without a leading slash is a file of the release."""
    words = [filled(word, environment) for word in manifest.get("start") or bundle_command(release)]
    return [str(release / words[0]), *words[1:]]


def bundle_command(release: Path) -> list[str]:
    """Return how a release that does not say it is started."""
    module = next((name for name in MODULES if (release / "app" / name).is_dir()), MODULES[0])
    return [PYTHON, "-P", "-m", module]


def filled(text: str, known: Mapping[str, str]) -> str:
    """Return the text with its variables replaced."""
    try:
        return Template(text).substitute(known)
    except KeyError as error:
        raise StartError(
            f"expected the environment variable {error.args[0]}, which {text!r} names, found none; "
            "set it in application_environment"
        ) from error
    except ValueError as error:
        raise StartError(f"expected $NAME or $$, found {text!r}; correct the manifest") from error


def have_socket(environment: Mapping[str, str]) -> Environment:
    """Have the listening socket as the first descriptor, and return the variables that say so.

    systemd keeps it while the service is started anew, after a crash too: clients wait in it.
    """
    place = ip_address(environment.get("MITA_HOST") or "0.0.0.0"), int(environment.get("MITA_PORT") or 8080)  # noqa: S104
    if not is_kept(environment, place):
        leave(listening(*place))
    os.set_inheritable(FIRST_FD, True)
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": LISTENER}


def is_kept(environment: Mapping[str, str], place: tuple[Any, int]) -> bool:
    """Whether systemd kept the socket for this process; one that is bound elsewhere is let go."""
    mine = environment.get("LISTEN_PID") == str(os.getpid())
    if not mine or environment.get("LISTEN_FDNAMES") != LISTENER:
        return False
    with socket.socket(fileno=os.dup(FIRST_FD)) as kept:
        bound = kept.getsockname()
    if (ip_address(bound[0]), bound[1]) == place:
        return True
    os.close(FIRST_FD)
    forget()
    return False


def listening(address: Any, port: int) -> socket.socket:
    """Return a new socket that listens there."""
    fresh = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    fresh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        fresh.bind((str(address), port))
    except OSError as error:
        raise StartError(
            f"expected to listen on {address} port {port}, found: {error.strerror}; "
            "see application_listen_address and application_port"
        ) from error
    fresh.listen(BACKLOG)
    return fresh


def leave(listener: socket.socket) -> None:
    """Have systemd keep the socket, and this process have it as the first descriptor."""
    notify(f"FDSTORE=1\nFDNAME={LISTENER}", [listener.fileno()])
    handle = listener.detach()
    if handle != FIRST_FD:
        os.dup2(handle, FIRST_FD)
        os.close(handle)


def forget() -> None:
    """Have systemd close the socket; return once it did, so that its port is free."""
    notify(f"FDSTOREREMOVE=1\nFDNAME={LISTENER}")
    ours, theirs = os.pipe()
    notify("BARRIER=1", [theirs])
    os.close(theirs)
    waiting = select.poll()
    waiting.register(ours, select.POLLHUP)
    waiting.poll(PATIENCE_MS)
    os.close(ours)


def notify(state: str, descriptors: Iterable[int] = ()) -> None:
    """Tell systemd something; nothing happens where it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            socket.send_fds(channel, [state.encode()], list(descriptors))


if __name__ == "__main__":
    main()
