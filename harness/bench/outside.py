"""Anybody's alertmanager.yml with the outside world replaced by recording stand-ins, and nothing else. Pure.

Each integration gets an address of its own, so that what arrives there says by which receiver it came. Beside
the integrations of a receiver stands a witness, a webhook that hears by name of each alert that is sent: the
texts of a foreign template may say anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from devtools.errors import UserError
from monitoring.destinations import destinations, elsewhere, without_elsewhere

Config = Mapping[str, Any]
KINDS = ("slack", "pagerduty", "email", "webhook")
"""The integrations that a stand-in speaks for. Of any other a webhook of ours takes the place."""
SILENT_AT_ENDS = frozenset({"slack", "email", "rocketchat", "wechat"})
"""The integrations of Alertmanager that tell no end where the file does not say so."""
KEPT = ("resolve_timeout", "smtp_from", "smtp_hello")
"""What stays of the file's `global`: all else there is about the outside world."""
OUTSIDE = {
    "slack": ("api_url", "api_url_file", "app_token", "app_token_file", "app_url"),
    "pagerduty": ("url", "routing_key", "routing_key_file", "service_key", "service_key_file"),
    "email": (
        *("smarthost", "tls_config", "force_implicit_tls", "auth_username", "auth_identity"),
        *("auth_password", "auth_password_file", "auth_secret", "auth_secret_file"),
    ),
    "webhook": ("url", "url_file"),
}
"""What says where an integration sends and who it is; also `http_config`, with its proxies and passwords."""
MARK = "X-Bench-Place"
"""The header of a mail by which its integration is known."""
USER = "bench"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One integration of a receiver: where one message arrives."""

    number: int
    receiver: str
    kind: str
    words: str
    tells_ends: bool

    def __str__(self) -> str:
        return f"{self.receiver} ({self.words})"


@dataclass(frozen=True, kw_only=True)
class Sink:
    """Where the stand-ins listen, and the password that they take."""

    http: int
    smtp: int
    password: str

    def key(self, number: int) -> str:
        """A key of PagerDuty's form."""
        return f"{number:032d}"

    def hook(self, number: int) -> str:
        """The path of an address of Slack's form."""
        return f"T000/B{number}/bench"

    def url(self, path: str) -> str:
        """An address of the stand-ins."""
        return f"http://127.0.0.1:{self.http}{path}"

    def settings(self, places: Iterator[Place] | list[Place]) -> dict[str, Any]:
        """What harness.receivers is started with."""
        numbers = {kind: [one.number for one in places if one.kind == kind] for kind in KINDS}
        return {
            "credentials": {
                "slack": {self.hook(number): str(number) for number in numbers["slack"]},
                "pagerduty": {self.key(number): str(number) for number in numbers["pagerduty"]},
            },
            "smtp_username": USER,
            "smtp_password": self.password,
            "address": "127.0.0.1",
            "http_port": self.http,
            "smtp_port": self.smtp,
        }


def places(path: Path, config: Config) -> list[Place]:
    """Every integration of every receiver; UserError for a receiver that is none."""
    found: list[Place] = []
    for receiver in _receivers(path, config):
        list(destinations(without_elsewhere(receiver)))  # which refuses one without a destination
        for kind, entry in _integrations(receiver):
            found.append(
                Place(
                    number=len(found),
                    receiver=receiver["name"],
                    kind=kind,
                    words=_words(kind, receiver, entry),
                    tells_ends=bool(entry.get("send_resolved", kind not in SILENT_AT_ENDS)),
                )
            )
    return found


def replaced(path: Path, config: Config, sink: Sink) -> dict[str, Any]:
    """The configuration that sends to the stand-ins; *path* is where it was read, for its templates."""
    numbers = iter(range(len(places(path, config))))
    return {
        **config,
        "global": _global(config.get("global") or {}, sink),
        "templates": [_beside(path, one) for one in config.get("templates") or ()],
        "receivers": [_receiver(one, numbers, sink) for one in config["receivers"]],
    }


def no_pattern(path: Path) -> str:
    """A path as Prometheus and Alertmanager take it, who read it as a pattern of files."""
    return re.sub(r"([*?\[\\])", r"\\\1", str(path))


