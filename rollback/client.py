"""The daemon as a program elsewhere sees it: over HTTP, as the operator unless another account is named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import requests
import yaml

SETTINGS = Path("/etc/mita-rollback/settings.yml")
ROOT = "/api/admin/rollback"
NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
TIMEOUT = (3.0, 15.0)
REFUSED = (404, 409, 422)
"""Answers of a daemon that understood and will not."""


class ClientError(Exception):
    """The daemon could not be asked; the message says what to do."""


class RefusedError(ClientError):
    """The daemon understood and refused; `known` is what it knows about the matter."""

    def __init__(self, message: str, known: list[str]) -> None:
        super().__init__(message)
        self.known = known


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """Where the daemon answers and how to prove who asks."""

    url: str
    username: str
    password: str = field(repr=False)
    verify: str | bool = True
    shown: tuple[str, str] | None = None  # certificate and key, where the daemon asks clients for one

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The JSON answer, or ClientError."""
        return self._ask("GET", path, None, query)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """The JSON answer to a command, RefusedError, or ClientError."""
        return self._ask("POST", path, {name: value for name, value in body.items() if value is not None}, {})

    def delete(self, path: str, **query: Any) -> dict[str, Any]:
        """The JSON answer to an ending, RefusedError, or ClientError."""
        return self._ask("DELETE", path, None, query)

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, Any]
    ) -> dict[str, Any]:
        session = requests.Session()
        session.trust_env = False
        try:
            response = session.request(
                method,
                self.url + ROOT + path,
                params={name: value for name, value in query.items() if value is not None},
                json=body,
                auth=(self.username, self.password),
                verify=self.verify,
                cert=self.shown,
                timeout=TIMEOUT,
            )
            answer: dict[str, Any] = response.json()
        except requests.exceptions.SSLError as error:
            raise ClientError(self._why_no_tls(error)) from error
        except NO_ADDRESS as error:
            raise ClientError(f"expected an address as http://monitor:8000, found {self.url}") from error
        except (requests.RequestException, ValueError) as error:
            raise ClientError(
                f"expected the daemon's answer at {self.url}, found none ({type(error).__name__}); "
                f"is it running{self._maybe()}? see: systemctl status rollback; journalctl -u rollback"
            ) from error
        except OSError as error:  # what requests says of a certificate file that is not there
            missing = str(error).rpartition(": ")[2]
            raise ClientError(f"expected a certificate at {missing}, found none; mend the option") from error
        if response.status_code in (401, 429):
            raise ClientError(f"{self.url} refused the secret; give the right one with --secret-file")
        if response.status_code in REFUSED:
            raise RefusedError(str(answer.get("error") or answer), list(answer.get("known") or []))
        if not response.ok:
            raise ClientError(str(answer.get("error") or answer))
        return answer

    def _maybe(self) -> str:
        """With TLS 1.3 a client learns too late, and not in words, that a certificate was asked for."""
        asked = self.url.startswith("https://") and not self.shown
        return ", or does it ask for a certificate (--cert-file)" if asked else ""

    def _why_no_tls(self, error: Exception) -> str:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return f"{self.url} has a certificate that is not trusted; give --ca-file"
        return (
            f"{self.url} refused the connection ({error}); give --cert-file and --key-file if it asks for one"
        )


@dataclass(frozen=True, kw_only=True)
class Access:
    """What the command line says about how to get in; empty where the settings file knows."""

    url: str = ""
    username: str = ""
    secret_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


def connect(settings: Path, access: Access) -> Daemon:
    """The daemon that the command line means, filled up from the settings file."""
    url, ca_file = access.url, access.ca_file
    known = _settings(settings) if not (url and access.secret_file) else {}
    secret = access.secret_file or settings.parent / known.get(
        "admin_secret_file", "secrets/rollback_admin_secret"
    )
    certificate = known.get("web_tls_cert")
    default = f"{'https' if certificate else 'http'}://{_host(known)}:{known.get('listen_port', 8000)}"
    trusted = ca_file or (settings.parent / certificate if certificate and not url else None)
    return Daemon(
        url=(url or default).rstrip("/"),
        username=access.username or known.get("admin_username", "admin"),
        password=_read(secret),
        verify=str(trusted) if trusted else True,
        shown=(str(access.cert_file), str(access.key_file or access.cert_file)) if access.cert_file else None,
    )


def _host(known: Mapping[str, Any]) -> str:
    """Where the daemon answers on its own host: at localhost, unless it listens on one other address only."""
    said = str(known.get("listen_address") or "localhost")
    try:
        found = ip_address(said)
    except ValueError:  # a name, as in a container
        return said
    if found.is_loopback or found.is_unspecified:
        return "localhost"
    return f"[{found}]" if found.version == 6 else str(found)


def _settings(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except PermissionError as error:
        raise ClientError(f"{file} may only be read by root: run this with sudo") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ClientError(
            f"expected the daemon's settings at {file}, found: {error}; "
            "run this on the daemon's host, or give --url and --secret-file"
        ) from error
    return content if isinstance(content, dict) else {}


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except PermissionError as error:
        raise ClientError(f"{file} may only be read by root: run this with sudo") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ClientError(
            f"expected the account's secret at {file}, found: {error}; give --secret-file"
        ) from error
