"""A bare host of its own for role tests, from the lab's image: the site in the lab stays as it is."""

import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import testinfra
import yaml
from docker.models.containers import Container

from devtools.paths import REPO
from harness.lab import boot, engine, image, keys, lab, spec, tenancy
from harness.lab.hosts import LABEL, Host, os_release

# The engine gives a port away again: an open connection must not outlive the run that opened it.
CONTROL_PATHS = f"~/.ansible/cp/{os.getpid()}"
COMPILED_ONCE = Path(__file__).with_name("compiled_once.py")
PYTHONS_OWN = "/usr/lib/python3/dist-packages"
GROUPS = ("monitoring", "rollback", "application", "postgresql", "redis")


@dataclass(frozen=True)
class Scratch:
    """The bare host: its inventory for Ansible, and itself for questions."""

    inventory: Path
    host: testinfra.host.Host
    container: Container


@contextmanager
def scratch_host(name: str, directory: Path, groups: Iterable[str] = GROUPS) -> Iterator[Scratch]:
    """A booted host called *name*, gone afterwards."""
    client = lab.prepare()
    tenancy.sweep(client)
    keys.ensure()
    keys.ensure_host_key(name)
    found = client.images.get(image.name_now(os_release()))
    options = spec.options(Host(name, 0), str(found.id), "", engine_version=engine.version(client))
    options["name"] += f"-{os.getpid()}"
    options["labels"][LABEL] = "scratch"  # beside the lab, whoever has it
    container = client.containers.create(**options)
    try:
        container.put_archive("/", spec.first_files(Host(name, 0)))
        container.put_archive(PYTHONS_OWN, _compiled_once())
        container.start()
        port = _ssh_port(container)
        boot.wait_for(container, Host(name, port))
        inventory = _write_inventory(name, port, directory, groups)
        yield Scratch(inventory, testinfra.get_host(f"docker://{container.name}"), container)
    finally:
        container.remove(force=True, v=True)


def _compiled_once() -> bytes:
    """A tar of what Python reads at each start, for every user of the host."""
    name = COMPILED_ONCE.stem
    files = {
        COMPILED_ONCE.name: COMPILED_ONCE.read_bytes(),
        f"{name}.pth": f"import {name}; {name}.install()\n".encode(),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _ssh_port(container: Container) -> int:
    container.reload()
    return int(container.ports["22/tcp"][0]["HostPort"])


def _write_inventory(name: str, port: int, directory: Path, groups: Iterable[str]) -> Path:
    known_hosts = directory / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {keys.public(keys.host_key(name))}\n")
    host = {
        "site_name": "scratch",
        "lab_clone": str(REPO),
        "ansible_control_path_dir": CONTROL_PATHS,
        "ansible_host": "127.0.0.1",
        "ansible_port": port,
        "ansible_user": "ops",
        "ansible_ssh_private_key_file": str(keys.USER_KEY),
        "ansible_ssh_common_args": f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={known_hosts}",
    }
    children: dict[str, object] = {group: {"hosts": {name: {}}} for group in groups}
    inventory = directory / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {name: host}, "children": children}}))
    return inventory
