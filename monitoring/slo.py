"""Rules from promises: `python -m monitoring.slo` writes rules/slo.rules.yml from slo.yml.

An objective reads recorded counters, summed per process: such a sum starts anew when its process does, as a
counter must. The windows of the fast burn, five minutes and an hour, read these sums. All others add up the
recorded counts of five minutes of bad and of all requests, so that a ratio is never averaged and a process is
not read again for each window; from a day on only those of every fifth minute: they look back five minutes,
so nothing is counted twice or left out, and thirty days are 8,640 samples instead of 172,800.

A share of a handful says nothing, so each alert also asks for a number of failures. A subquery of five
minutes counts each failure once, whatever the pace of the evaluation.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from monitoring.promises import promises
from monitoring.queries import annotation

HERE = Path(__file__).parent
SOURCE, TARGET = HERE / "slo.yml", HERE / "rules" / "slo.rules.yml"
DIRECT = ("1h",)
SPARSE = ("1d", "3d", "30d")
UNLESS_UNSOUND = 'unless on (service, env)\nALERTS{alertname="BackendCountersUnsound"}'
ANSWERS = "instance:journey_answers:sum"
RESULTS = f"""(
  label_replace(sum by (service, env, instance, journey) ({ANSWERS}), "result", "any", "", "")
  or
  label_replace(
    sum by (service, env, instance, journey) ({ANSWERS}{{status=~"5..|5xx"}} or 0 * {ANSWERS}),
    "result", "error", "", ""
  )
) >= 0"""
HEAD = """\
# Generated from slo.yml by `python -m monitoring.slo`: change it there. The alerts have symptoms of their own
# on purpose: a fast burn is critical and would otherwise silence the seed's HighErrorRate and HighP95Latency.
groups:
"""


def generate(text: str, patch: Any = None) -> str:
    """The text of the rule file for the promises in slo.yml, with what a site lays over them."""
    document = promises(text, patch)
    objectives = document["objectives"]
    sparse = [
        rule for objective in objectives if _needs_sparse(objective, document) for rule in _sparse(objective)
    ]
    rules = _journeys(document["journeys"])
    for objective in objectives:
        rules += [*_recordings(objective, document), *_alerts(objective, document)]
    return HEAD + _group("slo-sparse", sparse, interval="5m") + "\n" + _group("slo", rules)


def _group(name: str, rules: list[str], interval: str = "") -> str:
    pace = f"    interval: {interval}\n" if interval else ""
    return f"  - name: {name}\n{pace}    rules:\n" + "\n".join(rules)


def _journeys(journeys: dict[str, str]) -> list[str]:
    """What each process counts of each journey: read once, then by its result. See http.rules.yml."""
    arms = []
    for journey, path in journeys.items():
        quoted = path.replace("\\", "\\\\").replace('"', '\\"')
        requests = f'http_requests_total{{job="mita-backend",path=~"{quoted}"}}'
        counted = f"sum by (service, env, instance, status) ({requests})"
        arms.append(f'label_replace({counted}, "journey", "{journey}", "", "")')
    return [_record(ANSWERS, "\nor\n".join(arms)), _record("instance:journey_requests:sum", RESULTS)]


def _windows(objective: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """The windows that the objective's alerts read beside five minutes, shortest first as they occur."""
    burns = [document["burns"][name] for name in objective["alerts"]]
    windows = [burn["short"] for burn in burns] + [burn["long"] for burn in burns]
    windows += [document["period"]] if "exhausted" in objective else []
    return [window for window in dict.fromkeys(windows) if window != "5m"]


def _needs_sparse(objective: dict[str, Any], document: dict[str, Any]) -> bool:
    return any(window in SPARSE for window in _windows(objective, document))


def _name(objective: dict[str, Any]) -> str:
    return f"slo:{objective['name']}"


def allowed(name: str) -> str:
    """The series with the share that an objective allows: dashboards read it, and so follow a site's own."""
    return f"slo:{name}:allowed:ratio"


def _by(objective: dict[str, Any]) -> str:
    return ", ".join(["service", "env", *objective.get("by", [])])


