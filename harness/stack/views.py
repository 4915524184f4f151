"""What a test asks each part, as waits for a condition with a computed deadline."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from devtools.wait import until
from harness.incident.patience import ANSIBLE_S, CALM_S, MARGIN_S, SERVICE, SETTLE_S, Patience
from harness.incident.receipts import (
    ALERTMANAGER,
    FIRES,
    Finding,
    Receipt,
    compare,
    count,
    destination,
    incidents,
    says,
    sender,
    strangers,
    threads,
)
from harness.incident.story import seconds_of
from harness.lab import addresses
from harness.stack.rollout import patiently
from monitoring.destinations import Destination
from monitoring.yaml_text import read_yaml

Json = dict[str, Any]
PatienceOf = Callable[[str], Patience]


ALERTMANAGER_TIDIES_S = 30.0
"""How often Alertmanager drops groups without alerts; no setting changes it."""


class Alerts:
    """Prometheus' alerts."""

    def __init__(self, patience: PatienceOf, quiet: Callable[[], Mapping[str, float]]) -> None:
        self._patience, self._quiet = patience, quiet
        self._prometheus = addresses.prometheus()

    def firing(self, alertname: str) -> bool:
        """Tell whether the alert fires now."""
        return any(a["state"] == "firing" for a in self._prometheus.alerts(alertname=alertname))

    def until_firing(self, alertname: str) -> None:
        """Wait until the alert fires, as long as its rule may take and a busy machine may be late."""
        limit = self._patience(alertname).firing[2] + MARGIN_S
        until(f"{alertname} to fire", lambda: self.firing(alertname), deadline_s=limit)

    def until_resolved(self, alertname: str) -> None:
        """Wait until the alert is neither firing nor pending."""
        limit = self._patience(alertname).resolved
        until(
            f"{alertname} to end", lambda: not self._prometheus.alerts(alertname=alertname), deadline_s=limit
        )

    def until_forgotten(self, alertname: str) -> None:
        """Wait until the alert has been over for so long that Alertmanager has dropped its group.

        A group that is left from an earlier incident tells a new one only at its next interval: one that is
        cured sooner is told to nobody. All that is critical about the service may be in this group.
        """
        seconds = self._patience(alertname).over + ALERTMANAGER_TIDIES_S
        together = f'alertstate="firing",severity="critical",service="{SERVICE}"'
        fired = f"present_over_time(ALERTS{{{together}}}[{seconds:.0f}s])"
        until(
            f"{alertname} and what is told with it to be forgotten",
            lambda: not self._prometheus.query(fired),
            deadline_s=seconds + max(self._quiet().values()) + CALM_S,
        )

    def until_quiet(self) -> None:
        """Wait until no alert that may roll back is firing or pending."""
        ends = self._quiet()

        def quiet() -> bool:
            active = {alert["labels"]["alertname"] for alert in self._prometheus.alerts()}
            return not active & set(ends)

        patiently("no rollback alert to be active", quiet, max(ends.values()) + CALM_S)


class Decisions:
    """The daemon's decisions about this test's alerts."""

    def __init__(self, patience: PatienceOf, begin: Callable[[], float]) -> None:
        self._patience, self._begin = patience, begin
        self._daemon = addresses.daemon()

    def of(self, alertname: str) -> list[Json]:
        """Return the decisions about an alert that were made since the test began."""
        return [
            decision
            for decision in self._daemon.decisions(SERVICE)
            if decision["alert"]["alertname"] == alertname and seconds_of(decision["at"]) >= self._begin()
        ]

    def until(self, alertname: str, *reasons: str) -> Json:
        """Wait for a decision with one of these reasons and return it."""
        found = lambda: [d for d in self.of(alertname) if d["reason"] in reasons]  # noqa: E731
        limit = self._patience(alertname).firing[2] + CALM_S + ANSIBLE_S
        what = f"a decision about {alertname} with reason {' or '.join(reasons)}"
        return until(what, found, deadline_s=limit)[0]


