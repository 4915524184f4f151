"""A plan played: quiet first, then one fault after the other, each undone when its alerts were told."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from devtools.wait import DeadlineError, until
from harness.bench.bench_file import Fault, Plan
from harness.bench.bench_rungs import Scene, Seen, reached_all
from harness.bench.heard import within
from harness.bench.loopback import Bench
from harness.bench.shells import shell, undisturbed
from harness.proof import watching
from monitoring.detection import window
from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.routing import Labels, routes_of
from monitoring.rule_files import Alert

LOOK_S = 0.5
MARGIN_S = 10.0
"""What a busy machine may be late with anything."""
SETTLE_S = 2.0
"""What is told too much comes after what is told."""
WAITS = {"group_wait": "30s", "group_interval": "5m"}
"""Alertmanager's own, where no route says it."""
QUIET = "no fault"
Say = Callable[[str], None]


class Play:
    """One run of a plan on a bench."""

    def __init__(self, plan: Plan, bench: Bench, say: Say) -> None:
        self._plan, self._bench, self._say = plan, bench, say
        self._began = time.time()
        self._since = self._began
        self.scenes: list[Scene] = []

    def play(self) -> None:
        """Play every fault; after one that could not be undone nothing else is tried."""
        self._quiet()
        for name, fault in self._plan.written.faults.items():
            scene = self._fault(name, fault)
            self.scenes.append(scene)
            if scene.undone is None and scene.injected:
                self._tell("the faults after it are not played: what is left would explain anything")
                return

    def seen(self, since: float = 0.0) -> Seen:
        """What arrived so far, or since a moment, and the routes that led it there."""
        bench = self._bench
        records = within(bench.receivers.requests(), since, math.inf)
        return Seen(config=bench.config, places=bench.places, records=records, told=self._plan.written.told)

    def _quiet(self) -> None:
        """Every rule was evaluated with traffic, and what fires by then fires without a fault."""
        longest = max((alert.for_ms for alert in self._plan.alerts.values()), default=0) / 1000
        time.sleep(min(longest, 60.0) + 3 * self._interval_s)
        self.scenes.append(self._ended(Scene(name=QUIET, began=self._began, ended=0.0)))

    @property
    def _interval_s(self) -> float:
        return self._plan.interval_s

    def _fault(self, name: str, fault: Fault) -> Scene:
        bounds = {alert: self._bound_s(fault, self._plan.alerts[alert]) for alert in fault.proves}
        scene = Scene(name=name, began=self._since, ended=0.0, fault=fault, bounds=bounds)
        if problem := self._unquiet(fault):
            self._tell(f"{name}: {problem}")
            return self._ended(replace(scene, problem=problem))
        scene = replace(scene, injecting=time.time())
        try:
            scene = self._injected(scene, fault)
            if not scene.problem:
                self._until_told(scene, fault)
                scene = replace(scene, problem=self._gone(fault))
        finally:
            undoing = time.time()
            with undisturbed():
                failed = shell(fault.undo, self._plan.home, self._bench.environment())
        if failed:
            problem = "; ".join(filter(None, (scene.problem, f"the fault could not be undone: {failed}")))
            self._tell(f"{name}: {problem}")
            return self._ended(replace(scene, problem=problem))
        scene = replace(scene, undoing=undoing, undone=time.time())
        self._tell(f"{name} is undone")
        self._until_rest(scene, fault)
        return self._ended(scene)

    def _unquiet(self, fault: Fault) -> str:
        """Why its alerts would prove nothing: one fires, or stays pending, before the fault is there."""

        def settled() -> bool:
            return bool(self._active(fault.proves)) or not self._active(fault.proves, "pending")

        longest = max(self._plan.alerts[name].for_ms for name in fault.proves) / 1000
        self._wait("no alert of the fault to be pending", settled, longest + 2 * self._interval_s)
        if active := self._active(fault.proves) or self._active(fault.proves, "pending"):
            return f"{', '.join(sorted(active))} fired or was pending before the fault, which proves nothing"
        return ""

    def _injected(self, scene: Scene, fault: Fault) -> Scene:
        problem = shell(fault.inject, self._plan.home, self._bench.environment())
        self._tell(f"{scene.name}{f': {problem}' if problem else ''}")
        return replace(scene, injected=time.time(), problem=problem)

    def _gone(self, fault: Fault) -> str:
        """What is wrong with a fault that should still be there; nothing where it is."""
        if words := shell(fault.holds, self._plan.home, self._bench.environment()):
            return f"the fault was not there any more when its alerts were told: {words}"
        return self._bench.ended()

    def _until_told(self, scene: Scene, fault: Fault) -> None:
        def told() -> bool:
            labels = self._active(fault.proves)
            fired = [one for many in labels.values() for one in many]
            seen = self.seen(scene.began)
            return set(labels) == set(fault.proves) and reached_all(seen, fired, time.time(), over=False)

        limit = max(scene.bounds.values()) + self._route_s(fault, "group_wait", "group_interval")
        self._wait(f"{', '.join(fault.proves)} to be told", told, limit)

    def _until_rest(self, scene: Scene, fault: Fault) -> None:
        """Until what the fault caused is over, and everybody who heard of it was told so."""
        fired = self._fired(scene, fault.proves)

        def rest() -> bool:
            if self._active((*fault.proves, *fault.may)):
                return False
            return reached_all(self.seen(scene.began), fired, time.time(), over=True)

        keeps = max(self._plan.alerts[name].keep_firing_for_ms for name in fault.proves) / 1000
        limit = max(scene.bounds.values()) + keeps + 2 * self._route_s(fault, "group_interval")
        self._wait(f"{', '.join(fault.proves)} to be over and told so", rest, limit)
        time.sleep(SETTLE_S)

    def _wait(self, what: str, condition: Callable[[], bool], limit_s: float) -> None:
        try:
            until(what, condition, deadline_s=limit_s + MARGIN_S, interval_s=LOOK_S)
        except DeadlineError as error:
            self._tell(str(error).partition("; last seen")[0])

    def _ended(self, scene: Scene) -> Scene:
        """The scene with what Prometheus stored of it; the next one begins where it ends."""
        began, self._since = self._since, time.time()
        lives = watching.lives(self._bench.prometheus, began, self._since)
        return replace(scene, began=began, ended=self._since, lives=lives)

    def _active(self, names: Sequence[str], state: str = "firing") -> dict[str, list[Labels]]:
        """Those of the alerts that fire now, or are pending, each with the labels of its series."""
        found: dict[str, list[Labels]] = {}
        for one in self._bench.prometheus.alerts():
            if one["state"] == state and one["labels"]["alertname"] in names:
                found.setdefault(one["labels"]["alertname"], []).append(one["labels"])
        return found

    def _fired(self, scene: Scene, names: Sequence[str]) -> list[Labels]:
        lives = watching.lives(self._bench.prometheus, scene.began, time.time())
        return [life.labels for life in lives if life.firing is not None and life.name in names]

    def _bound_s(self, fault: Fault, alert: Alert) -> float:
        """The most seconds from the fault to its alert: the plan's, or window, `for` and two intervals."""
        if fault.within:
            return parse_duration(fault.within) / 1000
        try:
            look_back = window(alert)
        except CatalogError:
            look_back = 0
        return (look_back + alert.for_ms) / 1000 + 2 * self._interval_s + MARGIN_S

    def _route_s(self, fault: Fault, *names: str) -> float:
        """The longest that the groups of its alerts wait, for each of these names, together."""
        routes = [
            route
            for name in fault.proves
            for route in routes_of(self._bench.config, _labels(self._plan.alerts[name]))
        ]
        return sum(max(_seconds(route, name) for route in routes) for name in names)

    def _tell(self, words: str) -> None:
        self._say(f"{time.time() - self._began:7.1f} s  {words}")


def _seconds(route: Mapping[str, object], name: str) -> float:
    return parse_duration(route.get(name, WAITS[name])) / 1000


def _labels(alert: Alert) -> dict[str, str]:
    return {**alert.labels, "alertname": alert.name}
