"""Alertmanager's silences over its API, asked on its own host."""

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from ansible.module_utils.mita_service import probe
from ansible.module_utils.mita_service.model import Ready

SECONDS = 10


class SilencesError(Exception):
    """Alertmanager did not do what it was asked; the message says what it answered."""


@dataclass(frozen=True)
class Client:
    """One Alertmanager; `ready` says how it is asked."""

    url: str
    ready: Ready

    def silences(self) -> list[dict[str, Any]]:
        """Return all that it remembers, the expired ones too."""
        found = self._ask("GET", "silences")
        if not isinstance(found, list):
            raise SilencesError(f"expected a list of silences from {self.url}, found {found!r}")
        return found

    def make(self, silence: dict[str, Any]) -> None:
        """Silence; a refusal names the silence."""
        try:
            self._ask("POST", "silences", silence)
        except SilencesError as error:
            raise SilencesError(f"{silence['comment'].partition(':')[0]}: {error}") from error

    def end(self, identity: str) -> None:
        """End a silence."""
        self._ask("DELETE", f"silence/{identity}")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        where = f"{self.url}/api/v2/{path}"
        headers = {"Content-Type": "application/json"}
        if self.ready.username:
            pair = f"{self.ready.username}:{self.ready.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(where, data, headers, method=method)  # noqa: S310 - the role's
        try:
            handlers = [
                urllib.request.ProxyHandler({}),
                urllib.request.HTTPSHandler(context=probe.context(self.ready)),
            ]
            with urllib.request.build_opener(*handlers).open(request, timeout=SECONDS) as answer:
                text = answer.read().decode()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            words = error.read().decode(errors="replace")[:300]
            raise SilencesError(
                f"expected {method} {where} to succeed, found {error.code}: {words}"
            ) from error
        except (OSError, ValueError, HTTPException) as error:
            raise SilencesError(
                f"expected an answer from {where}, found: {error}; does Alertmanager run? "
                "site.yml installs it as the inventory says"
            ) from error
