"""The unit tests of the alerts that a site changed, with the site's numbers.

A test's stimulus stays as it is where it reaches the new number. What is expected moves with the change:
labels and severity are the site's; a longer `for` fires later, a shorter one earlier; `keep_firing_for`
resolves later; a stricter threshold may be crossed later. Texts that state the old threshold are left out:
that they follow the rule is checked by lint. Where a stimulus lies between the old number and the new one,
one of its series is multiplied until the alert fires with the new one (`stimulus.py`). Where none does, the
check no longer applies, and that is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from monitoring.durations import format_duration, parse_duration
from monitoring.overrides import Overrides, override
from monitoring.promql_parse import parse
from monitoring.thresholds import comparison, threshold
from ruletools.house.stimulus import multiplied
from ruletools.ruleset import Rule, RuleFile, together
from ruletools.suites import Group, Suite
from ruletools.trials import Trial, run_trials

Check = Mapping[str, Any]
MOMENTS = 32  # how many later moments are tried where a stricter threshold is crossed later
WAVE = 32  # so many answers are tried at once; later ones only where none of them comes true
MULTIPLIED = ", multiplied"  # of a moment that was seen with another stimulus


class Verdict(StrEnum):
    HOLDS = "holds"
    OUTSIDE = "does not apply"
    FAILS = "fails"


@dataclass(frozen=True)
class Change:
    """What an override does to one alert, and which way it goes."""

    before: Rule
    after: Rule
    texts: frozenset[str]  # annotations that state the threshold
    stricter: bool  # what fired may be silent now
    looser: bool  # what was silent may fire now


@dataclass(frozen=True)
class Outcome:
    """What became of one check: `expects` says when and what, with the site's numbers."""

    alert: str
    group: str
    expects: str
    verdict: Verdict


@dataclass(frozen=True)
class _Answer:
    """A verdict, if what *asks* says comes true; what a test asks is native to promtool."""

    verdict: Verdict
    at: int
    asks: Mapping[str, Any]
    how: str = ""


@dataclass(frozen=True)
class _Case:
    """One check, moved to where the change puts it; its first answer that comes true is its verdict."""

    group: Group
    rules: Sequence[Rule]
    check: Check
    answers: Sequence[_Answer]

    def trial(self, number: int, key: object) -> Trial:
        """What promtool is asked for the answer with this number."""
        data = {**self.group.data, "alert_rule_test": [], "promql_expr_test": [], **self.answers[number].asks}
        return Trial(key, self.rules, replace(self.group, data=data))

    def outcome(self, true: int | None) -> Outcome:
        """The verdict, with the moment at which it was seen."""
        fails = _Answer(Verdict.FAILS, self.answers[0].at, {})
        answer = fails if true is None else self.answers[true]
        state = "fires" if self.check["exp_alerts"] else "silent"
        expects = f"{state} at {format_duration(answer.at)}{answer.how}"
        return Outcome(self.check["alertname"], self.group.name, expects, answer.verdict)


def run(files: Sequence[RuleFile], suites: Sequence[Suite], overrides: Overrides) -> list[Outcome]:
    """Every check of the overridden alerts; an alert that is switched off has none."""
    cases = [case for file in files for case in _cases(files, file, suites, overrides)]
    true: dict[int, int] = {}
    most = max((len(case.answers) for case in cases), default=0)
    for numbers in (range(1), *(range(start, start + WAVE) for start in range(1, most, WAVE))):
        asked = [
            (i, n) for i, case in enumerate(cases) if i not in true for n in numbers if n < len(case.answers)
        ]
        for (i, n), came_true in run_trials([cases[i].trial(n, (i, n)) for i, n in asked]):
            if came_true:
                true.setdefault(i, n)
    return [case.outcome(true.get(index)) for index, case in enumerate(cases)]


def _cases(
    files: Sequence[RuleFile], file: RuleFile, suites: Sequence[Suite], overrides: Overrides
) -> Iterator[_Case]:
    changes = {
        rule["alert"]: change
        for rule in file.rules
        if rule.get("alert") in overrides and (change := _change(rule, overrides[rule["alert"]]))
    }
    for suite in suites:
        for group in suite.groups if file.name in suite.rule_files else ():
            for alert in sorted({check["alertname"] for check in group.checks} & changes.keys()):
                loaded = together(files, suite.rule_files)
                rules = [_tested(rule, changes) for rule in loaded.for_group(group)]
                for before, check, after in _in_time(group, alert):
                    moved = _moved(group, before, check, changes[alert])
                    yield _Case(group, rules, moved, list(_answers(group, moved, after, changes[alert])))


def _change(rule: Rule, given: Mapping[str, Any]) -> Change | None:
    after = override(dict(rule), given)
    if after is None:
        return None
    stricter, looser = _direction(rule, after)
    texts = {name for name, text in rule.get("annotations", {}).items() if text != after["annotations"][name]}
    return Change(
        before=rule,
        after=after,
        texts=frozenset(texts),
        stricter=stricter or _wait(after, "for") > _wait(rule, "for"),
        looser=looser or _wait(after, "for") < _wait(rule, "for"),
    )


