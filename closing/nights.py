"""The nights in their file, and the digest on its way: to the queue in front of Slack, on this host."""

import json
import urllib.request
from dataclasses import asdict
from http.client import HTTPException
from pathlib import Path
from typing import Any

from .alertmanager import View
from .digest import message
from .errors import ClosingError
from .memory import replace
from .night import Fired, Night, Nights, by_place, due, is_told, note_told, watch
from .settings import Settings

TIMEOUT_S = 5


def tell(path: Path, view: View, settings: Settings, now: float, *, known: bool) -> None:
    """Watch the night that is, and tell of those that are over; ClosingError where one cannot be told yet."""
    if not settings.digest:
        return
    nights, complaint = _load(path)
    watch(nights, view, settings, now)
    over = due(nights, now, known=known)
    for (url, channel), night in by_place(over, settings):
        try:
            _post(url, message(channel, night, view.alerts, known=known))
            note_told((url, channel), over)
        except ClosingError as error:
            complaint = complaint or str(error)
    replace(
        path,
        {
            receiver: asdict(night)
            for receiver, night in nights.items()
            if receiver not in over or not is_told(receiver, night, settings)
        },
    )
    if complaint:
        raise ClosingError(complaint)


def _post(url: str, body: Any) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - the role's
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=TIMEOUT_S):
            pass
    except (OSError, ValueError, HTTPException) as error:
        raise ClosingError(
            f"expected the queue of messages to take the digest at {url}, found: {error}"
        ) from error


def _load(path: Path) -> tuple[Nights, str]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {str(receiver): _night(one) for receiver, one in values.items()}, ""
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return {}, f"expected what earlier looks wrote in {path}, found: {error!r}; the digest begins anew"


def _night(one: Any) -> Night:
    fired = {
        str(key): Fired(
            labels={str(name): str(value) for name, value in alert["labels"].items()},
            summary=str(alert["summary"]),
            since=str(alert["since"]),
            seen=float(alert["seen"]),
            times=int(alert["times"]),
        )
        for key, alert in one["fired"].items()
    }
    told = [str(place) for place in one.get("told", ())]
    return Night(began=float(one["began"]), ended=float(one["ended"]), fired=fired, told=told)
