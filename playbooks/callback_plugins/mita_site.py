"""Callback `mita_site`: each play says which site it addresses; one that would reach another is refused.

A callback, not a task: no tag, limit or start-at-task leaves it out, and no playbook can forget it. It stops
the run by SystemExit because Ansible turns every other exception of a callback into a warning.
"""

import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ansible.plugins.callback import CallbackBase
from ansible.template import Templar

DOCUMENTATION = """
name: mita_site
type: aggregate
short_description: Says which site a play addresses, and refuses the wrong one
description:
  - Each inventory names its site by C(site_name). A lab also names the clone that made it by C(lab_clone).
  - The hosts of a lab say in their SSH greeting which clone made them (see C(harness/lab/spec.py)).
"""

REPOSITORY = Path(__file__).resolve().parents[2]
GREETING = " mita-lab="
"""What stands in a lab host's SSH greeting before the clone that made it."""
PATIENCE_S = 2
SHOWN = 10


@dataclass(frozen=True)
class Known:
    """What is known of a host of the inventory before it is touched."""

    name: str
    site: str
    lab_clone: str
    address: str
    port: int

    @property
    def place(self) -> str:
        """Where it listens."""
        return f"{self.address}:{self.port}"


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Checks the whole inventory once, before the first play, and announces each play."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "mita_site"

    def __init__(self) -> None:
        """Nothing is known yet."""
        super().__init__()
        self.site = ""

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Refuse a site that is not the one that is meant, or say which one it is.

        A play that says itself that it stays on the controller only reads: nothing is asked or said of it.
        """
        if (play.get_ds() or {}).get("connection") == "local":
            return
        variables = play.get_variable_manager()
        inventory = variables._inventory
        shown = shown_source(inventory._sources)
        if not self.site:
            every = [known(name, host, variables) for name, host in sorted(inventory.hosts.items())]
            wrong = refusal(every, shown)
            if wrong:
                self._display.error(wrong)
                raise SystemExit(1)
            self.site = every[0].site if every else "none"
        names = [host.name for host in inventory.get_hosts(play.hosts, order=play.order)]
        if names:
            self._display.display(f"site: {self.site} ({shown}), hosts: {shortened(names)}")


def known(name: str, host: Any, variables: Any) -> Known:
    """What the inventory says of a host; what it does not say is empty."""
    found = variables.get_vars(host=host, include_hostvars=False)
    templar = Templar(loader=variables._loader, variables=found)

    def value(key: str, default: Any = "") -> str:
        return str(templar.template(found.get(key, default)))

    return Known(
        name=name,
        site=value("site_name"),
        lab_clone=value("lab_clone"),
        address=value("ansible_host", name),
        port=int(value("ansible_port", 22)),
    )


def refusal(hosts: Iterable[Known], inventory: str) -> str:
    """Why no play may address these hosts; nothing where one may."""
    hosts = list(hosts)
    unnamed = [host.name for host in hosts if not host.site]
    if unnamed:
        return (
            f"expected every host of {inventory} to have a site_name, found none for {shortened(unnamed)}; "
            "write site_name: NAME into group_vars/all of that inventory, so that each play can say it"
        )
    sites = sorted({host.site for host in hosts})
    if len(sites) > 1:
        found = " and ".join(sites)
        return f"expected one site in a run, found {found} in {inventory}; run them one by one"
    return lab_refusal([host for host in hosts if host.lab_clone], inventory) or stray_refusal(
        [host for host in hosts if not host.lab_clone and is_here(host.address)], inventory, sites
    )


def lab_refusal(hosts: list[Known], inventory: str) -> str:
    """Why these hosts are no lab that this clone may change."""
    if not hosts:
        return ""
    foreign = sorted({host.lab_clone for host in hosts} - {str(REPOSITORY)})
    if foreign:
        return (
            f"expected the lab of this clone, {REPOSITORY}, found {inventory}, "
            f"which belongs to {foreign[0]}; run the playbooks of that clone"
        )
    greetings = greet(hosts)
    if not any(greetings.values()):
        return (
            f"expected the lab of this clone to run, found nothing that answers at {hosts[0].place} "
            f"or the other ports of {inventory}; name the site that you mean, as in -i inventories/mysite, "
            "or start the lab: make up"
        )
    for host in hosts:
        owner = owner_of(greetings[host.place])
        if greetings[host.place] and owner != str(REPOSITORY):
            return (
                f"expected the lab of this clone at {host.place}, found "
                f"{f'the lab of {owner}' if owner else 'a host that no lab of today made'}; "
                "`make up` here replaces that lab when nothing uses it, "
                "and -i inventories/mysite names another site"
            )
    return ""


def stray_refusal(hosts: list[Known], inventory: str, sites: list[str]) -> str:
    """Why hosts on this machine are not those of a site that is no lab."""
    greetings = greet(hosts)
    for host in hosts:
        owner = owner_of(greetings[host.place])
        if owner:
            return (
                f"expected {host.name} of {inventory} to be a host of the site {sites[0]}, "
                f"found at {host.place} the lab of {owner}; "
                "a lab is addressed through inventories/lab of its own clone"
            )
    return ""


def is_here(address: str) -> bool:
    """Whether an address is this machine's own, where labs publish their ports."""
    with suppress(ValueError):
        return ip_address(address).is_loopback
    return address == "localhost"


def greet(hosts: list[Known]) -> Mapping[str, str]:
    """The SSH greeting at each place; empty where nothing answers."""
    with ThreadPoolExecutor(max(1, len(hosts))) as pool:
        return dict(zip((host.place for host in hosts), pool.map(greeting, hosts), strict=True))


def greeting(host: Known) -> str:
    """The first line that an SSH server says there."""
    try:
        with socket.create_connection((host.address, host.port), timeout=PATIENCE_S) as connection:
            return connection.makefile("r", encoding="ascii", errors="replace").readline(512).strip()
    except OSError:
        return ""


def owner_of(greeting: str) -> str:
    """The clone that made the lab host which greets so; empty where it is no lab host."""
    return unquote(greeting.partition(GREETING)[2])


def shown_source(sources: Iterable[str]) -> str:
    """The inventory as a person would type it."""
    return ", ".join(_typed(Path(source)) for source in sources) or "no inventory"


def _typed(source: Path) -> str:
    folder = source.parent if source.name == "hosts.yml" else source
    return str(folder.relative_to(REPOSITORY)) if folder.is_relative_to(REPOSITORY) else str(folder)


def shortened(names: list[str]) -> str:
    """The names, or the first ones and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:SHOWN])} and {more} more"
