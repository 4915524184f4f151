"""The desired state of one service, as values. Pure."""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath
from typing import Any

UNIT_DIRECTORY = "/etc/systemd/system"


class RequestError(Exception):
    """The task's parameters contradict each other; nothing was touched."""


class Apply(IntEnum):
    """What a running service needs before a change of a file counts; the larger one wins.

    NONE is read at its next use. WATCHED is noticed by the service, which is only told of it once a reload is
    over: Prometheus can lose what it notices while it reloads.
    """

    NONE = 0
    WATCHED = 1
    RELOAD = 2
    RESTART = 3


@dataclass(frozen=True, kw_only=True)
class File:
    """One file as it must be on the host."""

    path: str
    content: str
    owner: str
    group: str
    mode: int
    secret: bool = False
    apply: Apply = Apply.RELOAD

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, as the manifest stores it."""
        return hashlib.sha256(self.content.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Directory:
    """One directory as it must be on the host; `opened` with all that is in it, for every user to read."""

    path: str
    owner: str
    group: str
    mode: int
    opened: bool = False


@dataclass(frozen=True, kw_only=True)
class Ready:
    """How to ask the service whether it serves; `timeout` in seconds."""

    url: str | None = None
    port: int | None = None
    host: str = "127.0.0.1"
    timeout: int = 30
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything that one task asks for."""

    name: str
    files: tuple[File, ...]
    directories: tuple[Directory, ...] = ()
    config_root: str | None = None
    root_group: str = "root"
    checks: tuple[tuple[str, ...], ...] = ()
    command: tuple[str, ...] = ()
    restart_token: str = ""
    reload_metric: str | None = None
    metrics_url: str | None = None
    ready: Ready | None = None
    start_if_exists: str | None = None
    timers: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()

    @property
    def unit_name(self) -> str:
        """The systemd unit, with its suffix."""
        return f"{self.name}.service"


def parse(params: dict[str, Any]) -> Service:
    """Return the service that the task's type-checked parameters describe, or raise RequestError."""
    files = [_file(params, entry) for entry in params["files"]]
    if params["unit"]:
        files.append(_unit(params["name"], params["unit"]))
    _refuse_duplicates(files)
    if params["reload_metric"] and not params["metrics_url"]:
        raise RequestError("reload_metric needs metrics_url, where the metric is read; found none")
    return Service(
        name=params["name"],
        files=tuple(files),
        directories=tuple(_directory(params, entry) for entry in params["directories"]),
        config_root=params["config_root"],
        root_group=params["group"],
        checks=tuple(tuple(argv) for argv in params["check"]),
        command=tuple(params["command"]),
        restart_token=params["restart_token"],
        reload_metric=params["reload_metric"],
        metrics_url=params["metrics_url"],
        ready=_ready(params["ready"]),
        start_if_exists=params["start_if_exists"],
        timers=tuple(params["timers"]),
        replaces=tuple(params["replaces"]),
    )


def _ready(given: dict[str, Any] | None) -> Ready | None:
    return Ready(**{key: value for key, value in given.items() if value is not None}) if given else None


def _file(params: dict[str, Any], entry: dict[str, Any]) -> File:
    return File(
        path=_absolute(params["config_root"], entry["path"]),
        content=entry["content"],
        owner=entry["owner"] or params["owner"],
        group=entry["group"] or params["group"],
        mode=_mode(entry["mode"] or "0640"),
        secret=entry["secret"],
        apply=Apply[(entry["apply"] or params["apply"]).upper()],
    )


def _unit(name: str, content: str) -> File:
    return File(
        path=f"{UNIT_DIRECTORY}/{name}.service",
        content=content,
        owner="root",
        group="root",
        mode=0o644,
        apply=Apply.RESTART,
    )


def _directory(params: dict[str, Any], entry: dict[str, Any]) -> Directory:
    return Directory(
        path=_absolute(params["config_root"], entry["path"]),
        owner=entry["owner"] or params["owner"],
        group=entry["group"] or params["group"],
        mode=_mode(entry["mode"] or ("0755" if entry["opened"] else "0750")),
        opened=entry["opened"],
    )


def _absolute(root: str | None, path: str) -> str:
    pure = PurePosixPath(path)
    if ".." in pure.parts:
        raise RequestError(f"a path must not hold '..', found {path!r}; write where the file goes")
    if pure.is_absolute():
        return str(pure)
    if root is None:
        raise RequestError(f"{path!r} is relative and there is no config_root; give one or the other")
    return str(PurePosixPath(root) / pure)


def _mode(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError as error:
        raise RequestError(f'a mode is octal digits in quotes such as "0640", found {text!r}') from error


def _refuse_duplicates(files: list[File]) -> None:
    paths = [file.path for file in files]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise RequestError(f"expected every file once, found twice: {', '.join(twice)}; remove one each")
