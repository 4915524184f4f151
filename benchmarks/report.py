"""What was measured, for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from statistics import mean, median

MIB = 1024 * 1024


@dataclass(frozen=True)
class Setting:
    """What the rules were measured in; `load` is the mean load over 15 minutes, its own included."""

    instances: int
    services: int
    series: int
    samples: int
    days: float
    limit: float
    load: float


@dataclass(frozen=True)
class Outcome:
    """What one rule set cost: seconds of each group in each round; CPU seconds of a round; alerts raised."""

    name: str
    rules: Mapping[str, int]
    rounds: Sequence[Mapping[str, float]]
    cpu_s: float
    memory_bytes: float
    failures: float
    alerts: Mapping[str, int]

    @cached_property
    def totals(self) -> list[float]:
        """Seconds that all groups took together, for each round."""
        return [sum(each.values()) for each in self.rounds]

    @property
    def median_s(self) -> float:
        return median(self.totals)

    @property
    def worst_s(self) -> float:
        return max(self.totals)

    def rows(self) -> list[dict[str, object]]:
        """One row per group, the dearest first."""
        seconds = {group: [each[group] for each in self.rounds] for group in self.rules}
        whole = sum(median(each) for each in seconds.values())
        rows = [
            {
                "group": group,
                "rules": self.rules[group],
                "median_ms": round(1000 * median(values), 2),
                "worst_ms": round(1000 * max(values), 2),
                "share_percent": round(100 * median(values) / whole, 1),
            }
            for group, values in seconds.items()
        ]
        return sorted(rows, key=lambda row: -float(str(row["median_ms"])))


def together(parts: Sequence[Outcome]) -> Outcome:
    """One outcome of a rule set that was measured several times."""
    return replace(
        parts[-1],
        rounds=tuple(each for part in parts for each in part.rounds),
        cpu_s=mean(part.cpu_s for part in parts),
        memory_bytes=max(part.memory_bytes for part in parts),
        failures=sum(part.failures for part in parts),
    )


def as_text(setting: Setting, outcomes: Sequence[Outcome]) -> str:
    """A table of the groups, then the totals, and what the first costs in those of the second."""
    ours, before = outcomes[:2]
    lines = [
        f"{setting.instances} instances of {setting.services} services, {setting.series} series, "
        f"{setting.samples / 1e6:.1f} million samples, {setting.days:g} days of recorded series, "
        f"{len(ours.rounds)} rounds",
        f"{'group':16}{'rules':>6}{'median ms':>11}{'worst ms':>10}{'share':>8}",
    ]
    for row in ours.rows():
        lines.append(
            f"{row['group']:16}{row['rules']:>6}{row['median_ms']:>11.1f}{row['worst_ms']:>10.1f}"
            f"{row['share_percent']:>7.1f}%"
        )
    lines.append("")
    for each in outcomes:
        lines.append(
            f"{each.name:34}{sum(each.rules.values()):>4} rules{1000 * each.median_s:>9.1f} ms median"
            f"{1000 * each.worst_s:>9.1f} ms worst{1000 * each.cpu_s:>9.1f} ms CPU with the samples"
            f"{each.median_s / ours.median_s:>7.2f} times the first"
        )
    lines.append(f"failed evaluations: {sum(each.failures for each in outcomes):g}")
    lines.append(f"memory of Prometheus: {ours.memory_bytes / MIB:.0f} MiB; load: {setting.load:.1f}")
    lines.append("alerts: " + ", ".join(f"{name} {count}" for name, count in sorted(ours.alerts.items())))
    ratio = ours.median_s / before.median_s
    verdict = "kept" if ratio <= setting.limit else "NOT KEPT"
    lines.append(
        f"limit of {setting.limit:g} times {before.name}: {verdict}, a round took {ratio:.2f} times as long"
    )
    return "\n".join(lines)


def as_json(setting: Setting, outcomes: Sequence[Outcome]) -> str:
    """Setting, and of each rule set its groups and totals."""
    sets = [
        {
            "name": each.name,
            "median_s": each.median_s,
            "worst_s": each.worst_s,
            "cpu_s": each.cpu_s,
            "memory_bytes": each.memory_bytes,
            "failures": each.failures,
            "alerts": dict(each.alerts),
            "groups": each.rows(),
        }
        for each in outcomes
    ]
    return json.dumps({"setting": asdict(setting), "sets": sets}, indent=2)
