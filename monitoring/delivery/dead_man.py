"""The switch outside that alarms when our heartbeat stops: given by the site, or refused in words."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from monitoring.delivery.absent import DEAD_MAN
from monitoring.delivery.absent import INPUT as ABSENT
from monitoring.delivery.saying import Config, mapping
from monitoring.errors import CatalogError

INPUT, RECEIVER = "alertmanager_dead_man", "dead-man"


def with_dead_man(config: Config, said: Any, absent: Mapping[str, str], *, needed: bool = True) -> Config:
    """The heartbeat is posted where the site says; where that is *needed*, silence is refused."""
    given = mapping(INPUT, said, ("url", "http_config"), "{url: https://...}")
    if not any(receiver["name"] == RECEIVER for receiver in config.get("receivers") or []):
        return config
    if needed and not given and DEAD_MAN not in absent:
        raise CatalogError(
            f"{INPUT}: expected {{url: https://...}}, the address of a service outside that alarms when "
            "our heartbeat stops, found nothing; without one nobody hears that this monitoring died. A site "
            f"that has none says why: {ABSENT}: {{{DEAD_MAN}: '...'}}"
        )
    if not given:
        return config
    if DEAD_MAN in absent:
        raise CatalogError(f"{INPUT}: expected an address or {ABSENT}: {{{DEAD_MAN}: ...}}, found both")
    hook = {"url": _address(given.get("url")), "send_resolved": False}
    hook |= {"http_config": given["http_config"]} if given.get("http_config") else {}
    receivers = [
        {**receiver, "webhook_configs": [hook]} if receiver["name"] == RECEIVER else receiver
        for receiver in config["receivers"]
    ]
    return {**config, "receivers": receivers}


def _address(value: Any) -> str:
    parts = urlsplit(value.strip()) if isinstance(value, str) else None
    if not parts or parts.scheme not in ("http", "https") or not parts.hostname:
        raise CatalogError(
            f"{INPUT}: expected url as a web address such as https://example.org/ping/x, found something else"
        )
    return str(value).strip()