def _sparse(objective: dict[str, Any]) -> list[str]:
    names = [f"{_name(objective)}:{part}:increase5m" for part in ("total", "errors")]
    return [_record(f"{name}_sparse", name) for name in names]


def _total(objective: dict[str, Any], window: str) -> str:
    return f"sum by ({_by(objective)}) (increase({objective['total']}[{window}]))"


def _errors(objective: dict[str, Any], window: str) -> str:
    """Where only good ones are counted, the others are bad. A process without that count proves nothing."""
    if "bad" in objective:
        return f"sum by ({_by(objective)}) (increase({objective['bad']}[{window}]))"
    both = (
        f"increase({objective['total']}[{window}])\n- ignoring (le)\nincrease({objective['good']}[{window}])"
    )
    return f"sum by ({_by(objective)}) (\n{_indent(both, 2)}\n)"


def _recordings(objective: dict[str, Any], document: dict[str, Any]) -> list[str]:
    name = _name(objective)
    windows = ["5m", *_windows(objective, document)]
    counted = [window for window in windows if window in ("5m", *DIRECT)]
    rules = [_record(allowed(objective["name"]), f"vector({_budget(objective)})")]
    for window in counted:
        rules.append(_record(f"{name}:total:increase{window}", _total(objective, window)))
        rules.append(_record(f"{name}:errors:increase{window}", _errors(objective, window)))
    for window in windows:
        if window in counted:
            ratio = f"{name}:errors:increase{window} / ({name}:total:increase{window} > 0)"
        else:
            kind = "increase5m_sparse" if window in SPARSE else "increase5m"
            sums = [f"sum_over_time({name}:{part}:{kind}[{window}])" for part in ("errors", "total")]
            ratio = f"{sums[0]} / ({sums[1]} > 0)"
        rules.append(_record(f"{name}:error_ratio:rate{window}", ratio))
    return [*rules, *_asked(objective)] if "trigger" in objective else rules


def _asked(objective: dict[str, Any]) -> list[str]:
    """What the rollback daemon asks about a trigger: how the worst one does now, and whether it is enough."""
    name, by = _name(objective), _by(objective)
    shares = [f"sum by ({by}) (rate({objective[part]}[1m]))" for part in ("bad", "total")]
    worst = f"max by (service, env) (\n  {shares[0]}\n  / ({shares[1]} > 0)\n)"
    counts = f"({name}:total:increase5m >= bool 20) * ({name}:errors:increase5m >= bool 5)"
    return [
        _record(f"{name}:worst_error_ratio:rate1m", worst),
        _record(f"{name}:evidence:increase5m", f"max by (service, env) ({counts})\n{UNLESS_UNSOUND}"),
    ]


def _subject(objective: dict[str, Any]) -> str:
    """The label that names what spends the budget."""
    return next(iter(objective.get("by", [])), "service")


