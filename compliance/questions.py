"""What a running application answers, or one sentence about why it does not."""

import json
import re
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from devtools.errors import UserError
from roles.application.module_utils.mita_app.readiness import Answer, parse

TIMEOUT_S = 10.0
MOST_MIB = 64
"""How long an answer may take as a whole, and how large it may be: some never end."""
WRAPPING = re.compile(r"^(\S*Connection\w*\(.*?\): )?(Failed to establish a new connection: )?")


@dataclass(frozen=True)
class Asked:
    """The two answers that count."""

    metrics: str
    ready: Answer


def ask(url: str, login: tuple[str, str] | None, ca: str) -> Asked:
    """Return what the application at this address says; UserError where it cannot be asked."""
    base = checked(url)
    status, metrics = _get(f"{base}/metrics", login, ca)
    if status != 200:
        hint = "; say --user and --password-file" if status == 401 else ""
        raise UserError(f"expected 200 from {base}/metrics, found {status}{hint}")
    status, ready = _get(f"{base}/health/ready", None, ca)
    try:
        return Asked(metrics.decode("utf-8"), parse(status, _json(ready)))
    except UnicodeDecodeError as error:
        raise UserError(f"expected text in UTF-8 at {base}/metrics, found: {error}") from error


def checked(url: str) -> str:
    """Return the address without a path that is asked for anyway; UserError where it is none."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        right = right and not (parts.query or parts.fragment)
    except ValueError:
        right = False
    if not right or parts.username is not None:
        raise UserError(
            f"expected an address such as http://127.0.0.1:8080, found {_without_secret(url)!r}; "
            "a user is said with --user and --password-file"
        )
    return url.rstrip("/").removesuffix("/metrics")


def _get(url: str, login: tuple[str, str] | None, ca: str) -> tuple[int, bytes]:
    """The status and the body."""
    until = time.monotonic() + TIMEOUT_S
    body = bytearray()
    try:
        with requests.get(url, auth=login, verify=ca or True, timeout=TIMEOUT_S, stream=True) as answer:
            while part := answer.raw.read1(
                2**16, decode_content=True
            ):  # as it comes: a read would wait for all
                body += part
                if len(body) > MOST_MIB * 2**20 or time.monotonic() > until:
                    raise UserError(
                        f"expected an answer of {MOST_MIB} MiB at most within {TIMEOUT_S:g} s from {url}, "
                        f"found one that goes on after {len(body)} bytes"
                    )
            return answer.status_code, bytes(body)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise UserError(f"expected an application at {url}, found: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """What went wrong at the bottom, without what was wrapped around it."""
    inner = getattr(error, "reason", None) or next(
        (each for each in error.args if isinstance(each, BaseException)), None
    )
    if isinstance(inner, BaseException):
        return reason(inner)
    return WRAPPING.sub("", str(error))


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", errors="replace")


def _without_secret(url: str) -> str:
    return f"...@{url.rpartition('@')[2]}" if "@" in url else url
