"""What the daemon does now, in one line, for who asks systemd."""

from collections.abc import Callable, Iterator
from datetime import datetime

from rollback.domain import wording
from rollback.domain.errors import StoreUnavailable
from rollback.domain.ports import Clock, Monitoring, Store
from rollback.domain.progress import GATE
from rollback.domain.rollback import ACTIVE, Kind, Phase, Rollback
from rollback.service.context import PolicySource

LIMIT = 300
KEPT = "the settings on disk cannot be used, the former ones are"


class Narrator:
    """Composes the line; it costs a few reads, and nothing outside is asked."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        monitoring: Monitoring,
        policy: PolicySource,
        trouble: Callable[[], list[str]],
        settings_kept: Callable[[], bool],
    ) -> None:
        self._store, self._clock, self._monitoring = store, clock, monitoring
        self._policy, self._trouble, self._settings_kept = policy, trouble, settings_kept
        self._away_since: dict[str, datetime] = {}

    def line(self) -> str:
        """How it is, what is under way, and who does not answer."""
        try:
            parts = [self._services(), *map(self._doing, self._store.in_phase(*ACTIVE))]
        except StoreUnavailable as error:
            return wording.cut(f"not ready: {error}", LIMIT)
        away = dict(self._away())
        trouble = self._trouble()
        head = "ready"
        if trouble:
            head = f"not ready: {', '.join(trouble)}"
        elif "prometheus" in away:
            head = "blind"
        kept = [KEPT] if self._settings_kept() else []
        return wording.cut("; ".join([head, *parts, *away.values(), *kept]), LIMIT)

    def _services(self) -> str:
        count = len(self._store.services(self._policy().environment))
        return f"{count} service{'' if count == 1 else 's'}"

    def _doing(self, rollback: Rollback) -> str:
        verb = "repairing" if rollback.kind is Kind.REPAIR else "rolling back"
        what = f"{verb} {rollback.service} {rollback.from_version} -> {rollback.to_version}"
        if rollback.phase is Phase.VERIFYING:
            return f"{what}, measuring"
        steps = [step for step in self._store.steps(rollback.id) if step.step != GATE]
        return f"{what}, step {steps[-1].step} {steps[-1].host}" if steps else f"{what}, not yet begun"

    def _away(self) -> Iterator[tuple[str, str]]:
        """Who did not answer when it was last asked, with since when."""
        for source in self._monitoring.sources():
            if source.reachable is not False:
                self._away_since.pop(source.name, None)
                continue
            since = self._away_since.setdefault(source.name, self._clock.now())
            yield source.name, f"{source.name.capitalize()} does not answer since {since:%H:%M} UTC"
