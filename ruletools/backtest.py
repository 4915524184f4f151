"""How often each alert would have fired at a site, asked of the Prometheus that watched it. It only reads.

Prometheus evaluates the rule's own expression at each moment of the past; what `for`, `keep_firing_for` and
the inhibitions make of it is computed here. Recorded series are read as the site recorded them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from monitoring.durations import parse_duration
from monitoring.promql import Binary, Call, Node, Selector, children
from monitoring.promql_parse import parse
from monitoring.routing import inhibited
from ruletools.errors import RulesError
from ruletools.firing import firings
from ruletools.http import Http

Labels = Mapping[str, str]
Rule = Mapping[str, Any]
POINTS = 5000  # of one question, per series; Prometheus answers at most 11,000
DEFAULT_INTERVAL_S = 15.0
ABSENT = ("absent", "absent_over_time")


@dataclass(frozen=True)
class Period:
    start: float
    end: float


@dataclass(frozen=True)
class Firing:
    """One alert of one series of labels, from one moment to another."""

    alert: str
    labels: Labels
    start: float
    end: float

    @property
    def everything(self) -> Labels:
        return {**self.labels, "alertname": self.alert}


@dataclass(frozen=True)
class Past:
    """What one alert would have done. `missing` are the series without which it could not fire."""

    alert: str
    firings: Sequence[Firing]
    missing: Sequence[str]
    heard: int  # firings that nothing silenced from their first moment to their last
    silencers: Sequence[str]


class Archive:
    """The Prometheus of a site."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self.has = cache(self._has)

    def covered(self, asked: Period) -> Period:
        """The part of a period of which anything is stored; RulesError where it is none."""
        step = max(DEFAULT_INTERVAL_S, (asked.end - asked.start) / POINTS)
        found = self._range("count(up)", asked.start, asked.end, step)
        times = [moment for _, moments in found for moment in moments]
        if not times:
            raise RulesError(
                f"expected {self.http.base} to hold `up` of that time, found nothing; "
                f"does it scrape, and is that the right address?"
            )
        late = min(times) - asked.start > 2 * step
        return Period(min(times), asked.end) if late else asked

    def results(self, expression: str, period: Period, step: float) -> Iterator[tuple[Labels, list[int]]]:
        """The numbers of the evaluations at which each series of labels was a result."""
        rows: dict[tuple[tuple[str, str], ...], list[int]] = {}
        count = int((period.end - period.start) / step) + 1
        for begin in range(0, count, POINTS):
            last = min(begin + POINTS, count) - 1
            start, end = (period.start + number * step for number in (begin, last))
            for labels, moments in self._range(expression, start, end, step):
                row = rows.setdefault(tuple(sorted(labels.items())), [])
                row += [round((moment - period.start) / step) for moment in moments]
        return ((dict(labels), row) for labels, row in rows.items())

    def _range(
        self, expression: str, start: float, end: float, step: float
    ) -> Iterator[tuple[Labels, list[float]]]:
        asked = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        answer = self.http.ask("POST", "/api/v1/query_range", data=asked)
        return ((each["metric"], [float(t) for t, _ in each["values"]]) for each in answer["data"]["result"])

    def _has(self, selector: str, period: Period) -> bool:
        asked = {"match[]": selector, "start": period.start, "end": period.end, "limit": 1}
        return bool(self.http.ask("POST", "/api/v1/series", data=asked)["data"])


def backtest(
    archive: Archive,
    groups: Sequence[Mapping[str, Any]],
    alertmanager: Mapping[str, Any],
    period: Period,
    only: Sequence[str] = (),
) -> list[Past]:
    """What each alert, or *only* these, would have done; all others are asked too, for they may silence."""
    rules = [(rule, _interval(group)) for group in groups for rule in group["rules"] if "alert" in rule]
    unknown = sorted(set(only) - {rule["alert"] for rule, _ in rules})
    if unknown:
        raise RulesError(f"expected alerts that are in force there, found {', '.join(unknown)}")
    wanted = [rule for rule, _ in rules if not only or rule["alert"] in only]
    fired: dict[str, list[Firing]] = {}
    for rule, step in rules:
        if rule in wanted or _may_silence(rule, wanted, alertmanager):
            fired[rule["alert"]] = list(_fired(archive, rule, period, step))
    everything = [firing for each in fired.values() for firing in each]
    return [_past(archive, rule, fired[rule["alert"]], everything, alertmanager, period) for rule in wanted]


