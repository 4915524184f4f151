"""What fired while a receiver's warnings waited: seen at every look, told once when mute hours end. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .alertmanager import Listed, View
from .settings import Settings

MOST = 500
"""Alerts of one night that are remembered for one receiver; a digest counts no more of them."""
PATIENCE_S = 1800.0
"""How long a digest waits after the mute hours for an Alertmanager that knows again what fires."""
Seconds = float


@dataclass(kw_only=True)
class Fired:
    """An alert that waited; `since` is when it last began, `seen` when it last fired."""

    labels: dict[str, str]
    summary: str
    since: str
    seen: Seconds
    times: int = 1


@dataclass(kw_only=True)
class Night:
    """One stretch of mute hours, and when they were over; 0 while they last.

    `told` are the places that have taken its digest: one that does not keeps none of the others waiting.
    """

    began: Seconds
    ended: Seconds = 0.0
    fired: dict[str, Fired] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


Place = tuple[str, str]
"""A URL and a channel."""
Nights = dict[str, Night]
"""By receiver."""


def watch(nights: Nights, view: View, settings: Settings, now: Seconds) -> None:
    """Note in *nights* what fires now and is told to nobody because of the hour, and whose hours are over."""
    routes = [
        one for one in settings.mute(datetime.fromtimestamp(now, UTC)) if one.receiver in settings.digest
    ]
    for receiver in {one.receiver for one in routes}:
        night = nights.setdefault(receiver, Night(began=now))
        if night.ended:  # nobody took its digest yet: that is told with what comes now
            night.ended, night.told = 0.0, []
        for key, alert in view.alerts.items():
            mine = any(one.receiver == receiver and one.takes(alert.labels) for one in routes)
            if mine and receiver in alert.receivers and not alert.silenced:
                _note(nights[receiver].fired, key, alert, now)
    for receiver, night in nights.items():
        if receiver not in {one.receiver for one in routes}:
            night.ended = night.ended or now


def due(nights: Nights, now: Seconds, *, known: bool) -> Nights:
    """Return the nights that are over; until it is *known* what fires, only those that waited long enough."""
    return {
        receiver: night
        for receiver, night in nights.items()
        if night.ended and (known or now - night.ended > PATIENCE_S or not night.fired)
    }


def by_place(over: Nights, settings: Settings) -> Iterator[tuple[Place, Night]]:
    """Each place that is still owed a digest, with all that fired for its receivers."""
    found: dict[Place, Night] = {}
    for receiver, night in over.items():
        for place in _owed(night, settings.digest.get(receiver, ())):
            whole = found.setdefault(place, Night(began=night.began, ended=night.ended))
            whole.began = min(whole.began, night.began)
            whole.fired = _joined(whole.fired, night.fired)
    yield from ((place, night) for place, night in found.items() if night.fired)


def note_told(place: Place, over: Nights) -> None:
    """Owe *place* nothing more of the nights that are over."""
    for night in over.values():
        night.told.append(json.dumps(place))


def is_told(receiver: str, night: Night, settings: Settings) -> bool:
    """Tell whether nobody is owed anything of *night*."""
    return not (night.fired and _owed(night, settings.digest.get(receiver, ())))


def _owed(night: Night, places: Iterable[Place]) -> list[Place]:
    return [place for place in places if json.dumps(place) not in night.told]


def _joined(one: Mapping[str, Fired], other: Mapping[str, Fired]) -> dict[str, Fired]:
    """The same alert for two receivers of one channel is one."""
    return {**one, **other}


def _note(fired: dict[str, Fired], key: str, alert: Listed, now: Seconds) -> None:
    known = fired.get(key)
    if known is None and len(fired) >= MOST:
        return
    times = 1 if known is None else known.times + (known.since != alert.starts_at)
    fired[key] = Fired(
        labels=dict(alert.labels),
        summary=alert.annotations.get("summary", ""),
        since=alert.starts_at,
        seen=now,
        times=times,
    )
