"""Filters that decide, from what every host has, what a deployment has to do. Pure."""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

Survey = Mapping[str, Any]  # what app_release says with state: survey


def moving_hosts(surveys: Mapping[str, Survey], version: str) -> list[str]:
    """Return the hosts on which another release is live."""
    return [host for host, survey in surveys.items() if survey["current"] != version]


def staging_hosts(surveys: Mapping[str, Survey], version: str, checksum: str) -> list[str]:
    """Return the hosts that need the archive; fail where another archive of this version is live."""
    digest = checksum.rpartition(":")[2]
    differing = {
        host: survey["complete"].get(version)
        for host, survey in surveys.items()
        if survey["complete"].get(version) != digest
    }
    for host, found in differing.items():
        if surveys[host]["current"] == version:
            raise AnsibleFilterError(
                f"expected version {version} on {host} to be made from the archive {digest}, "
                f"found it live from {found}; releases do not change: give the new one its own version"
            )
    return [host for host in surveys if host in differing or version not in surveys[host]["archives"]]


def kept_releases(
    surveys: Mapping[str, Survey], version: str, registered: Mapping[str, Any] | None, count: int
) -> list[str]:
    """Return the releases that stay on every host once this version is live, the same ones everywhere.

    What is live, and what the rollback daemon or, without it, a host wants to go back to, always stays.
    Others fill up to *count*, the last ones that were live first; those that were left as bad come last.
    """
    known = registered or {}
    needed = [version, *known.get("keep", ())]
    needed += [survey["current"] for survey in surveys.values()]
    bad = set(known.get("rejected", ()))
    if registered is None:
        needed += [survey["known_good"] for survey in surveys.values()]
        bad = {
            name for survey in surveys.values() for name, event in survey["status"].items() if event in BAD
        }
    live_at: dict[str, str] = {}
    for survey in surveys.values():
        for name, at in survey["live_at"].items():
            live_at[name] = max(at, live_at.get(name, ""))
    others = {name for survey in surveys.values() for name in survey["complete"]}
    order = sorted(others, key=lambda name: (name not in bad, live_at.get(name, ""), name), reverse=True)
    wanted = list(dict.fromkeys(name for name in needed if name))
    return list(dict.fromkeys(wanted + order))[: max(count, len(wanted))]


BAD = ("rejected", "failed")  # how a host's history names a release that it left or that never got ready


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_moving_hosts": moving_hosts,
            "mita_staging_hosts": staging_hosts,
            "mita_kept_releases": kept_releases,
        }
