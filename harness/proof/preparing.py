"""The lab ready for faults: installed, a good release live, ordinary traffic, nothing firing."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from devtools.errors import UserError
from devtools.wait import DeadlineError
from harness.faults import on_host
from harness.faults.causes import EXPECTED
from harness.faults.fault import Fault
from harness.incident.patience import MONITORING, SERVICE, time_scale
from harness.incident.story import seconds_of
from harness.lab import addresses, lab
from harness.lab.hosts import HOSTS
from harness.proof import hour, watching
from harness.proof.marks import PAPER, Mark, Rung, Step
from harness.proof.rungs import Proof, judge
from harness.proof.strays import Stray, mistold, strays
from harness.proof.witnessed import Played, Witnessed
from harness.stack import released, rollout
from harness.stack.traffic import OrdinaryDay
from monitoring.catalog import Alert, load
from monitoring.yaml_text import read_yaml

CALM_S = 240.0


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The verdict on one batch."""

    proofs: list[Proof]
    strays: list[Stray]
    asleep: str
    """Why the witness is not believed; nothing where he was awake."""


class Bench:
    """The lab while faults are played on it."""

    def __init__(self, scale: float) -> None:
        self.rules: Mapping[str, Alert] = {alert.name: alert for alert in load(MONITORING / "rules")}
        self.scale = scale
        self.expected: Mapping[str, str] = read_yaml(EXPECTED.read_text("utf-8"))

    def calm(self, batch: Sequence[Fault]) -> None:
        """Wait until nothing that the batch is to prove is active; no fault of an earlier run is left.

        What else fires already is not the batch's doing, and is judged as known.
        """
        calm_s = CALM_S * time_scale() / self.scale
        for host in HOSTS:
            on_host.undo_all(host.name, but=hour.NAME)
        released.back_to_good()
        if not any(fault.deploys for fault in batch):
            rollout.patiently("no deployment to be blamed", _is_settled, calm_s)
        active: set[str] = set()

        def calm() -> bool:
            active.clear()
            active.update(
                one["labels"]["alertname"]
                for one in addresses.prometheus().alerts()
                if any(fault.is_about(one["labels"]) for fault in batch)
            )
            return not active

        try:
            rollout.patiently("nothing to fire that the faults are to prove", calm, calm_s)
        except DeadlineError as error:
            found = ", ".join(sorted(active))
            raise UserError(
                f"expected a lab on which nothing fires that the faults are to prove, found {found}; "
                "mend that first"
            ) from error

    def judged(self, seen: Witnessed) -> Judged:
        """What the judge says of a batch, and whether the witness was awake."""
        return Judged(
            proofs=judge(seen, self.rules),
            strays=[*strays(seen, self.expected), *mistold(seen)],
            # Of a long wait before the wave a share is more than of the wave.
            asleep=watching.asleep(addresses.prometheus(), seen.since)
            or watching.asleep(addresses.prometheus(), seen.began),
        )

    def versions(self) -> dict[str, str]:
        """The programs that took part."""
        found = addresses.prometheus().query('{__name__=~"(prometheus|alertmanager)_build_info"}')
        return {one["metric"]["__name__"].split("_")[0]: one["metric"]["version"] for one in found}


def stopped(batch: Sequence[Fault], rules: Mapping[str, Alert], why: str) -> Judged:
    """What is known of a batch that could not be played to its end: nothing, and why."""
    now = time.time()
    rungs = [rung for rung in Rung if rung not in PAPER]
    steps = tuple(Step(rung=rung, mark=Mark.OPEN, why=why if rung is rungs[0] else "") for rung in rungs)
    proofs = [
        Proof(
            alert=alert,
            severity=rules[alert].severity,
            played=Played(fault=fault, began=now, injected=now, problem=why),
            steps=steps,
        )
        for fault in batch
        for alert in fault.proves
    ]
    return Judged(proofs=proofs, strays=[], asleep="")


def unhurried(batch: Sequence[Fault]) -> list[Fault]:
    """The same faults, each of which lasts as much longer as production is slower than the lab."""
    return [_longer(fault, time_scale()) for fault in batch]


def _longer(fault: Fault, times: float) -> Fault:
    needs = fault.needs and _longer(fault.needs, times)
    return replace(fault, lasts_s=round(fault.lasts_s * times), needs=needs)


def _is_settled() -> bool:
    """Whether what goes wrong now is no release's doing."""
    ends = addresses.daemon().service(SERVICE).get("deployment_window_ends")
    return ends is None or seconds_of(ends) < time.time()


@contextmanager
def ready(out: Path, *, installed: bool, night: bool, real: bool = False) -> Iterator[Bench]:
    """The lab is installed, a release is live and known to be good, and traffic flows for the block.

    In the mute hours of the lab it is day then, or night. A *real* one has production timing.
    """
    out.mkdir(parents=True, exist_ok=True)
    lab.up()
    if not installed:
        with rollout.installing(out / "site.log") as install:
            rollout.finish(install, rollout.INSTALL_S)
        rollout.built(rollout.building(rollout.GOOD))
        rollout.deploy_good(out)
        rollout.make_known(rollout.GOOD, SERVICE)
    for host in HOSTS:
        on_host.undo_all(host.name)
    addresses.daemon().mark(SERVICE, rollout.GOOD, "good", note="the proof")
    day = OrdinaryDay(out)
    began = time.monotonic()
    try:
        rollout.patiently("a few seconds of traffic", lambda: time.monotonic() > began + 5, 30)
        timing = rollout.production_timing(out) if real else nullcontext()
        with timing, hour.chosen(night=night):
            yield Bench(1 if real else time_scale())
    finally:
        day.end()
