"""Whether the other side took a message: what Alertmanager counts about its own requests. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

SENT = "alertmanager_notification_requests_total"
FAILED = "alertmanager_notification_requests_failed_total"
GIVEN_UP = "alertmanager_notifications_failed_total"


@dataclass(frozen=True)
class Counts:
    """The requests of each integration, from one reading or between two."""

    sent: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    given_up: Mapping[str, int] = field(default_factory=dict)

    def since(self, before: "Counts") -> "Counts":
        """What was added."""
        pairs = ((self.sent, before.sent), (self.failed, before.failed), (self.given_up, before.given_up))
        return Counts(*({kind: n - old.get(kind, 0) for kind, n in new.items()} for new, old in pairs))

    def taken(self, kind: str) -> int:
        """The requests that the other side answered well."""
        return self.sent.get(kind, 0) - self.failed.get(kind, 0)


def read(exposition: str, receivers: Collection[str]) -> Counts:
    """Read what Alertmanager exposes; where it counts by receiver, only these receivers count."""
    found: dict[str, Counter[str]] = {name: Counter() for name in (SENT, FAILED, GIVEN_UP)}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name in found and sample.labels.get("receiver_name") in (None, *receivers):
                found[sample.name][sample.labels["integration"]] += int(sample.value)
    return Counts(found[SENT], found[FAILED], found[GIVEN_UP])


def settled(expected: Mapping[str, int], seen: Counts) -> bool:
    """Whether nothing more has to be waited for: each message was taken, or Alertmanager gave it up."""
    return all(seen.taken(kind) + seen.given_up.get(kind, 0) >= count for kind, count in expected.items())


def sentences(expected: Mapping[str, int], seen: Counts) -> dict[str, str]:
    """What became of each integration's messages; an empty sentence where all were taken."""
    return {kind: _sentence(count, seen, kind) for kind, count in sorted(expected.items())}


def _sentence(count: int, seen: Counts, kind: str) -> str:
    taken = min(seen.taken(kind), count)
    if taken == count:
        return ""
    failed, given_up = seen.failed.get(kind, 0), seen.given_up.get(kind, 0)
    if not failed:
        return (
            f"{count - taken} of {count} not sent yet: an older group waits, or the other of a cluster sends"
        )
    after = "and Alertmanager has given up" if given_up else "and Alertmanager tries again"
    return (
        f"{count - taken} of {count} not taken: {failed} request(s) were refused or not answered, {after}; "
        "its log says in which words"
    )
