"""What a night says about the rules and the daemon, held against its truth. Pure."""

from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from benchmarks.nights.evaluation import Evaluated, rules
from benchmarks.nights.night import STEP, WARM
from benchmarks.nights.playing import Played
from devtools.paths import REPO
from monitoring.routing import inhibited
from monitoring.yaml_text import read_yaml

PAGING = ("critical", "error")
TOO_LONG = frozenset({"SloErrorBudgetExhausted"})
"""Alerts that ask about 30 days, of which a night has two hours: they say nothing here."""


@dataclass(frozen=True)
class Verdict:
    """One night, judged; moments are seconds since it began."""

    seed: int
    number: int
    kind: str
    traffic: str
    share: float
    measurable: bool
    guilty: bool
    healthy: bool
    deployed: bool
    rolled_back: int | None
    first_bad: int | None
    trigger: str
    pages: tuple[str, ...]
    chance: tuple[str, ...]
    """Pages of UserRegistrationDown where users register too seldom for the seed's ten minutes."""
    said: dict[str, int]

    @property
    def wronged(self) -> bool:
        """An innocent release was rolled back."""
        return self.rolled_back is not None and (
            not self.guilty or self.first_bad is None or self.rolled_back < self.first_bad
        )

    @property
    def missed(self) -> bool:
        return self.guilty and self.rolled_back is None

    @property
    def owed(self) -> bool:
        """The goal speaks of this release: a quarter of all requests fails, and enough of them."""
        return self.kind == "errors" and self.share >= 0.25 and self.measurable

    @property
    def seconds(self) -> int | None:
        """From the first bad response to the decision that stood."""
        if self.rolled_back is None or self.first_bad is None or self.wronged:
            return None
        return self.rolled_back - self.first_bad

    @property
    def wrong(self) -> bool:
        """Worth keeping as a case."""
        return self.wronged or (self.owed and self.missed) or (self.healthy and bool(self.pages))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(evaluated: Evaluated, played: Played) -> Verdict:
    """The verdict about a night."""
    night = evaluated.night
    told = pages(evaluated) if night.healthy else ()
    chance = tuple(page for page in told if night.sparse and page.startswith("UserRegistrationDown "))
    return Verdict(
        seed=night.seed,
        number=night.number,
        kind=night.kind,
        traffic=night.traffic,
        share=round(night.share, 4),
        measurable=night.measurable(),
        guilty=night.guilty,
        healthy=night.healthy,
        deployed=night.deployed is not None,
        rolled_back=played.rolled_back,
        first_bad=evaluated.first_bad,
        trigger=played.trigger,
        pages=tuple(page for page in told if page not in chance),
        chance=chance,
        said=dict(Counter(played.said)),
    )


def pages(evaluated: Evaluated) -> tuple[str, ...]:
    """The alerts that wake a person in a night: each episode once, with the moment at which it is told."""
    found, before = [], set[frozenset[tuple[str, str]]]()
    for moment in range(WARM, max(evaluated.alerts, default=0) + STEP, STEP):
        firing = [each.labels for each in evaluated.alerts.get(moment, []) if each.firing]
        told = {
            frozenset(labels.items())
            for labels in firing
            if labels["alertname"] not in TOO_LONG
            and rules()[labels["alertname"]].severity in PAGING
            and not inhibited(_routing(), labels, firing)
        }
        found += [
            f"{dict(labels)['alertname']} at {moment} s" for labels in sorted(told - before, key=sorted)
        ]
        before = told
    return tuple(found)


@cache
def _routing() -> dict[str, Any]:
    document: dict[str, Any] = read_yaml(
        (REPO / "monitoring" / "alertmanager.yml").read_text(encoding="utf-8")
    )
    return document
