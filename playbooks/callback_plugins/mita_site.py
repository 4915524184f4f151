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

from ansible import constants as configured
from ansible.inventory.manager import InventoryManager
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible.vars.manager import VariableManager

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
HOW_TO_OPEN = (
    "give the vault's password: --ask-vault-pass, or ANSIBLE_VAULT_PASSWORD_FILE=FILE before the command"
)
LONGEST = 63
"""How long the name of a site may be: as long as a label of a host name."""
HERE = socket.gethostname().lower()


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
            self.site, wrong = judged(inventory, variables, shown)
            wrong = misplaced() or wrong
            if wrong:
                self._display.error(wrong)
                raise SystemExit(1)
        names = [host.name for host in inventory.get_hosts(play.hosts, order=play.order)]
        if names:
            self._display.display(f"site: {self.site} ({shown}), hosts: {shortened(names)}")


def misplaced() -> str:
    """Why Ansible would not find the roles, which ansible.cfg tells it of; empty where it does."""
    if any(Path(place, "application").is_dir() for place in configured.DEFAULT_ROLES_PATH):
        return ""
    return (
        f"expected the configuration {REPOSITORY / 'ansible.cfg'}, found {configured.CONFIG_FILE or 'none'}; "
        f"run this in {REPOSITORY}, which nobody else may write to, or set ANSIBLE_CONFIG to that file"
    )


def judged(inventory: Any, variables: Any, shown: str) -> tuple[str, str]:
    """The site, and why no play may address it: empty where one may. What cannot be read is refused."""
    try:
        hosts = every_host(inventory, variables)
        wrong = refusal(hosts, shown) or mixture(named_apart(inventory, variables._loader), shown)
    except Exception as error:
        found = " ".join(str(error).split())
        hint = f"; {HOW_TO_OPEN}" if "no vault secrets" in found else ""
        return "", f"expected {shown} to say the site and the address of each host, found {found}{hint}"
    return hosts[0].site if hosts else "", wrong


def every_host(inventory: Any, variables: Any) -> list[Known]:
    """All hosts of an inventory by name."""
    return [known(name, host, variables) for name, host in sorted(inventory.hosts.items())]


def known(name: str, host: Any, variables: Any) -> Known:
    """What the inventory says of a host; what it does not say is empty."""
    found = variables.get_vars(host=host, include_hostvars=False)
    templar = Templar(loader=variables._loader, variables=found)

    def value(*keys: str, default: Any = "") -> Any:
        return templar.template(next((found[key] for key in keys if found.get(key) is not None), default))

    return Known(
        name=name,
        site=named(value("site_name"), name),
        lab_clone=str(value("lab_clone")),
        # Like the SSH connection of Ansible: its older names count where both are said.
        address=str(value("ansible_ssh_host", "ansible_host", default=name)),
        port=numbered(value("ansible_ssh_port", "ansible_port", default=22), name),
    )


def named(site: Any, host: str) -> str:
    """The name of a site, if it is one: a line that every play can print."""
    if not isinstance(site, str) or not site.isprintable() or len(site) > LONGEST:
        raise ValueError(
            f"the site_name {shortened_text(repr(site))} of {host}, which is no short line of text"
        )
    return site.strip()


def numbered(port: Any, host: str) -> int:
    """The port, if it is one."""
    if not str(port).isdecimal():
        raise ValueError(f"the ansible_port {shortened_text(repr(port))} of {host}, which is no number")
    return int(port)


def named_apart(inventory: Any, loader: Any) -> list[str]:
    """The sites that the sources of an inventory name, each read alone.

    Ansible lays group_vars/all of one over that of the other: together they would seem to be one site.
    """
    sources = inventory._sources if len(inventory._sources) > 1 else []
    apart = [InventoryManager(loader=loader, sources=[source]) for source in sources]
    return sorted(
        {host.site for one in apart for host in every_host(one, VariableManager(loader, one))} - {""}
    )


def mixture(sites: list[str], inventory: str) -> str:
    """Why sources that name these sites may not be played together; nothing where they name one."""
    found = " and ".join(sites)
    return (
        f"expected one site in a run, found {found} in {inventory}; run them one by one" if sites[1:] else ""
    )


def refusal(hosts: list[Known], inventory: str) -> str:
    """Why no play may address these hosts; nothing where one may."""
    if not hosts:
        return f"expected hosts in {inventory}, found none; name your site, as in -i inventories/mysite"
    unnamed = [host.name for host in hosts if not host.site]
    if unnamed:
        return (
            f"expected every host of {inventory} to have a site_name, found none for {shortened(unnamed)}; "
            "write site_name: NAME into group_vars/all of that inventory, so that each play can say it"
        )
    sites = sorted({host.site for host in hosts})
    return (
        mixture(sites, inventory)
        or lab_refusal([host for host in hosts if host.lab_clone], inventory)
        or stray_refusal(
            [host for host in hosts if not host.lab_clone and is_here(host.address)], inventory, sites
        )
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
    """Whether an address is this machine's own, where labs publish their ports. No name server is asked."""
    name = address.strip("[]").rstrip(".").lower()
    with suppress(OSError):  # SSH also takes 127.1
        name = socket.inet_ntoa(socket.inet_aton(name))
    with suppress(ValueError):
        found = ip_address(name)
        found = getattr(found, "ipv4_mapped", None) or found
        return found.is_loopback or found.is_unspecified
    first, _, domain = name.partition(".")
    return first in {"localhost", "ip6-localhost", "ip6-loopback"} or domain == "localhost" or name == HERE


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


def shortened_text(text: str) -> str:
    """The text, or its beginning where it is longer than a site's name may be."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def shortened(names: list[str]) -> str:
    """The names, or the first ones and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:SHOWN])} and {more} more"
