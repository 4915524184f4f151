"""Questions to a running service over the loopback interface."""

import base64
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException

from .model import Ready

Seconds = float


def get(url: str, ready: Ready | None, timeout: Seconds = 5) -> tuple[int, str]:
    """Return status and body of *url*, asked as *ready* says; 0 and the error if it failed."""
    request = urllib.request.Request(url, headers=_credentials(ready))  # noqa: S310 - the role's
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context(ready))]
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, ValueError, HTTPException) as error:
        return 0, str(error)


def answers(ready: Ready) -> tuple[bool, str]:
    """Say whether the service is ready, and what it said."""
    if ready.url:
        status, body = get(ready.url, ready)
        return 200 <= status < 300, f"{ready.url} answered {status or 'nothing'}: {body.strip()[:300]}"
    try:
        with socket.create_connection((ready.host, ready.port), timeout=5):
            return True, ""
    except OSError as error:
        return False, f"{ready.host}:{ready.port} {error}"


def metric(text: str, name: str) -> float | None:
    """Return the value of the metric without labels called *name* in an exposition, or None."""
    match = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(match.group(1)) if match else None


def _credentials(ready: Ready | None) -> Mapping[str, str]:
    if ready is None or ready.username is None:
        return {}
    pair = f"{ready.username}:{ready.password or ''}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def context(ready: Ready | None) -> ssl.SSLContext:
    """Trust what `ca_file` holds, be it an authority or the service's own certificate; show `cert_file`.

    The name is not compared: the address is the loopback, which is in no certificate.
    """
    context = ssl.create_default_context(cafile=ready.ca_file if ready else None)
    if ready and ready.cert_file:
        context.load_cert_chain(ready.cert_file, ready.key_file)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
