"""What a running application answers, or one sentence about why it does not."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from devtools.errors import UserError
from roles.application.module_utils.mita_app.readiness import Answer, parse

TIMEOUT_S = 10.0
WRAPPING = re.compile(r"^(\S*Connection\w*\(.*?\): )?(Failed to establish a new connection: )?")


@dataclass(frozen=True)
class Asked:
    """The two answers that count."""

    metrics: str
    ready: Answer


def ask(url: str, login: tuple[str, str] | None, ca: str) -> Asked:
    """Return what the application at this address says; UserError where it cannot be asked."""
    base = checked(url)
    metrics = _get(f"{base}/metrics", login, ca)
    if metrics.status_code != 200:
        raise UserError(f"expected 200 from {base}/metrics, found {metrics.status_code}{_hint(metrics)}")
    ready = _get(f"{base}/health/ready", None, ca)
    return Asked(metrics.text, parse(ready.status_code, _json(ready)))


def checked(url: str) -> str:
    """Return the address without a path that is asked for anyway; UserError where it is none."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        right = False
    if not right or parts.username is not None:
        raise UserError(
            f"expected an address such as http://127.0.0.1:8080, found {_without_secret(url)!r}; "
            "a user is said with --user and --password-file"
        )
    return url.rstrip("/").removesuffix("/metrics")


def _get(url: str, login: tuple[str, str] | None, ca: str) -> requests.Response:
    try:
        return requests.get(url, auth=login, verify=ca or True, timeout=TIMEOUT_S)
    except requests.RequestException as error:
        raise UserError(f"expected an application at {url}, found: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """What went wrong at the bottom, without what was wrapped around it."""
    inner = getattr(error, "reason", None) or next(
        (each for each in error.args if isinstance(each, BaseException)), None
    )
    if isinstance(inner, BaseException):
        return reason(inner)
    return WRAPPING.sub("", str(error))


def _json(answer: requests.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return answer.text


def _hint(answer: requests.Response) -> str:
    return "; say --user and --password-file" if answer.status_code == 401 else ""


def _without_secret(url: str) -> str:
    return f"...@{url.rpartition('@')[2]}" if "@" in url else url
