"""The application's contract of series: `python -m monitoring.contract` writes rules/contract.rules.yml.

An instance that exports requests is up and exports something: a promised series that it lacks, and that its
service had in the last day, was lost. A service that never had a series has no alert that could miss it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitoring.errors import CatalogError
from monitoring.promises import read_once
from monitoring.queries import with_queries

HERE = Path(__file__).parent
SOURCE, TARGET = HERE / "contract.yml", HERE / "rules" / "contract.rules.yml"
REQUESTS = "http_requests_total"
REQUESTED = "instance:contract_requests:present"
KINDS = ("counter", "gauge", "process")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
HEAD = """\
# Generated from contract.yml by `python -m monitoring.contract`: change it there. A release that stops
# exporting a series breaks no rule: every alert that reads it is silent from then on.
groups:
  - name: contract
    rules:
      - record: instance:contract_requests:present
        expr: count by (service, env, instance) (instance:http_requests:sum{result="any"})

      # The one place that reads the series: what a rule costs is the number of series it reads.
      - record: instance:contract_series:missing
        expr: |
"""
PRESENT = """
      # Of the rules before alone, which are of one moment: a service has what not all its instances lack.
      - record: mita:contract_requests:present
        expr: count by (service, env) (instance:contract_requests:present)

      - record: mita:contract_series:present
        expr: |
          (
"""
ALERT = """\
          )
          unless on (service, env, series)
          (
            count by (service, env, series) (instance:contract_series:missing)
            == on (service, env) group_left mita:contract_requests:present
          )

      - alert: ContractSeriesMissing
        expr: |
          count by (service, env, series) (
            instance:contract_series:missing
            and on (service, env, series)
            last_over_time(mita:contract_series:sparse[1d])
          ) > 0
        for: 10m
        labels:
          severity: error
          component: backend
          symptom: contract_broken
          subject: '{{ $labels.series }}'
          owner: backend
        annotations:
          summary: '{{ $labels.service }} no longer exports {{ $labels.series }}'
          description: >-
            {{ $threshold := 0.0 }}{{ $value | printf "%.0f" }} instances of {{ $labels.service }} in
            {{ $labels.env }} answer requests but do not export {{ $labels.series }}, which was there within
            the last day; more than {{ $threshold | printf "%g" }} means that alerts which read it cannot
            fire.
          runbook_url: https://docs.mita.finance/runbooks/ContractSeriesMissing
          dashboard_url: https://grafana.mita.finance/d/mita-traffic?var-service={{ $labels.service }}
"""
SPARSE = """
  # Every five minutes is enough to know what there was in the last day.
  - name: contract-sparse
    interval: 5m
    rules:
      - record: mita:contract_series:sparse
        expr: mita:contract_series:present
"""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One promised series."""

    name: str
    kind: str
    labels: list[str]
    buckets: tuple[float, ...] | list[float] = ()
    optional: bool = False


def series(text: str | None = None) -> list[Series]:
    """What the contract promises; that of the repository without a text."""
    found = read_once(text or SOURCE.read_text(encoding="utf-8"), SOURCE.name)
    if not isinstance(found, list):
        raise CatalogError(f"{SOURCE.name}: expected a list of series, found {type(found).__name__}")
    promised = [_series(each) for each in found]
    names = [each.name for each in promised]
    if twice := [name for number, name in enumerate(names) if name in names[:number]]:
        raise CatalogError(f"{SOURCE.name}: expected each series once, found {twice[0]} twice")
    return promised


def _series(found: Any) -> Series:
    try:
        one = Series(**found)
        right = one.kind in KINDS and bool(_METRIC.fullmatch(one.name)) and isinstance(one.labels, list)
    except TypeError:
        right = False
    if not right:
        raise CatalogError(
            f"{SOURCE.name}: expected name, kind ({', '.join(KINDS)}) and a list of labels, found {found!r}"
        )
    return one


def generate(text: str) -> str:
    """The text of the rule file for the contract."""
    names = [each.name for each in series(text) if each.name != REQUESTS]
    missing = _arms(
        names, lambda name: f'{REQUESTED} unless on (service, env, instance) {name}{{job="mita-backend"}}'
    )
    promised = _arms(names, lambda _: "mita:contract_requests:present", indent=12)
    return with_queries(HEAD + missing + PRESENT + promised + ALERT) + SPARSE


def _arms(names: list[str], expression: Callable[[str], str], indent: int = 10) -> str:
    """One sample for each series that the expression finds, told apart by a label."""
    space = " " * indent
    arms = [f'{space}label_replace({expression(name)}, "series", "{name}", "", "")\n' for name in names]
    return f"{space}or\n".join(arms)


if __name__ == "__main__":
    TARGET.write_text(generate(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