def hidden(config: Config) -> list[str]:
    """Every text of a file that may be a secret: no word of another program about it may repeat one."""
    said = config.get("global") or {}
    found = [*_texts({name: value for name, value in said.items() if name not in KEPT})]
    for receiver in config["receivers"]:
        for kind, entry in _integrations(receiver):
            secret = (*OUTSIDE[kind], "http_config") if kind in KINDS else entry
            found += _texts([entry[name] for name in secret if name in entry])
    return sorted((text for text in found if len(text) > 3), key=len, reverse=True)


def _texts(said: Any) -> Iterator[str]:
    """Every text below a value."""
    if isinstance(said, Mapping | list):
        for one in said.values() if isinstance(said, Mapping) else said:
            yield from _texts(one)
    elif isinstance(said, str):
        yield said


def _beside(path: Path, template: str) -> str:
    """A pattern of templates, which Alertmanager reads beside its file; our copy lies elsewhere."""
    return template if template.startswith("/") else f"{no_pattern(path.resolve().parent)}/{template}"


def witness(receiver: str) -> str:
    """The place of the witness of a receiver: any name may be in a path."""
    return f"witness-{receiver.encode().hex()}"


def _receivers(path: Path, config: Config) -> list[Mapping[str, Any]]:
    found = config.get("receivers")
    if not isinstance(config.get("route"), Mapping) or not isinstance(found, list):
        raise UserError(
            f"{path}: expected Alertmanager's configuration with a route and receivers, found none"
        )
    if not all(isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in found):
        raise UserError(f"{path}: expected a name in each receiver, found one without")
    return found


def _integrations(receiver: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in (*KINDS, *elsewhere(receiver)):
        for entry in receiver.get(f"{kind}_configs") or ():
            yield kind, entry


def _words(kind: str, receiver: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """An integration as a person knows it, without what may be secret in its address."""
    if kind not in KINDS:
        return kind
    if kind == "webhook":
        host = urlsplit(str(entry.get("url", ""))).hostname
        return f"webhook {host}" if host else "webhook at a secret address"
    [place] = destinations({"name": receiver["name"], f"{kind}_configs": [entry]})
    return str(place)


def _global(said: Mapping[str, Any], sink: Sink) -> dict[str, Any]:
    return {
        "smtp_from": "bench@example.org",
        **{name: said[name] for name in KEPT if name in said},
        "smtp_smarthost": f"127.0.0.1:{sink.smtp}",
        "smtp_auth_username": USER,
        "smtp_auth_password": sink.password,
        "smtp_require_tls": False,
        "pagerduty_url": sink.url("/v2/enqueue"),
    }


def _receiver(receiver: Mapping[str, Any], numbers: Iterator[int], sink: Sink) -> dict[str, Any]:
    found: dict[str, Any] = {"name": receiver["name"]}
    for kind, entry in _integrations(receiver):
        if kind not in KINDS:
            ends = {"send_resolved": bool(entry.get("send_resolved", kind not in SILENT_AT_ENDS))}
            instead = {**_address("webhook", next(numbers), entry, sink), **ends}
            found.setdefault("webhook_configs", []).append(instead)
            continue
        inside = {name: value for name, value in entry.items() if name not in (*OUTSIDE[kind], "http_config")}
        found.setdefault(f"{kind}_configs", []).append(
            {**inside, **_address(kind, next(numbers), entry, sink)}
        )
    if len(found) > 1:
        ours = {"url": sink.url(f"/webhook/{witness(receiver['name'])}"), "send_resolved": True}
        found.setdefault("webhook_configs", []).append(ours)
    return found


def _address(kind: str, number: int, entry: Mapping[str, Any], sink: Sink) -> dict[str, Any]:
    if kind == "slack":
        return {"api_url": sink.url(f"/services/{sink.hook(number)}")}
    if kind == "pagerduty":
        return {"routing_key": sink.key(number), "url": sink.url("/v2/enqueue")}
    if kind == "webhook":
        return {"url": sink.url(f"/webhook/{number}")}
    return {"require_tls": False, "headers": {**(entry.get("headers") or {}), MARK: str(number)}}
