"""Which alerts were proven, kept in docs/proven.yml, and the badge that the README shows.

A proof is of a rule, of the receivers of its alert, and of the commands on its page: where one of them has
changed since, the alert is no longer proven. `python -m harness.proof.record` has both follow.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import say
from harness.incident.patience import routing
from harness.notify.why import Config, labels_of
from monitoring.catalog import Alert, load
from monitoring.routing import deliveries, receivers_of
from monitoring.yaml_text import read_yaml
from ruletools.cases import reads
from ruletools.house.files import RULES
from ruletools.house.lint.runbooks import Command, commands

RECORD = REPO / "docs" / "proven.yml"
BADGE = REPO / "docs" / "proven.svg"
HEAD = """\
# The alerts that `harness proof --record` saw proven on the lab: on which day, and a digest of the rule, its
# receivers and the commands of its page. Where one of these has changed since, the alert counts no more.
"""
SAID = "alerts proven live"
LETTER, MARGIN = 6.2, 8
PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{said}: {value}">
  <title>{said}: {value}</title>
  <rect width="{width}" height="20" rx="3" fill="#444"/>
  <path d="M{left} 0h{right}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right}z" fill="#0969da"/>
  <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
    <text x="{margin}" y="14">{said}</text>
    <text x="{at}" y="14">{value}</text>
  </g>
</svg>
"""


def digest(rule: Alert) -> str:
    """What a rule and the recordings behind it say, who is told and by which commands one looks, in short.

    The texts of the rule and of its page are no part of it.
    """
    said = [rule.expr, rule.for_ms, rule.keep_firing_for_ms, dict(sorted(rule.labels.items()))]
    behind = [rule.recordings[name] for name in sorted(reads(rule) & rule.recordings.keys())]
    made = [(one.record, one.expr, dict(sorted(one.labels.items()))) for one in behind]
    labels = labels_of(rule, {})
    led = [*sorted(receivers_of(_routing(), labels)), *map(str, deliveries(_routing(), labels))]
    shown = [(one.host, one.text) for one in _commands().get(rule.name, ())]
    return sha256(json.dumps([*said, made, led, shown]).encode()).hexdigest()[:12]


@cache
def _routing() -> Config:
    return routing()


@cache
def _commands() -> Mapping[str, Sequence[Command]]:
    found: dict[str, list[Command]] = {}
    for one in commands():
        found.setdefault(one.page, []).append(one)
    return found


def read(path: Path = RECORD) -> dict[str, Mapping[str, str]]:
    """{alert: its day and digest}; nothing where none was ever recorded, UserError where it is none."""
    found = read_yaml(path.read_text("utf-8")) if path.exists() else None
    if not isinstance(found or {}, Mapping):
        raise UserError(f"{path}: expected alerts and their proofs, found {type(found).__name__}")
    for alert, entry in (found or {}).items():
        if not isinstance(entry, Mapping) or set(entry) != {"day", "rule"}:
            raise UserError(f"{path}: {alert}: expected {{day: DAY, rule: DIGEST}}, found {entry!r}")
    return dict(found or {})


def standing(recorded: Mapping[str, Mapping[str, str]], rules: Mapping[str, Alert]) -> list[str]:
    """The alerts whose proof is of the rule as it is now."""
    return [name for name, rule in rules.items() if recorded.get(name, {}).get("rule") == digest(rule)]


def add(
    proven: Iterable[str],
    rules: Mapping[str, Alert],
    path: Path = RECORD,
    badge: Path = BADGE,
    *,
    refuted: Iterable[str] = (),
) -> str:
    """Record what was proven just now beside what still stands, and return how many that are, in words.

    What was proven before and did not hold just now stands no more.
    """
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    before = read(path)
    kept = {name: dict(before[name]) for name in standing(before, rules) if name not in {*refuted}}
    now = {name: {"day": day, "rule": digest(rules[name])} for name in proven}
    found = dict(sorted({**kept, **now}.items()))
    lines = [f"{name}: {{day: {entry['day']!r}, rule: {entry['rule']!r}}}\n" for name, entry in found.items()]
    path.write_text(HEAD + "".join(lines), encoding="utf-8")
    badge.write_text(picture(len(found), len(rules)), encoding="utf-8")
    return f"{len(found)} of {len(rules)} alerts are recorded as proven in {path.name}"


def picture(proven: int, alerts: int) -> str:
    """The badge as SVG."""
    value = f"{proven} of {alerts}"
    left, right = (round(len(text) * LETTER) + 2 * MARGIN for text in (SAID, value))
    return PICTURE.format(
        said=SAID,
        value=value,
        width=left + right,
        left=left,
        right=right - 3,
        margin=MARGIN,
        at=left + MARGIN,
    )


if __name__ == "__main__":
    say(add((), {rule.name: rule for rule in load(RULES)}))