def _burns(objective: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    return [document["burns"][name] for name in objective["alerts"]]


def _failures(objective: dict[str, Any], window: str, least: int) -> str:
    """The condition that so many requests failed in the window. An increase is an estimate, hence rounded."""
    name = f"{_name(objective)}:errors:increase"
    if window in DIRECT:
        return f"round({name}{window}) >= {least}"
    kind = "5m_sparse" if window in SPARSE else "5m"
    return f"round(sum_over_time({name}{kind}[{window}:5m])) >= {least}"


def _alerts(objective: dict[str, Any], document: dict[str, Any]) -> list[str]:
    rules = [_burn_alert(objective, name, document["burns"][name]) for name in objective["alerts"]]
    return [*rules, _exhausted_alert(objective, document)] if "exhausted" in objective else rules


def _budget(objective: dict[str, Any]) -> str:
    return f"{1 - objective['objective']:.6g}"


def _requests(objective: dict[str, Any], window: str) -> str:
    """What share of which requests the value is, in words."""
    whose = " for the journey {{ $labels.journey }}" if "journey" in objective.get("by", []) else ""
    return (
        f"{{{{ $value | humanizePercentage }}}} of the requests to {{{{ $labels.service }}}} in "
        f"{{{{ $labels.env }}}}{whose} in the last {window} were {objective['failure']}"
    )


def _burn_alert(objective: dict[str, Any], level: str, burn: dict[str, Any]) -> str:
    ratio = f"{_name(objective)}:error_ratio:rate"
    limit = f"{burn['burn']} * {_budget(objective)}"
    trigger = objective.get("trigger") if level == objective["alerts"][0] else None
    said, states = f"{burn['burn']} times that", ""
    if trigger:  # the daemon compares with the same number
        limit = f"{burn['burn'] * (1 - objective['objective']):.6g}"
        said, states = "{{ $threshold | humanizePercentage }}", f"{{{{ $threshold := {limit} }}}}"
    conditions = [
        f"{ratio}{burn['long']} > {limit}",
        f"{ratio}{burn['short']} > {limit}",
        _failures(objective, burn["long"], burn["failures"]),
    ]
    return _alert(
        name=f"Slo{objective['name'].title()}{level}",
        expr="\nand\n".join(conditions),
        wait=burn["for"],
        severity=burn["severity"],
        symptom=f"slo_{objective['name']}",
        subject=_subject(objective),
        summary=f"{{{{ $labels.service }}}} spends its {objective['name']} budget too fast",
        description=(
            f"{states}{_requests(objective, burn['long'])}; "
            f"{100 - 100 * objective['objective']:.6g}% may be. The limit here is {said}, "
            f"also over the last {burn['short']}."
        ),
        trigger=trigger,
        asks=_asks(_name(objective), limit) if trigger else {},
    )


def _asks(name: str, limit: str) -> dict[str, str]:
    """The annotations of a trigger, which the daemon asks Prometheus."""
    own = '{service="{{ $labels.service }}",env="{{ $labels.env }}"}'
    worst = f"{name}:worst_error_ratio:rate1m{own}"
    return {
        "verify": f"{worst} <= bool {limit}",
        "measures": worst,
        "evidence": f"{name}:evidence:increase5m{own}",
    }


def _exhausted_alert(objective: dict[str, Any], document: dict[str, Any]) -> str:
    period, exhausted = document["period"], document["exhausted"]
    ratio = f"{_name(objective)}:error_ratio:rate{period} > {_budget(objective)}"
    return _alert(
        name=objective["exhausted"],
        expr=f"{ratio}\nand\n{_failures(objective, period, exhausted['failures'])}",
        wait=exhausted["for"],
        severity=exhausted["severity"],
        symptom="slo_budget",
        subject=_subject(objective),
        summary="{{ $labels.service }} has spent its error budget",
        description=(
            f"{{{{ $threshold := {_budget(objective)} }}}}{_requests(objective, period)}; "
            "{{ $threshold | humanizePercentage }} may be. Only repairs should be deployed until it recovers."
        ),
    )


def _indent(text: str, width: int) -> str:
    return "\n".join(" " * width + line for line in text.split("\n"))


def _expression(expr: str) -> str:
    return f"        expr: |\n{_indent(expr, 10)}\n" if "\n" in expr else f"        expr: {expr}\n"


def _record(name: str, expr: str) -> str:
    return f"      - record: {name}\n{_expression(expr)}"


def _alert(
    *,
    name: str,
    expr: str,
    wait: str,
    severity: str,
    symptom: str,
    subject: str,
    summary: str,
    description: str,
    trigger: str | None = None,
    asks: Mapping[str, str] = MappingProxyType({}),
) -> str:
    rolls_back = f"          rollback: propose\n          rollback_trigger: {trigger}\n" if trigger else ""
    asked = "".join(f"          {key}: {text}\n" for key, text in asks.items())
    return f"""\
      - alert: {name}
{_expression(expr)}        for: {wait}
        labels:
          severity: {severity}
          component: slo
          symptom: {symptom}
          subject: '{{{{ $labels.{subject} }}}}'
          owner: backend
{rolls_back}        annotations:
          summary: '{summary}'
          description: >-
            {description}
          runbook_url: https://docs.mita.finance/runbooks/{name}
          dashboard_url: https://grafana.mita.finance/d/mita-slo?var-service={{{{ $labels.service }}}}
{annotation(expr)}{asked}"""


if __name__ == "__main__":
    TARGET.write_text(generate(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
