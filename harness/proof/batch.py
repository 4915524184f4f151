"""One batch of faults on the lab: injected together, each undone when its alerts were told, then rest."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from devtools.errors import UserError
from devtools.wait import DeadlineError, until
from harness import clients
from harness.faults import on_host
from harness.faults.fault import ALL_DAY, Fault
from harness.incident.patience import ANSIBLE_S, MARGIN_S, SETTLE_S, firing_s, policy_in_force
from harness.incident.receipts import ALERTMANAGER, FIRES, OVER, at, destination, named, says, sender
from harness.lab import addresses
from harness.proof import decided, exhibits, runbook, watching
from harness.proof.decided import AUTO
from harness.proof.marks import OWN
from harness.proof.runbook import APPLICATION
from harness.proof.rungs import audience
from harness.proof.witness import Witness
from harness.proof.witnessed import Life, Played, Witnessed, told_of
from harness.stack import released
from monitoring.catalog import Alert
from monitoring.routing import Labels

AT_ONCE = 2
"""End together, and one begins after the other: who starts programs may not cost the others their scrapes."""
MOST_FAULTS = 12
"""That are there at once: on two cores twice as many cost hosts their scrapes, and alerts fired late."""
STUCK_S = 60.0
"""For which it is tried to undo a fault before the others go on without it."""
INJECT_S = 15.0
"""For which a fault may have to wait, for each that begins with it."""
LOOK_S = 0.5
MOST_REST_S = 15 * 3600.0
"""Of production: an alert that looks back for a month holds up what comes next no longer than this."""
Say = Callable[[str], None]
One = TypeVar("One")


class Batch:
    """Faults that are played together."""

    def __init__(
        self,
        faults: Sequence[Fault],
        rules: Mapping[str, Alert],
        scale: float,
        say: Say,
        witness: Witness,
    ) -> None:
        self._rules, self._scale, self._say = rules, scale, say
        self._witness = witness
        self._began = time.time()
        self._played: dict[str, Played] = {}
        self._config = watching.configuration()
        self._wait_s = watching.longest(self._config["route"], "group_wait")
        self._interval_s = watching.longest(self._config["route"], "group_interval")
        self._telling_s = 2 * self._interval_s + MARGIN_S
        """For which an alert that is over may be told to be; who did not hear it by then never will."""
        self._before: dict[str, runbook.Answers] = {}
        """What the commands of a fault's pages said right before it, by its name."""
        self._left: dict[str, str] = {}
        """Why a fault could not be undone."""
        self._stuck: dict[str, float] = {}
        """Since when it has been tried in vain."""
        self._active: list[clients.Json] = []
        self._last = 0
        """What Prometheus has now, and the number of the last message."""
        self._told: dict[str, list[tuple[str, clients.Json]]] = {}
        """What Alertmanager has told of each alert: that it fires or is over, and the message."""
        self._seen: dict[str, tuple[float, Labels]] = {}
        """When an alert was first seen to fire, and its labels."""
        self._sent: dict[str, float] = {}
        """When Alertmanager was first seen to know it."""
        policy = policy_in_force()
        self._rolled_back_s = policy["cooldown"] + policy["verification_timeout"] + ANSIBLE_S + MARGIN_S
        self._bounds = {name: self._bound(fault, name) for fault in faults for name in fault.proves}
        # The longest begins first, but for what proves something at some hours only.
        self._faults = sorted(faults, key=lambda one: (one.hours == ALL_DAY, -self._lead(one, faults)))

    def play(self) -> Witnessed:
        """Inject, wait, undo, wait again; whatever happens, every fault is undone."""
        released.build(self._faults)
        seen: Witnessed | None = None
        try:
            with on_host.needed(self._faults):
                seen = self._played_through()
        except UserError as error:
            if seen is None:
                raise
            self._tell(str(error))  # what was seen counts; before the next batch what is left is undone again
        finally:
            self._witness.played += self._played.values()
        return seen

    def _played_through(self) -> Witnessed:
        since, before = self._witness.since, self._witness.before()
        self._last = self._witness.last_message()
        with released.pressed(self._faults):
            self._began = time.time()
            try:
                self._each_until_told()
            finally:
                self._undo_all()
            self._until_rest()
        ended, records = time.time(), addresses.receivers().requests(after=self._witness.told)
        lives = watching.lives(addresses.prometheus(), since, ended)
        seen = Witnessed(
            since=since,
            began=self._began,
            ended=ended,
            config=self._config,
            lives=lives,
            records=records,
            before=before,
            played=list(self._played.values()),
            bounds=self._bounds,
            lingers={
                name: firing_s(self._rules[name], self._scale)
                for one in (*self._faults, *(played.fault for played in self._witness.played))
                for name in (*one.proves, *one.may)
            },
            sent=self._sent,
            decisions=addresses.daemon().decisions(),
            rollbacks=addresses.daemon().rollbacks(),
            rolled_back_s=self._rolled_back_s,
            exhibits=exhibits.gathered(self._scenes(lives, ended), addresses.prometheus(), records),
        )
        self._witness.has_seen(seen)
        return seen

    def _scenes(self, lives: Sequence[Life], now: float) -> dict[str, exhibits.Scene]:
        """Where and when each alert is to be looked at."""
        found = {}
        for played in self._played.values():
            for alert in played.fault.proves:
                ends = [
                    one.ended or now
                    for one in lives
                    if one.name == alert and played.fault.is_about(one.labels)
                ]
                until = max([played.undone or now, *ends]) + self._telling_s
                hosts = played.fault.hosts or APPLICATION
                found[alert] = exhibits.Scene(hosts=tuple(hosts), span=(played.began, min(now, until)))
        return found

    def _bound(self, fault: Fault, alert: str) -> float:
        """The most seconds from the fault to its alert; what a rollback leads to comes after the rollback."""
        rule = self._rules[alert]
        own = firing_s(rule, self._scale) + fault.after_s
        return own + self._rolled_back_s if fault.deploys and rule.labels.get("component") == OWN else own

    def _inject(self, fault: Fault) -> None:
        self._before[fault.name] = runbook.ask(_pages(fault))
        began, problem = time.time(), ""
        # Known before it is there: whoever interrupts a deployment leaves a release behind.
        self._played[fault.name] = Played(fault=fault, began=began, injected=began)
        try:
            released.inject(fault)
        except UserError as error:
            problem = str(error)
        played = Played(fault=fault, began=began, injected=time.time(), problem=problem)
        self._played[fault.name] = played
        where = f"{fault.deploys} deployed" if fault.deploys else f"on {', '.join(fault.hosts)}"
        self._tell(f"{fault.name} {where}{f': {problem}' if problem else ''}")

    def _each_until_told(self) -> None:
        """Undo each fault as soon as its alerts have reached somebody, or are too late for that."""

        def all_undone() -> bool:
            self._look()
            ready = [one for one in self._faults if one.name not in self._played and self._may_begin(one)]
            if ready and self._places():
                self._inject(ready[0])
            over = [
                name
                for name, played in list(self._played.items())
                if played.undone is None
                and (played.problem or name in self._left or self._is_over(played))  # half undone is not gone
            ]
            at_once(self._try_to_undo, over)
            self._give_up()
            return len(self._played) == len(self._faults) and all(
                played.undone is not None or self._is_stuck(name) for name, played in self._played.items()
            )

        limit = sum(self._lasts(one) + ANSIBLE_S + self._telling_s for one in self._faults if one.follows)
        limit += max((self._lasts(one) for one in self._faults), default=0.0) + MARGIN_S
        # Places that are never empty while somebody waits: what all last together is shared by them.
        limit += sum(self._lasts(one) for one in self._faults) / MOST_FAULTS
        # One that is late is given up by itself; this is for what cannot be undone.
        limit += len(self._faults) * INJECT_S
        until("the faults of the batch to be played", all_undone, deadline_s=limit, interval_s=LOOK_S)

    def _places(self) -> int:
        """How many faults more may be there; what cannot be undone takes no place for ever."""
        there = [name for name, one in self._played.items() if one.undone is None and name not in self._left]
        return MOST_FAULTS - len(there)

    def _may_begin(self, fault: Fault) -> bool:
        """Whether what it follows is undone and told to be over: else one message would be about both."""
        if not fault.follows:
            return True
        before = self._played.get(fault.follows)
        if before is None or before.undone is None or self._is_lost(fault):
            return False
        if time.time() > before.undone + self._telling_s:
            return True
        ended = [
            name for name in before.fault.proves if self._rules[name].labels.get("component") != OWN
        ]  # what the daemon did is told for longer, and apart
        return not self._going_on() & set(ended) and all(self._heard(name, OVER) for name in ended)

    def _lasts(self, fault: Fault) -> float:
        """The most seconds for which it is there; see _until."""
        return min(self._limit(fault), fault.lasts_s) if fault.hosts else self._limit(fault)

    def _longest(self, fault: Fault) -> float:
        return max(self._bounds[alert] for alert in fault.proves)

    def _lead(self, fault: Fault, among: Sequence[Fault]) -> float:
        """How long it takes, and what follows it."""
        after = (self._lead(one, among) for one in among if one.follows == fault.name)
        return self._longest(fault) + max(after, default=0.0)

    def _limit(self, fault: Fault) -> float:
        own = self._longest(fault) + self._interval_s + MARGIN_S
        return own + self._rolled_back_s if self._triggers(fault) else own

    def _triggers(self, fault: Fault) -> list[str]:
        """The alerts because of which the daemon must go back from the release of a fault."""
        names = [name for name in fault.proves if self._rules[name].labels.get("rollback") == AUTO]
        return names if fault.deploys else []

    def _until(self, played: Played) -> float:
        """When nobody waits any longer: the alerts are late, or hosts have undone the fault by themselves."""
        late = played.injected + self._limit(played.fault)
        return min(late, played.began + played.fault.lasts_s) if played.fault.hosts else late

    def _is_over(self, played: Played) -> bool:
        silent = [name for name in played.fault.proves if not self._heard(name, FIRES)]
        for name in played.fault.proves:
            if name not in silent and name not in self._played[played.fault.name].asked:
                self._read_the_page(played.fault, name)
        if not silent:
            if self._may_be_rolled_back(played):
                return False
            self._check(played)
            return True
        if late := time.time() > self._until(played):
            self._tell(f"{played.fault.name}: of {', '.join(silent)} not everybody was told in time")
            self._check(played)
        return late

    def _may_be_rolled_back(self, played: Played) -> bool:
        """Whether the daemon has yet to go back from a release: who takes it away before sees no rollback."""
        names = self._triggers(played.fault)
        fired = max((self._seen[name][0] for name in names if name in self._seen), default=0.0)
        if not names or time.time() > fired + self._rolled_back_s:
            return False
        return not decided.begun(names, addresses.daemon().decisions(), played.began)

    def _check(self, played: Played) -> None:
        """A fault that ended by itself proves less than it says."""
        problem = "the fault was not there any more when its alerts were told, or too late for that"
        try:
            holds = on_host.holds(played.fault)
        except UserError as error:
            holds, problem = False, str(error)
        if not holds:
            self._played[played.fault.name] = replace(self._played[played.fault.name], problem=problem)

    def _read_the_page(self, fault: Fault, alert: str) -> None:
        """Run the commands of the alert's runbook as a person would who was just told."""
        played, page = self._played[fault.name], runbook.written(alert, fault.hosts)
        asked = {**played.asked, alert: runbook.both(page, self._before[fault.name], runbook.ask(page))}
        self._played[fault.name] = replace(played, asked=asked)

    def _look(self) -> None:
        """See once what all alerts are asked about: this machine has other things to do."""
        self._active = addresses.prometheus().alerts()
        for one in self._active:
            if one["state"] == "firing" and self._is_ours(one["labels"]):
                self._seen.setdefault(one["labels"]["alertname"], (time.time(), one["labels"]))
        if self._seen.keys() - self._sent.keys():
            for one in addresses.alertmanager().alerts():
                if self._is_ours(one["labels"]):
                    self._sent.setdefault(one["labels"]["alertname"], time.time())
        for record in addresses.receivers().requests(after=self._last):
            self._last = record["seq"]
            if record["valid"] and sender(record) == ALERTMANAGER:
                for alert in named(record, self._bounds):  # each message is read once, and not at every look
                    self._told.setdefault(alert, []).append((says(record, alert), record))

    def _heard(self, alert: str, said: str) -> bool:
        """Whether all who are to hear it now did; where nobody is, whether it had the time to be told."""
        now = time.time()
        if alert not in self._seen:
            return said == OVER
        since, labels = self._seen[alert]
        places, _ = audience(self._config, [labels], now)
        if not places:
            return said == OVER or now > since + self._wait_s + SETTLE_S
        # Mail about others names what was over before.
        same = [one for what, one in self._told.get(alert, ()) if what == said]
        told = [one for one in same if said == FIRES or at(one) >= since]
        about = [one for fault in self._faults if alert in fault.proves for one in told_of(fault, told)]
        return places <= {str(destination(record)) for record in about}

    def _is_ours(self, labels: Labels) -> bool:
        """Whether an alert is one that a fault of the batch proves."""
        return any(fault.is_about(labels) for fault in self._faults)

    def _going_on(self) -> set[str]:
        """The names of the alerts that are to be proven and were active at the last look."""
        return {one["labels"]["alertname"] for one in self._active if self._is_ours(one["labels"])}

    def _undo(self, name: str) -> None:
        played = self._played[name]
        at = time.time()
        left = released.undo(played.fault)
        self._played[name] = replace(self._played[name], undone=at, released=left)
        self._tell(f"{name} is undone, {at - played.injected:.0f} s after it began")

    def _try_to_undo(self, name: str) -> None:
        """What cannot be undone now is tried again at the next look, and holds up no other fault."""
        try:
            self._undo(name)
        except UserError as error:
            self._stuck.setdefault(name, time.time())
            if self._left.get(name) != str(error):
                self._left[name] = str(error)
                self._tell(f"{name} is not undone yet: {error}")

    def _is_stuck(self, name: str) -> bool:
        """Whether it was tried for so long to undo it that the others are not held up any more."""
        return name in self._stuck and time.time() > self._stuck[name] + STUCK_S

    def _give_up(self) -> None:
        """What cannot be undone proves nothing, nor does what was to follow it."""
        now = time.time()
        for name in [
            name for name, one in self._played.items() if one.undone is None and self._is_stuck(name)
        ]:
            self._played[name] = replace(self._played[name], problem=self._left[name])
        for fault in self._faults:
            if fault.name not in self._played and self._is_lost(fault):
                why = f"{fault.follows}, which it follows, could not be undone"
                self._played[fault.name] = Played(
                    fault=fault, began=now, injected=now, undone=now, problem=why
                )
                self._stuck[fault.name] = now

    def _is_lost(self, fault: Fault) -> bool:
        """Whether it was to follow what could not be undone."""
        before = self._played.get(fault.follows)
        return before is not None and bool(before.problem) and fault.follows in self._stuck

    def _undo_all(self) -> None:
        failed = []
        for name in reversed(self._played):
            if self._played[name].undone is None:
                try:
                    self._undo(name)
                except UserError as error:
                    if self._is_stuck(name):  # what was seen of the others counts
                        self._tell(f"{name} is not undone: {error}")
                    else:
                        failed.append(str(error))
        if failed:
            raise UserError("\n".join(failed))

    def _until_rest(self) -> None:
        """Until every alert that was proven is over, and everybody was told; the judge says what was not."""
        names = [alert for one in self._faults for alert in one.proves]
        keeps = max((self._rules[name].keep_firing_for_ms for name in names), default=0) / 1000 / self._scale
        bound = min(max(self._bounds.values(), default=0.0), MOST_REST_S / self._scale)
        limit = bound + keeps + self._telling_s

        calm: dict[str, float] = {}  # since when each has been over; who did not hear it by then never will

        def at_rest() -> bool:
            self._look()
            active, now = self._going_on(), time.time()
            for name in names:
                if name in active:
                    calm.pop(name, None)
                else:
                    calm.setdefault(name, now)
            late = now - self._telling_s
            return not active and all(self._heard(name, OVER) or calm[name] < late for name in names)

        try:
            until("the alerts to be over and told so", at_rest, deadline_s=limit, interval_s=LOOK_S)
        except (DeadlineError, clients.ClientError) as error:
            self._tell(str(error))
        time.sleep(SETTLE_S)

    def _tell(self, words: str) -> None:
        self._say(f"{time.time() - self._began:7.1f} s  {words}")


def at_once(do: Callable[[One], None], them: Iterable[One]) -> None:
    """Do it with some of them at a time, as most only wait for a host."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(do, them))


def _pages(fault: Fault) -> list[tuple[str, str]]:
    """The commands on the pages of the alerts that a fault proves."""
    return [one for alert in fault.proves for one in runbook.written(alert, fault.hosts)]