class Rollbacks:
    """The daemon's rollbacks since the test began."""

    def __init__(self, patience: Callable[[], Patience], begin: Callable[[], float]) -> None:
        self._patience, self._begin = patience, begin
        self._daemon = addresses.daemon()

    def all(self) -> list[Json]:
        """Return them, with their steps."""
        begin = self._begin()
        ours = [r for r in self._daemon.rollbacks(SERVICE) if seconds_of(r["requested_at"]) >= begin]
        return [self._daemon.rollback(r["id"]) for r in ours]

    def count(self) -> int:
        """Return how many there were."""
        return len(self.all())

    def only(self) -> Json:
        """Return the only one."""
        found = self.all()
        assert len(found) == 1, f"expected exactly one rollback, found {[r['phase'] for r in found]}"
        return found[0]

    def until_phase(self, *phases: str) -> Json:
        """Wait until a rollback is in one of these phases and return it."""
        return self._until(f"a rollback to be {' or '.join(phases)}", lambda r: r["phase"] in phases)

    def until_step(self) -> Json:
        """Wait until the playbook of a rollback is at work on a host, and not yet done."""
        return self._until("a rollback at work", lambda r: r["phase"] == "running" and bool(r["steps"]))

    def until_count(self, count: int, *phases: str) -> None:
        """Wait until so many rollbacks are in one of these phases."""

        def there() -> bool:
            return len([r for r in self.all() if r["phase"] in phases]) == count

        until(f"{count} rollbacks to be {' or '.join(phases)}", there, deadline_s=self._patience().whole)

    def until_id(self, rollback_id: int, *phases: str) -> Json:
        """Wait until this rollback is in one of these phases and return it."""
        return self._until(
            f"rollback {rollback_id} to be {' or '.join(phases)}",
            lambda r: r["id"] == rollback_id and r["phase"] in phases,
        )

    def until_kind(self, kind: str, *phases: str) -> Json:
        """Wait until one of this kind is in one of these phases and return it."""
        return self._until(
            f"a {kind} to be {' or '.join(phases)}", lambda r: r["kind"] == kind and r["phase"] in phases
        )

    def _until(self, what: str, wanted: Callable[[Json], bool]) -> Json:
        limit = self._patience().whole
        return until(what, lambda: [r for r in self.all() if wanted(r)], deadline_s=limit)[0]


class Receipts:
    """What the recording receivers got since the test began."""

    def __init__(self, patience: PatienceOf) -> None:
        self._patience = patience
        self._receivers = addresses.receivers()
        self._after = 0

    def mark(self) -> None:
        """Count from here on."""
        self._after = self._receivers.reset()

    def records(self) -> list[Json]:
        """Return everything since the mark."""
        return self._receivers.requests(after=self._after)

    def until_notified(self, service: str, place: str, *, alertname: str) -> None:
        """Wait until Alertmanager told this place that the alert fires."""

        def told() -> bool:
            found = [record for record in self.records() if sender(record) == ALERTMANAGER]
            return count(found, Destination(service, place), alertname)[0] > 0

        limit = self._patience(alertname).notified
        until(f"{service} {place} to hear that {alertname} fires", told, deadline_s=limit)

    def exactly(self, alertname: str) -> None:
        """Wait until each receiver was told once that it fires; nobody else may be, nor again soon after."""
        config = dict(read_yaml(addresses.alertmanager().configuration()))

        def rows() -> list[Receipt]:
            fired = [alert["labels"] for alert in addresses.alertmanager().alerts(alertname=alertname)]
            records = self.records()
            found = compare(config, records, fired, main=alertname, resolves=False)
            mine = [row for row in found if row.subject == alertname or row.finding is Finding.REFUSED]
            heard = [one for one in records if sender(one) == ALERTMANAGER]
            return [*mine, *strangers(config, heard, fired, alertname)]

        def told() -> bool:
            found = rows()
            return bool(found) and all(row.finding is not Finding.MISSING for row in found)

        limit = self._patience(alertname).notified
        until(f"every receiver of {alertname} to hear that it fires", told, deadline_s=limit)
        time.sleep(SETTLE_S)  # what is told too much comes after what is told
        wrong = [row for row in rows() if row.finding in (Finding.EXTRA, Finding.REFUSED)]
        assert not wrong, f"expected only the receivers of {alertname} to be told once, found {wrong}"

    def never_told(self, *alertnames: str) -> None:
        """AssertionError if Alertmanager told anybody that one of these alerts fires."""
        told = {name: records for name in alertnames if (records := self.told_firing(name))}
        assert not told, f"expected nobody to be told of {', '.join(alertnames)}, found {told}"

    def from_daemon(self, words: str) -> list[Json]:
        """Return the daemon's own messages with these words in them."""
        return [r for r in self.records() if sender(r) != ALERTMANAGER and words in json.dumps(r["body"])]

    def paged(self) -> list[str]:
        """Return the summary of each incident that PagerDuty opened."""
        return incidents(self.records())

    def threads(self) -> set[str]:
        """Return the threads in which the daemon told of what it did."""
        return threads(self.records())

    def posted(self, channel: str) -> list[Json]:
        """Return what Alertmanager posted to a channel of Slack."""
        place = Destination("slack", channel)
        return [r for r in self.records() if sender(r) == ALERTMANAGER and destination(r) == place]

    def told_firing(self, alertname: str) -> list[Json]:
        """Return what Alertmanager told anybody about an alert that fires.

        Not that one is over: of an earlier test's alert this is told up to a group interval later, be it in a
        message about another one that fires.
        """
        told = [record for record in self.records() if sender(record) == ALERTMANAGER]
        return [record for record in told if says(record, alertname) == FIRES]
