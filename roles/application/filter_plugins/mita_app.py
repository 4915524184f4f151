"""Filters that decide, from what every host has, what a deployment or a rollback has to do. Pure."""

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
    return list(differing)


def rollback_target(surveys: Mapping[str, Survey], wanted: str) -> str:
    """Return the release that every host can go back to: the wanted one, or the one all hosts agree on."""
    target = wanted or agreed_target(surveys)
    lacking = {
        host: survey["complete"] for host, survey in surveys.items() if target not in survey["complete"]
    }
    if lacking:
        host, complete = next(iter(lacking.items()))
        raise AnsibleFilterError(
            f"expected the release {target} on every host, found on {host} only "
            f"{', '.join(complete) or 'none'}; give app_version one that all have, or deploy it"
        )
    return target


def agreed_target(surveys: Mapping[str, Survey]) -> str:
    """Return what every host would go back to by itself."""
    live = {host: survey["current"] for host, survey in surveys.items()}
    if len(set(live.values())) > 1:
        raise AnsibleFilterError(
            f"expected one release to be live everywhere, found {described(live)}; "
            "say with -e app_version=... which one all should run"
        )
    targets = {host: survey["known_good"] for host, survey in surveys.items()}
    if len(set(targets.values())) > 1 or None in targets.values():
        raise AnsibleFilterError(
            f"expected one earlier release that was good on every host, found {described(targets)}; "
            "say with -e app_version=... which one to go back to, or deploy one"
        )
    return str(next(iter(targets.values())))


def described(versions: Mapping[str, Any]) -> str:
    """Return hosts with their versions for a sentence."""
    return ", ".join(f"{version or 'none'} on {host}" for host, version in versions.items())


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_moving_hosts": moving_hosts,
            "mita_staging_hosts": staging_hosts,
            "mita_rollback_target": rollback_target,
        }
