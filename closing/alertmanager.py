"""Alertmanager over its API: what it lists, and what is posted to it. An answer that is odd is no answer.

Its groups are not asked for: while it puts them together it takes no alert, for seconds where there are very
many. Which group an alert is in follows from its labels and the routes.
"""

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from .errors import ClosingError
from .matching import Labels, Matcher
from .settings import Settings

TIMEOUT_S = 15
"""Of a thousand alerts it needs a second to say which are inhibited, on a busy host more."""
LARGEST = 64 * 1024 * 1024
HEARTBEAT = "heartbeat"
"""The label `rollback` of the alert that always fires: while it is listed, Prometheus sends."""


class RefusedError(ClosingError):
    """Alertmanager took the request and not all that was in it."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One alert that has not ended; `groups` are the receivers' groups that it is in."""

    fingerprint: str
    labels: Labels
    annotations: Mapping[str, str]
    starts_at: str
    generator_url: str
    suppressed: bool
    groups: frozenset[str]
    silenced: bool = False
    """By a silence or another alert, at whatever hour."""

    @property
    def receivers(self) -> frozenset[str]:
        """Return the names of those whose groups it is in."""
        return frozenset(str(json.loads(group)[0]) for group in self.groups)


@dataclass(frozen=True, kw_only=True)
class View:
    """All that Alertmanager says at one moment; `started` is since when it runs."""

    started: str
    alerts: Mapping[str, Listed]
    silences: Sequence[Sequence[Matcher]]

    @property
    def heartbeat(self) -> bool:
        """Say whether Prometheus has sent lately, so that what is not listed is over."""
        return any(one.labels.get("rollback") == HEARTBEAT for one in self.alerts.values())


class Alertmanager:
    """One Alertmanager, asked by its own address on this host."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def view(self) -> View:
        """Ask for everything, or raise ClosingError: half of an answer would be a false one."""
        status, alerts, silences = (self._get(path) for path in ("status", "alerts", "silences"))
        if not isinstance(alerts, list) or not isinstance(silences, list):
            raise ClosingError(f"expected Alertmanager's API v2 at {self._settings.url}, found no lists")
        try:
            return View(
                started=status["uptime"],
                alerts={one.fingerprint: one for one in (self._listed(one) for one in alerts)},
                silences=[_matchers(one) for one in silences if one["status"]["state"] == "active"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ClosingError(
                f"expected Alertmanager's API v2 at {self._settings.url}, found: {error!r}"
            ) from error

    def _listed(self, one: Any) -> Listed:
        state = one["status"]
        return Listed(
            fingerprint=one["fingerprint"],
            labels=one["labels"],
            annotations=one["annotations"],
            starts_at=one["startsAt"],
            generator_url=one.get("generatorURL", ""),
            suppressed=state["state"] == "suppressed",
            groups=self._settings.groups(one["labels"], {each["name"] for each in one["receivers"]}),
            silenced=bool(state.get("silencedBy") or state.get("inhibitedBy")),
        )

    def post(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Post alerts; raises RefusedError where some of them were not taken."""
        self._ask("alerts", json.dumps(alerts).encode())

    def _get(self, path: str) -> Any:
        answer = self._ask(path)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise ClosingError(
                f"expected JSON from {self._settings.url}/api/v2/{path}, found: {error}"
            ) from error

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        url = f"{self._settings.url}/api/v2/{path}"
        headers = {"Content-Type": "application/json", **self._login()}
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - the role's
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._trust())]
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT_S) as answer:
                text: bytes = answer.read(LARGEST)
                return text
        except urllib.error.HTTPError as error:
            said = error.read(500).decode(errors="replace").strip()
            kind = RefusedError if body and 400 <= error.code < 500 else ClosingError
            raise kind(f"expected {url} to answer 200, found {error.code}: {said}") from error
        except (OSError, ValueError, HTTPException) as error:
            raise ClosingError(f"expected Alertmanager to answer at {url}, found: {error}") from error

    def _login(self) -> dict[str, str]:
        if not self._settings.username:
            return {}
        pair = f"{self._settings.username}:{self._settings.password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _trust(self) -> ssl.SSLContext:
        """Only its own certificate or authority is trusted; the host asks itself, by no name in it."""
        context = ssl.create_default_context(cafile=self._settings.ca_file or None)
        context.check_hostname = False
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def _matchers(silence: Any) -> list[Matcher]:
    return [
        (
            one["name"],
            ("=" if one.get("isEqual", True) else "!")
            + ("~" if one["isRegex"] else "" if one.get("isEqual", True) else "="),
            one["value"],
        )
        for one in silence["matchers"]
    ]
