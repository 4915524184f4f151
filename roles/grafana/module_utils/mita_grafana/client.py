"""Grafana's HTTP API as one account uses it, on the host itself."""

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any

from ansible.module_utils.mita_service import probe
from ansible.module_utils.mita_service.model import Ready

SECONDS = 30


class GrafanaError(Exception):
    """Grafana did not do what it was asked; the message says what it answered."""


@dataclass(frozen=True)
class Client:
    """One account at one Grafana. The certificate in `ca_file` is trusted, whatever name it has."""

    url: str
    name: str
    password: str
    ca_file: str | None = None

    def as_user(self, name: str, password: str) -> "Client":
        """Return the same Grafana as another account uses it."""
        return replace(self, name=name, password=password)

    def may_log_in(self) -> bool:
        """Say whether the account exists and has this password; raise GrafanaError if nobody could say."""
        status, answer = self._ask("GET", "/api/user", None)
        if status not in (200, 401):
            raise GrafanaError(
                f"expected {self.url} to answer a login, found {status or 'nothing'}: {answer}"
            )
        return status == 200

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return what Grafana answers, or raise GrafanaError."""
        status, answer = self._ask(method, path, body)
        if not 200 <= status < 300:
            raise GrafanaError(f"expected {method} {path} to be done, found {status or 'nothing'}: {answer}")
        return json.loads(answer)

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, str]:
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._trust())]
        try:
            opened = urllib.request.build_opener(*handlers).open(
                self._request(method, path, body), timeout=SECONDS
            )
            with opened as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")[:300]
        except (OSError, HTTPException) as error:
            return 0, str(error)

    def _trust(self) -> Any:
        return probe.context(Ready(ca_file=self.ca_file))

    def _request(self, method: str, path: str, body: Any) -> urllib.request.Request:
        login = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - the role's
