"""Many alerts of one kind that begin at once: one message says how many, and names the first. Pure.

What is posted for them is an alert with the label `crowd`, which silences them: `inhibit_rules` says whom,
and which labels make one kind. An Alertmanager that was restarted is told of it before it may know again whom
it is about. When nobody looks any more, the alert ends by itself, and each of them is told.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from .alertmanager import Listed, View
from .look import holder
from .matching import Inhibition, Labels
from .memory import Memory, Remembered
from .settings import Settings

MARK = "crowd"
BEGINS, STAYS = 10, 5
"""So many must begin within the time of the settings; when fewer than the second fire, each is told."""
NAMED, LISTED = 5, 30
Key = frozenset[tuple[str, str]]


def crowds(memory: Memory, view: View, settings: Settings, now: float) -> list[dict[str, Any]]:
    """Return the alerts to post: for the crowds that there are, and for those that are over."""
    rule = next((one for one in settings.inhibitions if one.source == ((MARK, "!=", ""),)), None)
    if rule is None:  # what silences nobody would only be one message more
        return []
    listed = {_key(one.labels): one for one in view.alerts.values() if MARK in one.labels}
    known = _lost(memory, view) | listed
    posts: dict[Key, dict[str, Any]] = {}
    for labels, members in _kinds(rule, view, settings):
        key = _key(labels)
        new = [one for one in members if now - _began(one) < settings.crowd_s]
        if len(new) >= BEGINS or (key in known and len(members) >= STAYS):
            first = members[0]
            since = known[key].starts_at if key in known else new[0].starts_at
            end = now + settings.patience_s
            posts[key] = _post(labels, _words(members), since, end, first.generator_url)
    heard_since = memory.known_since if view.started == memory.started else now
    for key, one in known.items():
        is_over = _began(one) >= heard_since or now - heard_since >= settings.patience_s
        if key not in posts and (key in listed or not is_over):
            end = now if is_over else now + settings.patience_s
            posts[key] = _post(one.labels, one.annotations, one.starts_at, end, one.generator_url)
    return list(posts.values())


def _lost(memory: Memory, view: View) -> dict[Key, Listed | Remembered]:
    """What fired until Alertmanager was restarted, or Prometheus silent."""
    return {
        _key(one.labels): one
        for one in memory.alerts.values()
        if MARK in one.labels and (view.started != memory.started or one.seen < memory.known_since)
    }


def _kinds(rule: Inhibition, view: View, settings: Settings) -> Iterator[tuple[Labels, Sequence[Listed]]]:
    """The labels of each crowd that may be, and whom it alone would silence, the oldest first."""
    others = tuple(one for one in settings.inhibitions if one is not rule)
    held = holder(view, replace(settings, inhibitions=others))
    kinds: dict[Key, list[Listed]] = defaultdict(list)
    for one in sorted(view.alerts.values(), key=lambda one: (_began(one), one.labels.get("subject", ""))):
        if rule.targets(one.labels) and not held(one.labels):
            kinds[_key({name: one.labels[name] for name in rule.equal if name in one.labels})].append(one)
    for kind, members in kinds.items():
        yield {**dict(kind), "subject": f"{BEGINS} or more at once", MARK: "yes"}, members


def _words(members: Sequence[Listed]) -> dict[str, str]:
    """Their runbook and dashboard are those of the first."""
    subjects = [one.labels.get("subject", "") for one in members]
    first = members[0].annotations
    return {
        **first,
        "summary": f"{len(subjects)} fire: {_listed(subjects, NAMED)}",
        "description": (
            f"{len(subjects)} alerts of this kind fire: {_listed(subjects, LISTED)}. "
            f"One of them says: {first.get('summary', '')}"
        ),
    }


def _listed(subjects: Sequence[str], most: int) -> str:
    more = f" and {len(subjects) - most} more" if len(subjects) > most else ""
    return ", ".join(subjects[:most]) + more


def _key(labels: Labels) -> Key:
    return frozenset(labels.items())


def _began(one: Listed | Remembered) -> float:
    try:
        return datetime.fromisoformat(one.starts_at).timestamp()
    except (ValueError, OverflowError):  # a moment that Python cannot write is no new one
        return 0.0


def _post(
    labels: Labels, annotations: Mapping[str, str], since: str, end: float, link: str
) -> dict[str, Any]:
    return {
        "labels": dict(labels),
        "annotations": dict(annotations),
        "startsAt": since,
        "endsAt": datetime.fromtimestamp(end, UTC).isoformat(),
        "generatorURL": link,
    }
