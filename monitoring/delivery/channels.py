"""Slack: which channel of the site stands for each of ours, by which address, and who is mentioned there.

An incoming webhook of a Slack app belongs to one channel and ignores the one that a message names.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from monitoring.delivery.saying import SECRETS, Config, changed_entries, known, mapping
from monitoring.errors import CatalogError
from monitoring.routing import receivers_of

CHANNELS, MENTIONS = "alertmanager_channels", "alertmanager_mentions"
KIND, COMMON = "slack_configs", "slack_api_url_file"
OURS = "#mita-"
SEVERITIES = ("critical", "error", "warning")
SPOKEN = {"here": "<!here>", "channel": "<!channel>", "everyone": "<!everyone>", "none": ""}
_CHANNEL = re.compile(r"#[^\s#,<>&A-Z]{1,80}|@[a-z0-9._-]{1,80}|[CDGU][A-Z0-9]{8,}")
_ADDRESS = re.compile(r"\w+_url")
_GROUP = re.compile(r"<(!subteam\^S|@[UW])[A-Z0-9]+>")
_MENTION = re.compile(r"<[!@][^>]+>")


def entries(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every Slack integration."""
    for receiver in config.get("receivers") or []:
        yield from receiver.get(KIND) or []


def short(channel: str) -> str:
    """The name by which a site speaks of a channel of ours: that of #mita-alerts is alerts."""
    return channel.removeprefix(OURS)


def names(config: Mapping[str, Any]) -> list[str]:
    """The names of all our channels."""
    return list(dict.fromkeys(short(entry["channel"]) for entry in entries(config)))


def with_channels(config: Config, said: Any) -> Config:
    """The site's channels instead of ours, each with its own address where the site gives one."""
    form = "{alerts: '#ops', database: {channel: '#dba', address: slack_database_url}}"
    changes = {
        name: _changed(f"{CHANNELS}, {name}", value)
        for name, value in mapping(CHANNELS, said, names(config), f"channels such as {form}").items()
    }
    return _once(
        changed_entries(config, KIND, lambda entry: entry | changes.get(short(entry["channel"]), {}))
    )


def _changed(place: str, value: Any) -> dict[str, str]:
    one = {"channel": value} if isinstance(value, str) else value
    given = mapping(place, one, ("channel", "address"), "a channel in quotes, such as '#ops'")
    channel, address = given.get("channel"), given.get("address")
    if "channel" in given and not (isinstance(channel, str) and _CHANNEL.fullmatch(channel)):
        raise CatalogError(
            f"{place}: expected a channel such as '#ops' (in quotes, or # begins a comment) or C024BE91L, "
            f"found {channel!r}"
        )
    if "address" in given and not (isinstance(address, str) and _ADDRESS.fullmatch(address)):
        raise CatalogError(
            f"{place}: expected address as the name of a secret in alertmanager_secrets that ends with _url, "
            "such as slack_database_url; found something else"
        )
    file = {"api_url_file": SECRETS + address} if address else {}
    return ({"channel": channel} if channel else {}) | file


def _once(config: Config) -> Config:
    """A receiver whose two channels became one tells it once; the louder message stays."""
    receivers = []
    for receiver in config["receivers"]:
        told: dict[tuple[str, str], Any] = {}
        for entry in receiver.get(KIND) or []:
            place = (entry["channel"], entry.get("api_url_file", ""))
            if place not in told or (_mention(entry) and not _mention(told[place])):
                told[place] = entry
        receivers.append({**receiver, KIND: list(told.values())} if told else receiver)
    return {**config, "receivers": receivers}


def with_mentions(config: Config, said: Any) -> Config:
    """The site's mention for each severity that it names, in the channel where ours has one."""
    form = "{critical: channel, error: here, warning: none}"
    wanted = {
        severity: _spoken(f"{MENTIONS}, {severity}", value)
        for severity, value in mapping(MENTIONS, said, SEVERITIES, f"mentions such as {form}").items()
    }
    if not wanted:
        return config
    loud = next((text for entry in entries(config) if _MENTION.search(text := _mention(entry))), "")
    if not loud:
        raise CatalogError(f"{MENTIONS}: expected a message with a mention in alertmanager.yml, found none")
    place = next(entry["channel"] for entry in entries(config) if _mention(entry) == loud)
    severity_of = {
        name: severity
        for severity in wanted
        for name, _ in receivers_of(config, {"severity": severity})
        if name not in ("unrouted", "nobody")
    }
    return {
        **config,
        "receivers": [
            _mentioning(receiver, place, _MENTION.sub(lambda _: wanted[severity], loud), wanted[severity])
            if (severity := severity_of.get(receiver["name"], ""))
            else receiver
            for receiver in config["receivers"]
        ],
    }


def _mentioning(receiver: Config, channel: str, pretext: str, mention: str) -> Config:
    """The receiver with the mention in this channel; one that has no pretext gets that of the loud one."""
    slack = []
    for entry in receiver.get(KIND) or []:
        said = _MENTION.sub(lambda _: mention, _mention(entry)) or (pretext if mention else "")
        slack.append(entry | {"pretext": said} if said and entry["channel"] == channel else entry)
    return {**receiver, KIND: slack} if slack else receiver


def _spoken(place: str, value: Any) -> str:
    if isinstance(value, str) and _GROUP.fullmatch(value):
        return value
    what = "one of these, or a group or person as Slack writes it, <!subteam^S0123> or <@U0123>"
    return SPOKEN[known(place, value, SPOKEN, what)]


def _mention(entry: Mapping[str, Any]) -> str:
    return str(entry.get("pretext", ""))


def shared_address(config: Mapping[str, Any]) -> list[str]:
    """The channels that are told by one and the same address, where there are several."""
    by_address: dict[str, list[str]] = {}
    for entry in entries(config):
        found = by_address.setdefault(str(entry.get("api_url_file", "")), [])
        if entry["channel"] not in found:
            found.append(entry["channel"])
    return next((found for found in by_address.values() if len(found) > 1), [])


def tidied(config: Config) -> Config:
    """Without the common address where every message has its own: nobody is asked for what nothing reads."""
    common = config.get("global") or {}
    if COMMON in common and all("api_url_file" in entry or "api_url" in entry for entry in entries(config)):
        common = {name: value for name, value in common.items() if name != COMMON}
        return {**config, "global": common}
    return config
