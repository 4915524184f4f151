"""From what a round left behind to what is wrong with it. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.chaos.schedule import Kind, Schedule

Json = dict[str, Any]
MAY_NEED_A_PERSON = (Kind.EXECUTOR_KILLED, Kind.SSH_REFUSED, Kind.HOST_FROZEN, Kind.HOST_WITHOUT_POWER)
"""With these a host may be left half-way, which a person must be told."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """The records, the hosts and the receipts after a round.

    versions: what each host answers with; `none` where it is silent.
    history: what each host wrote down since the round began.
    starts: how often the application was started on each host since the release was live there.
    fired: names of the alerts for the daemon that Prometheus had firing.
    vetoes: names of the alerts about dependencies that it had pending or firing.
    told: the daemon's messages; pages: what PagerDuty was told.
    """

    good: str
    deployed: str
    versions: Mapping[str, str]
    live: str
    rollbacks: Sequence[Json]
    decisions: Sequence[Json]
    ledger: Sequence[Json]
    history: Mapping[str, Sequence[Json]]
    starts: Mapping[str, int]
    fired: frozenset[str]
    vetoes: frozenset[str]
    proposals: Sequence[Json]
    told: Sequence[str]
    pages: Sequence[str]
    pending: int = 0


@dataclass(frozen=True)
class Verdict:
    """What came of a round in a few words, and each violation as a sentence."""

    outcome: str
    violations: tuple[str, ...] = ()


def judge(schedule: Schedule, left: Left) -> Verdict:
    """The verdict on a round."""
    found = [*lost(schedule, left), *doubled(schedule, left), *wrong(schedule, left)]
    return Verdict(_outcome(schedule, left), tuple(found))


def lost(schedule: Schedule, left: Left) -> Iterator[str]:
    """A bad release that stayed without a word, an alert without a decision, an end that nobody heard of."""
    bad = sorted(name for name, version in left.versions.items() if version != left.good)
    if schedule.bad and bad and not _person_has_it(schedule, left):
        yield f"lost: {', '.join(bad)} still without {left.good}, and nobody was told why"
    known = {d["alert"]["alertname"] for d in left.decisions}
    known |= {e.get("alertname") for e in left.ledger if e["kind"] == "alert_seen"}
    for name in sorted(left.fired - known):
        yield f"lost: {name} fired, and the daemon knows nothing of it"
    if left.pending:
        yield f"lost: {left.pending} alert(s) still wait for a decision"
    for one in left.rollbacks:
        if (one.get("verification") or {}).get("verdict") == "blind":
            yield f"lost: rollback {one['id']} was never measured, and Prometheus answers again"
        change = f"{one['from_version']} to {one['to_version']}"
        if one["kind"] == "rollback" and _moved(one) and not any(change in words for words in left.told):
            yield f"lost: nobody was told of rollback {one['id']}, {change}"


def doubled(schedule: Schedule, left: Left) -> Iterator[str]:
    """A second rollback of one deployment, a second execution on a host."""
    moving = [r for r in left.rollbacks if r["kind"] == "rollback" and _moved(r)]
    for deployment, count in Counter(r["deployment_id"] for r in moving).items():
        if count > 1:
            yield f"doubled: deployment {deployment} was rolled back {count} times"
    brought = Counter(
        (r["to_version"], result["host"])
        for r in left.rollbacks
        for result in r["results"]
        if result["state"] == "done"
    )
    for (version, host), count in brought.items():
        if count > 1:
            yield f"doubled: {host} was brought to {version} {count} times, says the daemon"
    for host, entries in left.history.items():
        count = sum(e["event"] == "live" and e["by"] == "rollback" for e in entries)
        if count > 1:
            yield f"doubled: {host} was rolled back {count} times, says its own history"
    for host, count in left.starts.items():
        explained = _explained_starts(schedule, left, host)
        if count > explained:
            yield f"doubled: the application was started {count} times on {host}, {explained} explained"


def wrong(schedule: Schedule, left: Left) -> Iterator[str]:
    """A host that does not run what the daemon's record says; a healthy release that was not left alone."""
    for host, version in sorted(left.versions.items()):
        if version not in (left.live, "none") and not _person_has_it(schedule, left):
            yield f"wrong: {host} runs {version}, the daemon's record says {left.live}"
        if version == "none":
            yield f"wrong: {host} answers nothing after everything was undone"
        if not schedule.bad and version not in (left.deployed, "none"):
            yield f"wrong: the release was healthy, and {host} runs {version}"
    for one in left.rollbacks:
        if not schedule.bad and one["phase"] != "called_off":
            yield f"wrong: the release was healthy, and rollback {one['id']} is {one['phase']}"


def _moved(rollback: Json) -> bool:
    return any(result["state"] == "done" for result in rollback["results"])


def _person_has_it(schedule: Schedule, left: Left) -> bool:
    """Whether a person was told why the release stays, where what was done, or measured, allows that."""
    failed = any(r["phase"] in ("failed", "unverified") for r in left.rollbacks)
    if failed and schedule.has(*MAY_NEED_A_PERSON):
        return any("FAILED" in words or "A person must look" in words for words in left.told)
    # A machine that is short of breath loses a scrape of the database's host now and then.
    return bool(left.vetoes and left.proposals) and any("proposed, not done" in words for words in left.told)


def _explained_starts(schedule: Schedule, left: Left, host: str) -> int:
    """One for the rollback, one for each boot, one for each attempt that was begun anew in the middle."""
    boots = sum(d.kind is Kind.HOST_WITHOUT_POWER and d.host == host for d in schedule.disturbances)
    runs = sum(max(1, int(r["attempt"])) for r in left.rollbacks if r["phase"] != "called_off")
    return boots + runs


def _outcome(schedule: Schedule, left: Left) -> str:
    ran = [f"{r['kind']} {r['id']} {r['phase']}{_measured(r)}" for r in reversed(left.rollbacks)]
    if set(left.versions.values()) == {left.good if schedule.bad else left.deployed}:
        state = "restored" if schedule.bad else "left alone"
    else:
        state = ", ".join(f"{host} {version}" for host, version in left.versions.items())
    asked = [f"proposed, {p['state']}: {p['decision']['sentence']}" for p in left.proposals]
    return "; ".join([state, *ran, *asked])


def _measured(rollback: Json) -> str:
    verification = rollback.get("verification")
    return f" ({verification['verdict']})" if verification else ""
