"""The exporters of one host: one of each kind that its groups call for, and those that the inventory adds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from monitoring.endpoints import address
from monitoring.endpoints.endpoint import Endpoint, Vars
from monitoring.endpoints.known_services import first_login
from monitoring.endpoints.pair import internal_or_every
from monitoring.errors import CatalogError
from monitoring.exporters import NAME, Exporter

Kinds = Mapping[str, Exporter]

INPUT = "exporter_instances"
COMMON: dict[str, Any] = {
    **dict.fromkeys(("install_method", "version", "listen_address"), str),
    **dict.fromkeys(("archive_url", "archive_checksum"), (str, Mapping)),
    **dict.fromkeys(("web_tls_cert", "web_tls_key"), str),
    **dict.fromkeys(("extra_flags", "web_users"), list),
}
"""What every exporter may be told, and as what."""
FOR_ONE = ("version", "archive_url", "archive_checksum", "listen_address", "extra_flags")
"""What fits only one exporter of a host: `exporter_NAME` says it where there is no other."""


@dataclass(frozen=True)
class Instance:
    """One exporter as it runs on a host; the first of its kind has the name of the kind."""

    name: str
    kind: str
    given: Vars

    @property
    def label(self) -> str:
        """What is behind the host's name in the label `instance`: nothing where the kind says it all."""
        return "" if self.name == self.kind else f"/{self.name}"


def instances(kinds: Kinds, host: str, variables: Vars, groups: Iterable[str]) -> list[Instance]:
    """The exporters of a host in these groups; CatalogError where the inventory contradicts itself."""
    given = variables.get(INPUT) or {}
    check(kinds, host, given)
    names = {*groups}
    plain = [Instance(kind, kind, given.get(kind, {})) for kind in kinds if kinds[kind].describes(names)]
    found = [one for one in plain if one.given is not None]
    found += [Instance(name, entry["kind"], entry) for name, entry in given.items() if _is_added(name, entry)]
    _refuse_shared(host, variables, found)
    return found


def _is_added(name: str, entry: Any) -> bool:
    return isinstance(entry, Mapping) and entry.get("kind", name) != name


def check(kinds: Kinds, host: str, given: Any) -> None:
    """Raise CatalogError unless *given* says of exporters that there are what they can be told."""
    if not isinstance(given, Mapping):
        raise CatalogError(f"{INPUT} of {host}: expected the inputs of exporters by name, found {given!r}")
    for name, entry in given.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise CatalogError(f"{INPUT} of {host}: expected a name such as postgres-reports, found {name!r}")
        if entry is not None:
            _check_entry(kinds, f"{INPUT} of {host}: {name}", name, entry)


def _check_entry(kinds: Kinds, place: str, name: str, entry: Any) -> None:
    kind = str(entry.get("kind", name)) if isinstance(entry, Mapping) else repr(entry)
    if kind not in kinds:
        raise CatalogError(f"{place}: expected kind to be one of {', '.join(sorted(kinds))}, found {kind}")
    known = {**COMMON, **dict.fromkeys(kinds[kind].inputs, str), "kind": str}
    for key, value in entry.items():
        if key not in known:
            raise CatalogError(f"{place}: expected some of {', '.join(sorted(known))}, found {key!r}")
        if not isinstance(value, known[key]):
            raise CatalogError(f"{place}: expected {key} as {_shape(known[key])}, found {value!r}")
    if name != kind and not entry.get("listen_address"):
        raise CatalogError(f"{place}: expected the listen_address of one more {kind} exporter, found none")


def _shape(expected: Any) -> str:
    known = {list: "a list", str: "a text"}
    return known.get(expected, "a text, or one by architecture")


def _refuse_shared(host: str, variables: Vars, found: list[Instance]) -> None:
    """Refuse what was said for all exporters of a host and can be true of one only."""
    shared = next((f"exporter_{name}" for name in FOR_ONE if variables.get(f"exporter_{name}")), "")
    if shared and len(found) > 1:
        name = shared.removeprefix("exporter_")
        raise CatalogError(
            f"{shared} of {host}: expected it where one exporter runs, found "
            f"{', '.join(one.name for one in found)}; say {INPUT}: {{{found[0].name}: {{{name}: ...}}}}"
        )


def endpoints(
    kinds: Kinds, host: str, variables: Vars, groups: Mapping[str, Iterable[str]]
) -> list[tuple[Instance, Endpoint]]:
    """The exporters of a host with their endpoints; CatalogError where two of them want one port."""
    mine = [name for name, hosts in groups.items() if host in hosts]
    found = [
        (one, endpoint(kinds, one, host, variables, groups))
        for one in instances(kinds, host, variables, mine)
    ]
    first: dict[int, str] = {}
    for one, where in found:
        if first.setdefault(where.port, one.name) != one.name:
            raise CatalogError(
                f"{INPUT} of {host}: expected a port for each exporter, "
                f"found {where.port} for {first[where.port]} and for {one.name}"
            )
    return found


def endpoint(
    kinds: Kinds, one: Instance, host: str, variables: Vars, groups: Mapping[str, Iterable[str]]
) -> Endpoint:
    """The endpoint of one exporter."""
    certificate = str(_said(one, variables, "web_tls_cert") or "").strip()
    named = one.given.get("listen_address")
    setting = f"{INPUT}: {{{one.name}: {{listen_address}}}}" if named else "exporter_listen_address"
    port = kinds[one.kind].port
    place = str(named or variables.get("exporter_listen_address") or "")
    place = place or address.join(default_host(host, variables, groups, certificate), port)
    listens, port = address.split(place, setting, port)
    return Endpoint(
        service=one.name,
        host=host,
        listens=listens,
        port=port,
        setting=setting,
        certificate=certificate,
        login=first_login(_said(one, variables, "web_users")),
    )


def _said(one: Instance, variables: Vars, name: str) -> Any:
    return one.given[name] if name in one.given else variables.get(f"exporter_{name}")


def default_host(host: str, variables: Vars, groups: Mapping[str, Iterable[str]], certificate: str) -> str:
    """Loopback where the only Prometheus is; elsewhere the address by which others reach it, if it is one."""
    if list(groups.get("monitoring", ())) == [host] and not certificate:
        return "127.0.0.1"
    return internal_or_every(variables)
