"""One post to a channel's address. No word about it repeats the address: who has it may write there."""

import urllib.error
import urllib.request
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlsplit

from .settings import Address
from .slack import Again, Verdict, judge

TIMEOUT_S = 10
MOST_READ = 500
AGENT = "Alertmanager-Relay"
"""What it sends is Alertmanager's; so it is known from other messages to the same channel."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would be followed without the message, and count as delivered."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        """Follow none."""


def post(address: Address, body: str) -> Verdict:
    """Send *body* and judge the answer; no answer is one, too."""
    try:
        url = address.file.read_text(encoding="utf-8").strip()
        if urlsplit(url).scheme not in ("http", "https"):
            return Again("its file has no web address")
        headers = {"Content-Type": "application/json", "User-Agent": AGENT}
        request = urllib.request.Request(url, body.encode(), headers)  # noqa: S310 - checked above
        proxies = {"http": address.proxy, "https": address.proxy} if address.proxy else {}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies), _NoRedirect)
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            said = answer.read(MOST_READ)
            if answer.length and len(said) < MOST_READ:
                return Again("an answer that is cut")
            return judge(answer.status, answer.headers, said.decode(errors="replace"))
    except urllib.error.HTTPError as error:
        with error:
            return judge(error.code, error.headers, _text(error))
    except (OSError, ValueError, HTTPException) as error:
        return Again(_kind(error))


def _text(answer: IO[bytes]) -> str:
    try:
        return answer.read(MOST_READ).decode(errors="replace")
    except (OSError, HTTPException):
        return ""


def _kind(error: Exception) -> str:
    """What kind of fault it was: the words of a library may have the address in them."""
    reason = getattr(error, "reason", error)
    cause = reason if isinstance(reason, Exception) else error
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else ""
    return f"{type(cause).__name__} {said}".strip()
