"""One HTTP service that is read: every answer is checked."""

from dataclasses import dataclass, field
from typing import Any

import requests

from ruletools.errors import RulesError

CONNECT_S, READ_S = 3.0, 10.0


@dataclass(frozen=True)
class Http:
    """One service at one address, with a user and a file of certificates where it wants them."""

    base: str
    auth: tuple[str, str] | None = field(default=None, repr=False)
    ca: str = ""  # empty for the certificates that the system trusts
    read_s: float = READ_S

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a 2xx answer; RulesError for every other, and for none."""
        where = f"{method} {self.base}{path}"
        try:
            answer = requests.request(
                method,
                self.base + path,
                auth=self.auth,
                timeout=(CONNECT_S, self.read_s),
                verify=self.ca or True,
                **options,
            )
        except requests.RequestException as error:
            raise RulesError(f"expected an answer from {self.base}{path}, found: {error}") from error
        if not answer.ok:
            raise RulesError(
                f"expected {where} to succeed, found {answer.status_code}: {answer.text[:300]}; "
                "is that the address of a Prometheus, and does it ask for a user?"
            )
        try:
            return answer.json()
        except ValueError as error:
            raise RulesError(f"expected JSON from {where}, found {answer.text[:100]!r}") from error
