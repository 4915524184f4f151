"""Rules from promises: `python -m monitoring.slo` writes rules/slo.rules.yml from slo.yml.

The counters are read once, summed per process: such a sum starts anew when its process does, as a counter
must. Windows up to two hours read these sums. Longer ones add up the recorded five-minute rates of bad and
of all requests, so that a ratio is never averaged; from a day on only those of every fifth minute: they
look back five minutes, so nothing is counted twice or left out, and thirty days are 8,640 samples instead
of 172,800.
"""

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SOURCE, TARGET = HERE / "slo.yml", HERE / "rules" / "slo.rules.yml"
DIRECT = ("30m", "1h", "2h")
SPARSE = ("1d", "3d", "30d")
HEAD = """\
# Generated from slo.yml by `python -m monitoring.slo`: change it there. The alerts have symptoms of their own
# on purpose: a fast burn is critical and would otherwise silence the seed's HighErrorRate and HighP95Latency.
groups:
"""


def generate(text: str) -> str:
    """The text of the rule file for the promises in slo.yml."""
    document = yaml.safe_load(text)
    objectives = document["objectives"]
    sparse = [rule for objective in objectives for rule in _sparse(objective)]
    rules = [
        rule
        for objective in objectives
        for rule in [
            *_sums(objective),
            *_recordings(objective, _windows(objective, document)),
            *_alerts(objective, document),
        ]
    ]
    return HEAD + _group("slo-sparse", sparse, interval="5m") + "\n" + _group("slo", rules)


def _group(name: str, rules: list[str], interval: str = "") -> str:
    pace = f"    interval: {interval}\n" if interval else ""
    return f"  - name: {name}\n{pace}    rules:\n" + "\n".join(rules)


def _windows(objective: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """The windows that the objective's alerts read beside five minutes, shortest first as they occur."""
    burns = [document["burns"][name] for name in objective["alerts"]]
    windows = [burn["short"] for burn in burns] + [burn["long"] for burn in burns]
    windows += [document["period"]] if "exhausted" in objective else []
    return [window for window in dict.fromkeys(windows) if window != "5m"]


def _sum(objective: dict[str, Any], part: str) -> str:
    return f"instance:slo_{objective['name']}_{part}:sum"


def _sums(objective: dict[str, Any]) -> list[str]:
    """What each process has counted; where no series counts errors yet, it has had none."""
    sums = {
        part: f"sum by (service, env, instance) ({objective[part]})"
        for part in ("total", "bad", "good")
        if part in objective
    }
    if "bad" in sums:
        sums["bad"] += f"\nor\n0 * {_sum(objective, 'total')}"
    return [_record(_sum(objective, part), expr) for part, expr in sums.items()]


def _sparse(objective: dict[str, Any]) -> list[str]:
    names = [f"slo:{objective['name']}:{part}:rate5m" for part in ("total", "errors")]
    return [_record(f"{name}_sparse", name) for name in names]


def _rate(objective: dict[str, Any], part: str, window: str) -> str:
    return f"sum by (service, env) (rate({_sum(objective, part)}[{window}]))"


def _errors(objective: dict[str, Any], window: str) -> str:
    if "good" in objective:
        return f"{_rate(objective, 'total', window)}\n- {_rate(objective, 'good', window)}"
    return _rate(objective, "bad", window)


def _recordings(objective: dict[str, Any], windows: list[str]) -> list[str]:
    name = f"slo:{objective['name']}"
    rules = [
        _record(f"{name}:total:rate5m", _rate(objective, "total", "5m")),
        _record(f"{name}:errors:rate5m", _errors(objective, "5m")),
        _record(f"{name}:error_ratio:rate5m", f"{name}:errors:rate5m / ({name}:total:rate5m > 0)"),
    ]
    for window in windows:
        if window in DIRECT:
            errors = _errors(objective, window)
            if "\n" in errors:
                errors = f"(\n{_indent(errors, 2)}\n)"
            ratio = f"{errors}\n/ ({_rate(objective, 'total', window)} > 0)"
        else:
            kind = "rate5m_sparse" if window in SPARSE else "rate5m"
            sums = [f"sum_over_time({name}:{part}:{kind}[{window}])" for part in ("errors", "total")]
            ratio = f"{sums[0]} / ({sums[1]} > 0)"
        rules.append(_record(f"{name}:error_ratio:rate{window}", ratio))
    return rules


def _alerts(objective: dict[str, Any], document: dict[str, Any]) -> list[str]:
    rules = [_burn_alert(objective, name, document["burns"][name]) for name in objective["alerts"]]
    return [*rules, _exhausted_alert(objective, document["period"])] if "exhausted" in objective else rules


def _budget(objective: dict[str, Any]) -> str:
    return f"{1 - objective['objective']:.6g}"


def _burn_alert(objective: dict[str, Any], level: str, burn: dict[str, Any]) -> str:
    ratio = f"slo:{objective['name']}:error_ratio:rate"
    limit = f"{burn['burn']} * {_budget(objective)}"
    return _alert(
        name=f"Slo{objective['name'].title()}{level}",
        expr=f"{ratio}{burn['long']} > {limit}\nand\n{ratio}{burn['short']} > {limit}",
        wait=burn["for"],
        severity=burn["severity"],
        symptom=f"slo_{objective['name']}",
        summary=f"{{{{ $labels.service }}}} spends its {objective['name']} budget too fast",
        description=(
            f"{{{{ $value | humanizePercentage }}}} of the requests to {{{{ $labels.service }}}} in "
            f"{{{{ $labels.env }}}} in the last {burn['long']} were {objective['failure']}; "
            f"{100 - 100 * objective['objective']:.6g}% may be. The limit here is {burn['burn']} times that, "
            f"also over the last {burn['short']}."
        ),
    )


def _exhausted_alert(objective: dict[str, Any], period: str) -> str:
    return _alert(
        name=objective["exhausted"],
        expr=f"slo:{objective['name']}:error_ratio:rate{period} > {_budget(objective)}",
        wait="1h",
        severity="error",
        symptom="slo_budget",
        summary="{{ $labels.service }} has spent its error budget",
        description=(
            f"{{{{ $threshold := {_budget(objective)} }}}}{{{{ $value | humanizePercentage }}}} of the "
            f"requests to {{{{ $labels.service }}}} in {{{{ $labels.env }}}} in the last {period} were "
            f"{objective['failure']}; {{{{ $threshold | humanizePercentage }}}} may be. Only repairs should "
            "be deployed until it recovers."
        ),
    )


def _indent(text: str, width: int) -> str:
    return "\n".join(" " * width + line for line in text.split("\n"))


def _expression(expr: str) -> str:
    return f"        expr: |\n{_indent(expr, 10)}\n" if "\n" in expr else f"        expr: {expr}\n"


def _record(name: str, expr: str) -> str:
    return f"      - record: {name}\n{_expression(expr)}"


def _alert(
    *, name: str, expr: str, wait: str, severity: str, symptom: str, summary: str, description: str
) -> str:
    return f"""\
      - alert: {name}
{_expression(expr)}        for: {wait}
        labels:
          severity: {severity}
          component: slo
          symptom: {symptom}
          owner: backend
        annotations:
          summary: '{summary}'
          description: >-
            {description}
          runbook_url: https://docs.mita.finance/runbooks/{name}
          dashboard_url: https://grafana.mita.finance/d/mita-main?var-service={{{{ $labels.service }}}}
"""


if __name__ == "__main__":
    TARGET.write_text(generate(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
