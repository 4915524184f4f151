"""Drills through a real Alertmanager: posted, watched until the other side took them, ended, and told."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from devtools.errors import UserError
from devtools.wait import DeadlineError, until
from harness.clients import Alertmanager, ClientError
from harness.notify.drill import SUMMARY, drilled, integrations
from harness.notify.taken import Counts, read, sentences, settled
from harness.notify.why import Config, Reach, reached
from monitoring.durations import parse_duration
from monitoring.routing import Labels, routes_of
from monitoring.yaml_text import read_yaml

MARGIN_S = 30.0
"""Longer than one of a cluster waits for the other, and a service answers."""
HOW_TO_REACH = (
    "look at --alertmanager (http:// or https://, the port, the path behind a proxy), at --ca, and at --user "
    "with --password-file; what listens on its host alone is reached by ssh -L 9093:127.0.0.1:9093 HOST"
)
WAITS = "30s"
"""How long a group waits where no route says it: Alertmanager's own default."""


@dataclass(frozen=True)
class Told:
    """What became of the drills: who is on the way, and for each integration a sentence, empty if taken."""

    reaches: Sequence[Reach]
    expected: Mapping[str, int]
    lacking: Mapping[str, str]
    held_back: str

    @property
    def well(self) -> bool:
        """Whether somebody was to be told, and all of it was taken."""
        return bool(self.expected) and not self.held_back and not any(self.lacking.values())

    def lines(self) -> Iterator[str]:
        """Say it to a person."""
        for one in self.reaches:
            state = f"muted now by {one.muted_by}, not told" if one.muted_by else "on the way"
            yield f"  {one.receiver} ({', '.join(one.places) or 'nobody'}): {state}"
        if self.held_back:
            yield f"  {self.held_back}"
        for kind, count in sorted(self.expected.items()):
            yield f"  {kind}: {self.lacking[kind] or f'{count} of {count} taken by the other side'}"
        if not self.expected:
            yield "  nobody was to be told"


def in_force(client: Alertmanager) -> dict[str, Any]:
    """The configuration that Alertmanager runs with, whose secrets it does not show."""
    try:
        read_back = read_yaml(client.configuration())
    except ClientError as error:
        raise ClientError(f"{error}; {HOW_TO_REACH}") from error
    if not isinstance(read_back, dict) or not {"route", "receivers"} <= read_back.keys():
        raise ClientError(f"expected a configuration from {client.base}, found no route and receivers in it")
    return read_back


def play(client: Alertmanager, config: Config, drills: Sequence[Labels], margin_s: float = MARGIN_S) -> Told:
    """Post the drills, wait until their messages were taken or given up, end them and say what was seen."""
    now = datetime.now(UTC)
    reaches = [one for labels in drills for one in reached(config, labels, now)]
    if not any(one.places for one in reaches):
        names = ", ".join(sorted({one.receiver for one in reaches}))
        raise UserError(f"expected alerts that somebody is told of, found only {names}, which tells nobody")
    expected = integrations(config, reaches)
    receivers = {one.receiver for one in reaches}
    before = read(client.exposition(), receivers)

    def seen() -> Counts:
        return read(client.exposition(), receivers).since(before)

    with _posted(client, drills):
        held_back = _held_back(client, drills)
        if expected and not held_back:
            _wait(lambda: settled(expected, seen()), patience(config, drills) + margin_s)
        counts = seen()
    return Told(reaches, expected, sentences(expected, counts), held_back)


def patience(config: Config, drills: Sequence[Labels]) -> float:
    """How many seconds the slowest group of them waits before it speaks."""
    waits = [route.get("group_wait", WAITS) for labels in drills for route in routes_of(config, labels)]
    return max(parse_duration(str(wait)) for wait in waits) / 1000


@contextmanager
def _posted(client: Alertmanager, drills: Sequence[Labels]) -> Iterator[None]:
    """The drills fire for the length of the block, whatever happens in it."""
    now = datetime.now(UTC)
    client.post([drilled(labels, SUMMARY, now) for labels in drills])
    try:
        yield
    finally:
        try:
            client.post([drilled(labels, SUMMARY, datetime.now(UTC), ended=True) for labels in drills])
        except ClientError as error:
            raise UserError(
                f"the drill could not be ended; it ends by itself in ten minutes: {error}"
            ) from error


def _held_back(client: Alertmanager, drills: Sequence[Labels]) -> str:
    """Which silences and alerts keep the drills back, once Alertmanager lists them."""
    marks: list[Mapping[str, Any]] = []

    def listed() -> bool:
        found = [client.alerts(**labels) for labels in drills]
        marks[:] = [one["status"] for same in found for one in same]
        return all(found) and all(one["state"] != "unprocessed" for one in marks)

    _wait(listed, 5)
    silences = {by for one in marks for by in one["silencedBy"]}
    alerts = {by for one in marks for by in one["inhibitedBy"]}
    kept = [f"the silence {by}" for by in sorted(silences)] + [f"the alert {by}" for by in sorted(alerts)]
    return f"held back by {', '.join(kept)}" if kept else ""


def _wait(condition: Any, seconds: float) -> None:
    try:
        until("the drill", condition, deadline_s=seconds)
    except DeadlineError:
        return  # what is not there by now is what is told
