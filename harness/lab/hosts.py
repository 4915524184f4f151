"""The lab's hosts and the ports they publish on 127.0.0.1 of the controller: the one home of these facts."""

import os
from dataclasses import dataclass

from devtools.errors import UserError

NETWORK = "mita-lab"
LABEL = "mita.lab"
OWNER_LABEL = f"{LABEL}.owner"
RELEASES = ("trixie", "bookworm")


@dataclass(frozen=True)
class Host:
    """One lab host; `published` maps a port of the host to the controller's port on 127.0.0.1.

    `cpu_shares` weighs it against others where the processors are busy, as Docker counts: 1,024 is ordinary.
    """

    name: str
    ssh_port: int
    published: tuple[tuple[int, int], ...] = ()
    cpu_shares: int = 1024

    @property
    def container(self) -> str:
        return f"mita-lab-{self.name}"

    @property
    def ports(self) -> dict[int, int]:
        return {22: self.ssh_port, **dict(self.published)}


WITNESS_SHARES = 2048
"""A monitoring host that has to wait takes others for down. With more, what the daemon runs stops others."""

HOSTS = (
    Host("monitor", 22201, ((9090, 9090), (9093, 9093), (8000, 8000)), WITNESS_SHARES),
    Host("app1", 22202, ((8080, 8081),)),
    Host("app2", 22203, ((8080, 8082),)),
    Host("data", 22204),
    Host("receivers", 22205, ((9080, 9080),)),
)


def host(name: str) -> Host:
    """The host of that name; an unknown name is answered with the known ones."""
    for candidate in HOSTS:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in HOSTS)
    raise UserError(f"expected the name of a lab host ({known}), found {name!r}")


def os_release() -> str:
    """The Debian release of the lab hosts: LAB_OS, by default trixie."""
    release = os.environ.get("LAB_OS") or RELEASES[0]
    if release not in RELEASES:
        raise UserError(f"expected LAB_OS to be one of {', '.join(RELEASES)}, found {release!r}")
    return release
