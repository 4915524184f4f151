"""What settings point to, looked at before it is needed: one sentence for each thing that cannot work."""

import os
import re
import shutil
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rollback import strict_yaml
from rollback.adapters.executors import PLACES
from rollback.reloading import Loaded
from rollback.setting_groups import ExecutorKind

LONGEST_PATH = 255
PLACE = re.compile(r"(?<!\$)\{(\w+)\}")  # `${NAME}` is a shell's


def problems(loaded: Loaded, bundle: Path) -> list[str]:
    """What will not work on this host, though every setting can be read. It asks no network."""
    command = loaded.settings.executor.kind is ExecutorKind.COMMAND
    return [
        *_written(loaded),
        *(_programs(loaded) if command else _playbook(loaded, bundle)),
        *_certificates(loaded),
    ]


def _written(loaded: Loaded) -> Iterator[str]:
    """The places where the daemon writes; what is not there yet must be possible to make."""
    for name, path in (
        ("database", loaded.settings.database.parent),
        ("state_directory", loaded.settings.state_directory),
    ):
        there = next((folder for folder in (path, *path.parents) if _exists(folder)), Path("/"))
        if len(str(path)) > LONGEST_PATH:
            yield f"{name}: expected a path of at most {LONGEST_PATH} characters, found {len(str(path))}"
        elif not there.is_dir():
            yield f"{name}: expected a folder at {there}, found a file; name another path"
        elif not os.access(there, os.W_OK | os.X_OK):
            yield f"{name}: expected a folder to write to at {there}, found none; mend its mode"
    file = loaded.settings.database
    if file.name == ":memory:":
        yield "database: expected a file, found :memory:, which forgets everything at every restart"
    elif _exists(file) and not (file.is_file() and os.access(file, os.R_OK | os.W_OK)):
        found = "a folder; name a file in it" if file.is_dir() else "none; mend its mode"
        yield f"database: expected a file that can be written to at {file}, found {found}"


def _exists(path: Path) -> bool:
    with suppress(OSError):  # a name may be too long
        return path.exists()
    return False


def _programs(loaded: Loaded) -> Iterator[str]:
    executor = loaded.settings.executor
    if not executor.directory.is_dir():
        yield f"executor.directory: expected a folder at {executor.directory}, found none; make it"
        return
    path = executor.environment.get("PATH", os.environ.get("PATH", os.defpath))
    for name, argv in (("argv", executor.argv), ("rehearsal_argv", executor.rehearsal_argv)):
        if argv and "{" not in argv[0] and not _runs(argv[0], executor.directory, path):
            yield (
                f"executor.{name}: expected a program that can be run, found {argv[0]!r}, which is not "
                "there or not executable; install it or give its whole path"
            )
        for unknown in sorted({*PLACE.findall(" ".join(argv))} - {*PLACES}):
            yield (
                f"executor.{name}: expected one of {', '.join(PLACES)} in braces, "
                f"found {{{unknown}}}; mend it"
            )


def _runs(program: str, directory: Path, path: str) -> bool:
    whole = str(directory / program) if os.sep in program else program
    with suppress(ValueError):
        return shutil.which(whole, path=path) is not None
    return False


def _playbook(loaded: Loaded, bundle: Path) -> Iterator[str]:
    playbook = bundle / loaded.settings.executor.playbook
    if not playbook.is_file():
        yield f"executor.playbook: expected a playbook at {playbook}, found none; name one of the bundle"
    # Settings are checked before they are put in place: then the inventory still lies beside them.
    places = (loaded.inventory, loaded.directory / loaded.inventory.name)
    inventory = next((place for place in places if place.is_file() or place.is_dir()), None)
    if inventory is None:
        yield f"executor.inventory: expected an inventory at {loaded.inventory}, found none; name one"
        return
    if known := _hosts(inventory):
        for service, probes in loaded.settings.probes.items():
            for host in sorted(probes.keys() - known):
                yield (
                    f"probes.{service}.{host}: expected a host of {inventory} "
                    f"({', '.join(sorted(known))}), found none of that name; mend one of them"
                )


def _hosts(inventory: Path) -> set[str]:
    """The hosts of an inventory in YAML; none where it cannot be told which there are."""
    with suppress(OSError, ValueError):
        found = set(_named(strict_yaml.read(inventory.read_text(encoding="utf-8"))))
        return set() if any("[" in name for name in found) else found
    return set()


def _named(group: Any) -> Iterator[str]:
    if isinstance(group, dict):
        for name, content in group.items():
            if name == "hosts" and isinstance(content, dict):
                yield from (str(host) for host in content)
            elif name not in ("vars", "hosts"):
                yield from _named(content)


def _certificates(loaded: Loaded) -> Iterator[str]:
    named: Sequence[tuple[str, Path | None]] = (
        ("prometheus_ca_file", loaded.prometheus.ca_file),
        ("alertmanager_ca_file", loaded.alertmanager.ca_file),
        ("probes_ca_file", loaded.probes_ca),
    )
    for name, file in named:
        try:
            if file:
                ssl.create_default_context(cafile=file)
        except (OSError, ValueError) as error:
            yield f"{name}: expected certificates in {file}, found none ({error}); mend the file"


def unreachable(address: str) -> Iterator[str]:
    """Why one cannot listen there, if so; the port may be in use by the daemon itself."""
    try:
        found = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.bind(place)
    except (OSError, UnicodeError) as error:
        yield f"listen_address: expected an address of this host, found {address} ({error}); mend it"
