"""Which silences Alertmanager has to be given, and which of ours to end. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MARK = "(alertmanager_silences)"
"""Ends the author of what came from data, as `monitoring/silences.py` writes it."""
Silence = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is made and what is ended; `before` and `after` are what a person reads."""

    made: Sequence[Silence]
    ended: Sequence[Silence]
    before: str
    after: str


def plan(wanted: Sequence[Silence], found: Sequence[Silence]) -> Plan:
    """Compare what the data wants with what Alertmanager has; what people made is not looked at."""
    left = [one for one in found if _is_ours(one)]
    ours, made = list(left), []
    for one in wanted:
        same = next((other for other in left if _same(one, other)), None)
        if same is None:
            made.append(one)
        else:
            left.remove(same)
    kept = [one for one in ours if one not in left]
    return Plan(made, left, _text(ours), _text([*kept, *made]))


def _is_ours(one: Silence) -> bool:
    return one["status"]["state"] != "expired" and str(one["createdBy"]).endswith(MARK)


def _same(wanted: Silence, found: Silence) -> bool:
    """Whether it is that one; a silence that was made late began when it was made."""
    began = _moment(found["startsAt"])
    late = found["status"]["state"] == "active" and began >= _moment(wanted["startsAt"])
    return (
        (late or began == _moment(wanted["startsAt"]))
        and _moment(found["endsAt"]) == _moment(wanted["endsAt"])
        and all(found[key] == wanted[key] for key in ("createdBy", "comment"))
        and sorted(_matchers(found)) == sorted(_matchers(wanted))
    )


def _text(silences: Sequence[Silence]) -> str:
    return "".join(f"{_line(one)}\n" for one in sorted(silences, key=_order))


def _order(one: Silence) -> tuple[datetime, str]:
    return _moment(one["endsAt"]), _line(one)


def _line(one: Silence) -> str:
    start, end = (f"{_moment(one[key]):%Y-%m-%d %H:%M}" for key in ("startsAt", "endsAt"))
    author = one["createdBy"].removesuffix(MARK).strip()
    return f"{start} to {end} UTC: {', '.join(sorted(_matchers(one)))} ({author}: {one['comment']})"


def _matchers(one: Silence) -> Iterator[str]:
    for matcher in one["matchers"]:
        equal = "=" if matcher.get("isEqual", True) else "!"
        operator = {"=": "=~" if matcher["isRegex"] else "=", "!": "!~" if matcher["isRegex"] else "!="}[
            equal
        ]
        yield f'{matcher["name"]}{operator}"{matcher["value"]}"'


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(microsecond=0)
