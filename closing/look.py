"""One look at Alertmanager: which alerts are over without anybody having been told. Pure.

Alertmanager tells nobody that an alert is over while it is inhibited, silenced or mute, and forgets it. It
remembers whom it told that the alert fires, though: the same alert posted again as ended makes it tell those,
and only those. So nothing needs to be known here of receivers, and a post too many is no message too many,
unless others of its group still fire: then those are told once more.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .alertmanager import Listed, View
from .matching import Labels, matches
from .memory import Memory, Remembered
from .settings import Settings

Seconds = float


def look(memory: Memory, view: View, settings: Settings, now: Seconds) -> tuple[Memory, list[Remembered]]:
    """Return what is remembered after this look, and the alerts to post as ended."""
    after = Memory(looked=now, started=view.started, known_since=_known_since(memory, view, settings, now))
    for key, one in view.alerts.items():
        after.alerts[key] = _still_there(one, memory.alerts.get(key), now)
    mute = settings.mute(datetime.fromtimestamp(now, UTC))
    holds = holder(view, settings)
    posts = []
    for key, gone in memory.alerts.items():
        if key in view.alerts:
            continue
        receivers = {str(json.loads(group)[0]) for group in gone.groups}
        patience = settings.patience(receivers)
        gone.seen = min(gone.seen, now)
        held = holds(gone.labels)
        quiet = any(one.receiver in receivers and one.takes(gone.labels) for one in mute)
        gone.held, gone.mute = gone.held or held, gone.mute or quiet
        unheard = not gone.told and _beside_others(gone, view)
        if now - max(gone.seen, after.known_since) < patience:
            stays, due = True, False
        else:
            stays, due = _judge(gone, patience, settings.keep_s, now, held=held or unheard, quiet=quiet)
        if stays:
            after.alerts[key] = gone
        if due:
            posts.append(gone)
    return after, posts


def ended(alert: Remembered) -> dict[str, Any]:
    """Return *alert* as Alertmanager takes it, over since it was last seen."""
    over = datetime.fromtimestamp(alert.seen, UTC)
    return {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": min(_begun(alert, over), over).isoformat(),
        "endsAt": over.isoformat(),
        "generatorURL": alert.generator_url,
    }


def _begun(alert: Remembered, over: datetime) -> datetime:
    try:
        return datetime.fromisoformat(alert.starts_at)
    except ValueError:  # a moment that Python cannot write does not keep the alert open
        return over


def _known_since(memory: Memory, view: View, settings: Settings, now: Seconds) -> Seconds:
    """A gap, a new Alertmanager, a clock that was set back and a Prometheus that is silent begin it anew."""
    believed = view.heartbeat and view.started == memory.started
    unbroken = 0 <= now - memory.looked <= settings.patience_s
    return min(memory.known_since, now) if believed and unbroken else now


def _still_there(one: Listed, earlier: Remembered | None, now: Seconds) -> Remembered:
    return Remembered(
        labels=dict(one.labels),
        annotations=dict(one.annotations),
        starts_at=one.starts_at,
        generator_url=one.generator_url,
        groups=sorted(one.groups),
        seen=now,
        told=not one.suppressed or (earlier is not None and earlier.told),
        held=one.suppressed,
    )


def holder(view: View, settings: Settings) -> Callable[[Labels], bool]:
    """Return what tells whether Alertmanager would swallow a message about these labels now."""
    firing = [one.labels for one in view.alerts.values()]
    rules = [(rule, rule.sources(firing)) for rule in settings.inhibitions]

    def held(labels: Labels) -> bool:
        return any(matches(silence, labels) for silence in view.silences) or any(
            rule.silences(labels, sources) for rule, sources in rules
        )

    return held


def _beside_others(gone: Remembered, view: View) -> bool:
    """Tell whether it stood in a message whose other alerts still fire."""
    return any(not one.groups.isdisjoint(gone.groups) for one in view.alerts.values())


def _judge(
    gone: Remembered, patience: Seconds, keep: Seconds, now: Seconds, *, held: bool, quiet: bool
) -> tuple[bool, bool]:
    """Return whether it is remembered further, and whether it is posted now.

    It is posted at every look of one patience, so that neither a restart nor a silence that ends late loses
    it; what was held is posted in quiet hours too, for those who are told then, and once more after them.
    """
    if not (gone.held or gone.mute) or now - gone.seen > keep:
        return False, False
    if held:
        gone.rounds.clear()
        return True, False
    if quiet and not gone.held:
        return True, False
    which = "quiet" if quiet else "open"
    begun = gone.rounds[which] = min(gone.rounds.get(which, now), now)
    over = now - begun >= patience
    return quiet or not over, not over
