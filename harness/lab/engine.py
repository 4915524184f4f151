"""The Docker engine of this machine: found, or installed and started from the distribution's packages."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import requests

from devtools import apt
from devtools.errors import UserError
from devtools.paths import CACHE
from devtools.system import as_root, has_systemd, last_words, locked, require_root, say
from devtools.wait import until
from harness.lab import engine_access

START_DEADLINE_S = 90
LOG = CACHE / "dockerd.log"


def answering() -> docker.DockerClient | None:
    """A client of the engine if one answers this user, else None."""
    socket = engine_access.engine_socket()
    if socket and engine_access.is_forbidden(socket):
        engine_access.restart_in_group_of(socket)
    try:
        client = docker.from_env(timeout=300)
        client.ping()
    except (docker.errors.DockerException, OSError):
        return None
    return client


def version(client: docker.DockerClient) -> str:
    """The engine's version, such as 26.1.5+dfsg1."""
    return str(client.version()["Version"])


@contextmanager
def explained() -> Iterator[None]:
    """What the engine refuses becomes a sentence."""
    try:
        yield
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise UserError(
            f"expected the Docker engine to do as asked, it answered: {error}; "
            "if that is no obstacle you can remove, `make down` and a new run start from nothing"
        ) from error


def connect() -> docker.DockerClient:
    """A client of the engine that is there; nothing is installed or started for it."""
    client = answering()
    if client is None:
        raise UserError("expected a Docker engine to answer, found none; `harness lab up` starts one")
    return client


def ensure() -> docker.DockerClient:
    """A client of an engine that answers; where none did it is installed and started first."""
    client = answering()
    if client is not None:
        return client
    socket = engine_access.engine_socket()
    if socket is None:
        raise UserError(
            f"expected an engine at DOCKER_HOST={os.environ['DOCKER_HOST']}, nothing answers there; "
            "start it, or unset DOCKER_HOST to have one on this machine"
        )
    with locked("engine"):
        if answering() is None:
            apt.ensure({**apt.ENGINE, **apt.CONTROLLER})
        if answering() is None:
            _start(socket)
        if engine_access.is_forbidden(socket):
            engine_access.restart_in_group_of(socket)
            raise UserError(f"expected {socket} to be open to this user, it is not; run this as root")
        return until("the Docker engine to answer", answering, deadline_s=START_DEADLINE_S)


def _start(socket: Path) -> None:
    """An engine listens on the socket: systemd's service, or our own process where no systemd runs."""
    require_root("start the Docker engine", "start it yourself: dockerd")
    say("starting the Docker engine")
    if has_systemd() and str(socket) == engine_access.DEFAULT_SOCKET:
        _start_service()
    else:
        _start_process(socket)


def _start_service() -> None:
    done = subprocess.run(as_root(["systemctl", "start", "docker"]), capture_output=True, text=True)
    if done.returncode != 0:
        journal = subprocess.run(
            as_root(["journalctl", "-u", "docker", "-n", "5", "--no-pager", "-o", "cat"]),
            capture_output=True,
            text=True,
        )
        raise _cannot_start(journal.stdout or done.stderr, "journalctl -u docker")


def _start_process(socket: Path) -> None:
    """dockerd runs in a session of its own, so that it outlives this command and its terminal.

    Each host weighs against the programs of this machine by itself: under one parent all hosts together would
    get as much of its processors as a single program. LAB_DOCKERD_OPTIONS is passed on, for machines whose
    engine needs another storage driver or data root.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    apart = [] if has_systemd() else ["--cgroup-parent=/"]
    options = [*apart, *shlex.split(os.environ.get("LAB_DOCKERD_OPTIONS", ""))]
    dockerd = apt.which("dockerd") or "dockerd"
    # Where no systemd runs, /proc/sys is often read-only; newer engines then insist on being told it is fine.
    environment = [f"PATH={apt.PATH}", "DOCKER_ALLOW_IPV6_ON_IPV4_INTERFACE=1"]
    argv = as_root(["env", *environment, dockerd, f"--host=unix://{socket}", *options])
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def served() -> bool:
        if process.poll() is not None:
            return True
        return engine_access.is_forbidden(socket) or engine_access.socket_answers(socket)

    until("dockerd to answer", served, deadline_s=START_DEADLINE_S, explain=_log_tail)
    if process.poll() is not None:
        raise _cannot_start(_log_tail(), str(LOG))


def _log_tail() -> str:
    """What dockerd complained about, or else the end of its log."""
    lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()
    marks = ("level=error", "level=fatal", "failed to start daemon")
    complaints = [line for line in lines if any(mark in line for mark in marks)]
    return last_words("\n".join(complaints or lines))


def _cannot_start(words: str, where: str) -> UserError:
    return UserError(
        f"expected the Docker engine to start, it gave up: {last_words(words)}\n"
        f"mend what it names (all of it: {where}), then run the same again"
    )
