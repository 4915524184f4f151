"""What clients of several ports that are asked in one way need: a login, certificates to trust, a name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from monitoring.endpoints import certificate
from monitoring.endpoints.endpoint import Endpoint
from monitoring.errors import CatalogError

Access = dict[str, Any]
TLS = ("tls", "ca", "server_name")


def access(job: str, asked: Sequence[tuple[Endpoint, str]], given: Mapping[str, Any]) -> Access:
    """How the ports of a job, each *asked* at an address, let in who asks; what is *given* wins."""
    found: Access = {}
    if "username" not in given:
        found |= _login(job, [one for one, _ in asked])
    if not any(name in given for name in TLS):
        found |= _trust(job, asked)
    if "cert" not in given:
        found |= next((dict(one.client) for one, _ in asked if one.client), {})
    return {**found, **given}


def _login(job: str, endpoints: Iterable[Endpoint]) -> Access:
    logins = {tuple(sorted(one.login.items())): one.host for one in endpoints if one.login}
    if len(logins) > 1:
        raise CatalogError(
            f"expected one first web user at all ports of the job {job}, found others on "
            f"{' and '.join(logins.values())}; give them the same, or say prometheus_access: {{{job}: ...}}"
        )
    return dict(next(iter(logins), ()))


def _trust(job: str, asked: Iterable[tuple[Endpoint, str]]) -> Access:
    closed = [(one, host) for one, host in asked if one.certificate]
    if not closed:
        return {}
    texts = sorted({f"{one.certificate}\n" for one, _ in closed})
    name = _server_name(job, closed)
    return {"ca": "".join(texts), **({"server_name": name} if name else {})}


def _server_name(job: str, closed: Sequence[tuple[Endpoint, str]]) -> str:
    """Nothing where each certificate is for the address that is asked; else a name that all of them have."""
    strange = [(one, host) for one, host in closed if not certificate.covers(one.names, host)]
    if not strange:
        return ""
    common = set.intersection(*({*one.names} for one, _ in closed))
    if not common:
        one, host = strange[0]
        raise CatalogError(
            f"expected a certificate of {job} on {one.host} for {host}, where it is asked, found one "
            f"for {', '.join(one.names)}; mend it, or say prometheus_access: "
            f"{{{job}: {{ca: ..., server_name: ...}}}}"
        )
    return min(common, key=lambda name: (name.startswith("*"), name)).replace("*", "any")