def _may_silence(rule: Rule, wanted: Sequence[Rule], config: Mapping[str, Any]) -> bool:
    """Whether it could silence one of them; which labels must be equal is known only once both fire."""
    open_config = {"inhibit_rules": [{**each, "equal": []} for each in config.get("inhibit_rules", ())]}
    source = [{**rule.get("labels", {}), "alertname": rule["alert"]}]
    return any(inhibited(open_config, each.get("labels", {}), source) for each in wanted)


def _interval(group: Mapping[str, Any]) -> float:
    return parse_duration(group["interval"]) / 1000 if "interval" in group else DEFAULT_INTERVAL_S


def _fired(archive: Archive, rule: Rule, period: Period, step: float) -> Iterator[Firing]:
    count = int((period.end - period.start) / step) + 1
    wait, keep = (
        -(-parse_duration(rule.get(name, 0)) // int(step * 1000)) for name in ("for", "keep_firing_for")
    )
    try:
        results = archive.results(rule["expr"], period, step)
    except RulesError as error:
        raise RulesError(f"{rule['alert']}: {error}") from None
    for labels, present in results:
        own = {name: value for name, value in labels.items() if name != "__name__"}
        full = own | {name: _said(text, own) for name, text in rule.get("labels", {}).items()}
        for first, end in firings(present, wait=wait, keep=keep, end=count):
            yield Firing(rule["alert"], full, period.start + first * step, period.start + end * step)


def _said(text: str, labels: Labels) -> str:
    """A label of the rule; of templates only `{{ $labels.name }}` is known."""
    for name, value in labels.items():
        text = text.replace(f"{{{{ $labels.{name} }}}}", value)
    return text


def _past(
    archive: Archive,
    rule: Rule,
    mine: Sequence[Firing],
    everything: Sequence[Firing],
    config: Mapping[str, Any],
    period: Period,
) -> Past:
    louder = [[other for other in everything if _silences(other, each, config)] for each in mine]
    heard = sum(not _covered(each, others) for each, others in zip(mine, louder, strict=True))
    names = sorted({other.alert for others in louder for other in others})
    tree = parse(rule["expr"])
    missing = () if mine else sorted(_missing(tree, lambda text: archive.has(text, period)))
    return Past(rule["alert"], sorted(mine, key=lambda each: each.start), missing, heard, names)


def _silences(other: Firing, firing: Firing, config: Mapping[str, Any]) -> bool:
    together = other.start < firing.end and firing.start < other.end
    return together and inhibited(config, firing.everything, [other.everything])


def _covered(firing: Firing, others: Sequence[Firing]) -> bool:
    """Whether there is no moment of the firing without one of the others."""
    at = firing.start
    for other in sorted(others, key=lambda each: each.start):
        if other.start <= at:
            at = max(at, other.end)
    return at >= firing.end


def _missing(tree: Node, has: Any) -> set[str]:
    """The series that an expression needs for a result, and that are not there."""
    if isinstance(tree, Selector):
        text = f"{tree.metric}{{{','.join(map(str, tree.matchers))}}}"
        return set() if tree.metric == "ALERTS" or has(text) else {text}
    if isinstance(tree, Call) and tree.function in ABSENT:
        return set()
    if isinstance(tree, Binary) and tree.op == "unless":
        return _missing(tree.lhs, has)
    if isinstance(tree, Binary) and tree.op == "or":
        left, right = _missing(tree.lhs, has), _missing(tree.rhs, has)
        return left | right if left and right else set()
    return {text for child in children(tree) for text in _missing(child, has)}
