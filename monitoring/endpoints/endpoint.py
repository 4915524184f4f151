"""One service on one host: where it listens, and by which address it is asked there and elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitoring.endpoints import address, certificate
from monitoring.errors import CatalogError

Vars = Mapping[str, Any]
"""The variables of one host, as its inventory gives them."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """`setting` is the input that says where it listens; `client` the certificate to show to it."""

    service: str
    host: str
    listens: str
    port: int
    setting: str
    path: str = ""
    certificate: str = ""
    login: Mapping[str, str] = field(default_factory=dict)
    client: Mapping[str, str] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        """What the port speaks."""
        return "https" if self.certificate else "http"

    @property
    def names(self) -> list[str]:
        """The names of its certificate."""
        return certificate.names(self.certificate, f"the certificate of {self.service} on {self.host}")

    def asked_at(self, here: str, variables: Vars) -> str:
        """The address by which *here* asks it; CatalogError where that host cannot reach it."""
        if address.is_everywhere(self.listens):
            return address.of_host(self.host, variables)
        if address.is_loopback(self.listens) and here != self.host:
            raise CatalogError(
                f"expected {self.service} on {self.host} to listen where {here} can ask it, "
                f"found it on loopback; set {self.setting} for {self.host}, such as 0.0.0.0, and say who may"
            )
        return self.listens

    def asked_near(self, here: str, variables: Vars) -> str:
        """The same, on loopback where *here* is its own host."""
        near = here == self.host and address.is_everywhere(self.listens)
        return "127.0.0.1" if near else self.asked_at(here, variables)

    def asked_by_name_at(self, here: str, variables: Vars) -> str:
        """The same for a client that takes the name in the certificate from the address."""
        if not self.certificate:
            return self.asked_near(here, variables)
        known = [
            self.asked_at(here, variables),
            address.of_host(self.host, variables),
            self.host,
        ]
        named = [host for host in known if certificate.covers(self.names, host)]
        named += [name for name in self.names if not name.startswith("*")]
        if not named:
            raise CatalogError(
                f"expected a certificate of {self.service} on {self.host} for {known[0]}, "
                f"found one for {', '.join(self.names) or 'no name'}"
            )
        return named[0]


def url(endpoint: Endpoint, asked: str) -> str:
    """The address under which everything of the service is found."""
    return f"{endpoint.scheme}://{address.join(asked, endpoint.port)}{endpoint.path}"