def _direction(before: Rule, after: Rule) -> tuple[bool, bool]:
    """Whether the new threshold may silence what fired, and whether it may let fire what was silent."""
    decides = comparison(parse(before["expr"]))
    old, new = (threshold(parse(rule["expr"])) for rule in (before, after))
    if decides is None or old is None or new is None or old == new:
        return False, False
    harder = (new > old) == (decides.op[0] == ">")
    return harder, not harder


def _wait(rule: Rule, field: str, step: int = 1) -> int:
    """Milliseconds until the first evaluation after the wait; *step* lies between two of them."""
    return -(-parse_duration(rule.get(field, 0)) // step) * step


def _tested(rule: Rule, changes: Mapping[str, Change]) -> Rule:
    """The rule as it is in force, without the texts that state a threshold."""
    change = changes.get(rule.get("alert", ""))
    if change is None:
        return rule
    return dict(change.after) | {"annotations": _without(change.after.get("annotations", {}), change.texts)}


def _without(texts: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if name not in names}


def _in_time(group: Group, alert: str) -> Iterator[tuple[Check | None, Check, Check | None]]:
    """The checks of an alert in the order of time, each between its neighbours."""
    mine = [check for check in group.checks if check["alertname"] == alert]
    mine.sort(key=_at)
    yield from zip([None, *mine[:-1]], mine, [*mine[1:], None], strict=True)


def _at(check: Check) -> int:
    return parse_duration(check["eval_time"])


def _moved(group: Group, before: Check | None, check: Check, change: Change) -> Check:
    """The check with the site's labels, when the site's waits let it be met."""
    resolves = not check["exp_alerts"] and before is not None and before["exp_alerts"]
    field = "keep_firing_for" if resolves else "for"
    old, new = (_wait(rule, field, group.interval_ms) for rule in (change.before, change.after))
    alerts = [_expected(alert, change) for alert in check["exp_alerts"]]
    return _at_time(check, max(0, _at(check) + new - old)) | {"exp_alerts": alerts}


def _expected(alert: Mapping[str, Any], change: Change) -> dict[str, Any]:
    before, after = change.before.get("labels", {}), change.after.get("labels", {})
    labels = alert["exp_labels"] | {k: v for k, v in after.items() if before.get(k) != v}
    return {"exp_labels": labels, "exp_annotations": _without(alert.get("exp_annotations", {}), change.texts)}


def _at_time(check: Check, at: int) -> dict[str, Any]:
    return {**check, "eval_time": format_duration(at)}


def _answers(group: Group, check: Check, after: Check | None, change: Change) -> Iterator[_Answer]:
    """What may be seen, from the exact expectation to what a check beside the new number shows."""
    at = _at(check)
    yield _Answer(Verdict.HOLDS, at, {"alert_rule_test": [check]})
    if not check["exp_alerts"]:
        if change.looser:
            yield _Answer(Verdict.OUTSIDE, at, {"promql_expr_test": [_somebody_fires(check)]})
        return
    if change.stricter:
        end = _at(after) if after else at + 1
        step = max(group.interval_ms, (end - at) // MOMENTS // group.interval_ms * group.interval_ms)
        for later in range(at + step, end, step):
            yield _Answer(Verdict.HOLDS, later, {"alert_rule_test": [_at_time(check, later)]})
    if change.looser:
        yield _Answer(Verdict.HOLDS, at, {"promql_expr_test": list(_still_firing(check))})
    if change.stricter:
        for series in multiplied(group.data["input_series"]):
            asks = {"promql_expr_test": list(_still_firing(check)), "input_series": series}
            yield _Answer(Verdict.HOLDS, at, asks, MULTIPLIED)
        yield _Answer(Verdict.OUTSIDE, at, {"alert_rule_test": [{**check, "exp_alerts": []}]})
    if change.stricter and change.looser:
        yield _Answer(Verdict.OUTSIDE, at, {})


def _still_firing(check: Check) -> Iterator[dict[str, Any]]:
    for alert in check["exp_alerts"]:
        labels = {"alertname": check["alertname"], "alertstate": "firing", **alert["exp_labels"]}
        matchers = ",".join(f'{name}="{value}"' for name, value in labels.items())
        yield _sees(check, f"count(ALERTS{{{matchers}}})")


def _somebody_fires(check: Check) -> dict[str, Any]:
    return _sees(check, f'count(ALERTS{{alertname="{check["alertname"]}",alertstate="firing"}}) > bool 0')


def _sees(check: Check, expression: str) -> dict[str, Any]:
    sample = {"labels": "{}", "value": 1}
    return {"expr": expression, "eval_time": check["eval_time"], "exp_samples": [sample]}
