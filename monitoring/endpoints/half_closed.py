"""Ports of several monitoring hosts that stand open to others while the site closes their like.

They listen where the other host asks them. What a site closes at one of them it means at all, unless it says
of one where it listens.
"""

from collections.abc import Callable, Iterator, Mapping

from monitoring.agent_mode import SERVER, mode
from monitoring.endpoints.endpoint import Endpoint, Vars
from monitoring.endpoints.known_services import GROUPS, service
from monitoring.endpoints.pair import Groups, is_pair

CERTIFICATES = {
    "prometheus": "prometheus_web_tls_cert",
    "alertmanager": "alertmanager_web_tls_cert",
    "mita-rollback": "rollback_web_tls_cert",
}
"""The input that closes each to who listens in."""
USERS = {"prometheus": "prometheus_web_users", "alertmanager": "alertmanager_web_users"}
"""The input that closes each to who has no password; the daemon asks everybody for a secret."""


def problems(groups: Groups, hostvars: Mapping[str, Vars]) -> Iterator[str]:
    """A sentence for each port that lacks what others of the site's monitoring hosts have."""
    if is_pair(groups):
        yield from _open(CERTIFICATES, lambda one: bool(one.certificate), groups, hostvars)
        yield from _open(USERS, lambda one: bool(one.login), groups, hostvars)


def _open(
    inputs: Mapping[str, str],
    is_closed: Callable[[Endpoint], bool],
    groups: Groups,
    hostvars: Mapping[str, Vars],
) -> Iterator[str]:
    found = [
        service(name, host, hostvars[host], groups)
        for name in inputs
        for host in groups.get(GROUPS[name], ())
        if name != "alertmanager" or mode(hostvars[host]) == SERVER
    ]
    closed = [one for one in found if is_closed(one)]
    for one in found if closed else ():
        if not is_closed(one) and one.setting not in hostvars[one.host]:
            yield (
                f"{inputs[one.service]} of {one.host}: expected it as {inputs[closed[0].service]} of "
                f"{closed[0].host} is given, found none, and the port {one.port} open to whoever reaches it; "
                f"give it, or say by {one.setting} that it is meant"
            )
