"""`harness proof`: real faults on the lab; for each alert whether it fired, whom it reached, and its end."""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtools.errors import UserError
from devtools.paths import RUNS_DIR
from devtools.system import say
from harness.faults import causes
from harness.faults.fault import Fault, faults
from harness.proof.decided import AUTO
from harness.proof.in_time import in_words, waits_s
from harness.proof.marks import Step
from harness.proof.run_facts import facts
from harness.proof.touched import touched_since
from monitoring.catalog import Alert, load
from ruletools.house.files import RULES

if TYPE_CHECKING:
    from harness.proof import outcome, preparing
    from harness.proof.batch import Batch

VOID = 3
WIDTH = 180
"""Of the table: names of alerts are long."""
HELP = """\
Asks lint and the unit tests about each alert, then plays faults of harness/faults/catalogue on the installed
lab, batch by batch, while ordinary traffic flows. Each receiver of an alert must hear once that it fires and
once that it is over, nobody else may hear of it, the commands of its runbook must run and show the fault, and
whatever fires without a fault that explains it fails the run.

exit status:
  0  everything that was played is proven, and nothing else fired
  1  something is not proven, fired without a reason, or could not be played
  3  VOID: Prometheus missed evaluations, so nobody can say what it would have seen
"""


def add_commands(subparsers: Any) -> None:
    """`harness proof` is known to the command line."""
    parser = subparsers.add_parser(
        "proof",
        help="real faults on the lab: each alert fires, reaches exactly its receivers, and ends",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("alerts", nargs="*", metavar="ALERT", help="only what proves these alerts")
    parser.add_argument("--batch", action="append", metavar="NAME", help="only this batch; may be repeated")
    parser.add_argument("--all", action="store_true", help="all batches, as without a name")
    parser.add_argument("--list", action="store_true", help="only show which batch proves what")
    parser.add_argument(
        "--mutants", action="store_true", help="ask too whether unit tests notice faults in rules; minutes"
    )
    parser.add_argument(
        "--since", metavar="REV", help="only alerts of which anything that a proof depends on differs since"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with a run that was interrupted, from its report"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write what is proven to docs/proven.yml and its badge; asks for mutants, too",
    )
    parser.add_argument("--on-paper", action="store_true", help="play nothing: lint, unit tests and mutants")
    parser.add_argument(
        "--night",
        action="store_true",
        help="it is night in the mute hours: what is muted is told to nobody",
    )
    parser.add_argument(
        "--real",
        action="store_true",
        help="at production timing: the alerts that roll back by themselves, unless others are named; hours",
    )
    parser.add_argument("--installed", action="store_true", help="the lab is up and installed: begin at once")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where the report goes; default .lab/runs/..."
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Play what was asked for, and say what is proven."""
    rules = {rule.name: rule for rule in load(RULES)}
    _agree(options, rules)
    out = options.resume or options.out or RUNS_DIR / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-proof"
    alerts = list(options.alerts)
    if options.since:
        touched = touched_since(options.since, rules)
        alerts = [name for name in touched if not alerts or name in alerts]
        if not alerts:
            say(f"no alert is touched by what has changed since {options.since}")
            return 0
    if options.on_paper:
        return _read(alerts, options.batch or [], rules, out, mutants=options.mutants)
    if options.since:
        alerts = [name for name in alerts if name in provable()]
        if not alerts:
            say("no fault proves an alert that has changed; `--on-paper` asks about those that have")
            return 0
    triggers = [name for name, rule in rules.items() if rule.labels.get("rollback") == AUTO]
    asked = alerts or options.batch or []
    if options.real and not asked:
        alerts = [name for name in triggers if name in provable()]
    wanted = chosen(alerts, options.batch or [])
    if options.list:
        return _list(wanted)
    also = [] if asked else triggers if options.real else list(rules)
    return _play(wanted, rules, out, also=also, options=options)


def _agree(options: argparse.Namespace, rules: Mapping[str, Alert]) -> None:
    """Words that do not go together, and names of no alert, are refused before anything begins."""
    if options.all and (options.alerts or options.batch or options.since):
        raise UserError("expected --all alone, found alerts, batches or --since beside it; leave one out")
    if options.resume and options.out:
        raise UserError("expected --resume, whose folder has the report, without --out; leave one out")
    live = [name for name in ("resume", "record", "installed", "night", "real") if getattr(options, name)]
    if options.on_paper and live:
        raise UserError(f"expected --on-paper, which plays nothing, without --{live[0]}; leave one out")
    if unknown := [name for name in options.alerts if name not in rules]:
        raise UserError(f"expected alerts of {RULES}, found {', '.join(unknown)}")


def provable() -> set[str]:
    """The alerts that a fault of the catalogue proves."""
    return {alert for fault in faults().values() for alert in fault.proves}


def chosen(alerts: Sequence[str], batches: Sequence[str]) -> dict[str, list[Fault]]:
    """The faults to play by the name of their batch; UserError where nothing has such a name."""
    every = list(faults().values())
    known = {fault.batch for fault in every}
    if unknown := [name for name in alerts if name not in provable()]:
        raise UserError(
            f"expected alerts that a fault of harness/faults/catalogue proves, found {', '.join(unknown)}; "
            "`harness proof --list` shows them"
        )
    if unknown := [name for name in batches if name not in known]:
        raise UserError(f"expected a batch ({', '.join(sorted(known))}), found {', '.join(unknown)}")
    found: dict[str, list[Fault]] = {}
    wanted = {fault.name for fault in every if not alerts or set(fault.proves) & set(alerts)}
    while before := {one.follows for one in every if one.name in wanted and one.follows} - wanted:
        wanted |= before  # what a fault follows is part of it
    for fault in every:
        if fault.name in wanted and (not batches or fault.batch in batches):
            found.setdefault(fault.batch, []).append(fault)
    if not found:
        raise UserError(
            "expected one of these alerts in one of these batches, found none; leave one of both out"
        )
    return found


def _list(batches: Mapping[str, Sequence[Fault]]) -> int:
    for name, batch in batches.items():
        say(f"{name}: {', '.join(alert for fault in batch for alert in fault.proves)}")
    return 0


def _read(
    alerts: Sequence[str], batches: Sequence[str], rules: Mapping[str, Alert], out: Path, *, mutants: bool
) -> int:
    """Only what needs no lab: of the named alerts, of those of the batches, of all."""
    from harness.proof import outcome
    from harness.proof.on_paper import on_paper

    began = time.time()
    played = [name for batch in chosen([], batches).values() for fault in batch for name in fault.proves]
    names = list(alerts) or (list(dict.fromkeys(played)) if batches else list(rules))
    paper = on_paper(names, mutants=mutants, say=say)
    run = outcome.Run(
        alerts=len(rules),
        facts=facts(began),
        unplayed=_unplayed(names, rules, paper.steps),
        elsewhere=paper.elsewhere,
    )
    return _end(run.took(time.time() - began), out)


def _play(
    batches: Mapping[str, Sequence[Fault]],
    rules: Mapping[str, Alert],
    out: Path,
    *,
    also: Sequence[str],
    options: argparse.Namespace,
) -> int:
    from harness.incident.patience import firing_s
    from harness.proof import made_of, outcome, preparing, record
    from harness.proof.batch import Batch
    from harness.proof.on_paper import on_paper
    from harness.proof.waves import waves
    from harness.proof.witness import Witness

    began = time.time()
    say(f"the report will be in {out}; interrupted, the same words with `--resume {out}` go on")
    earlier = outcome.load(out) if options.resume else None
    if options.real:
        batches = {name: preparing.unhurried(batch) for name, batch in batches.items()}
    proves = {name: made_of.digest(batch, rules) for name, batch in batches.items()}
    played = [name for batch in batches.values() for fault in batch for name in fault.proves]
    names = list(dict.fromkeys([*also, *played]))
    # First: it would keep the witness from seeing.
    paper = on_paper(names, mutants=options.mutants or options.record, say=say)
    how = {"installed": options.installed, "night": options.night, "real": options.real}
    with preparing.ready(out, **how) as bench:
        found = outcome.Run(
            alerts=len(rules),
            facts=facts(began, bench.scale, bench.versions()),
            unplayed=_unplayed([name for name in names if name not in played], rules, paper.steps),
            elsewhere=paper.elsewhere,
        )
        if earlier:
            found = _going_on(found, earlier, proves, paper.steps)
        left = {name: batch for name, batch in batches.items() if name not in found.batches}
        seconds = {
            name: firing_s(rules[name], bench.scale) + fault.after_s
            for batch in left.values()
            for fault in batch
            for name in fault.proves
        }
        coming, witness, put_off = waves(left, seconds), Witness(), list[str]()
        while coming or put_off:
            if not coming:
                _until_their_hour([fault for name in put_off for fault in left[name]], seconds, bench.scale)
                coming, put_off = waves({name: left[name] for name in put_off}, seconds), []
            wave = coming.pop(0)
            later = [name for name in wave if waits_s(left[name], time.time(), seconds, bench.scale)]
            put_off += later
            if not (wave := [name for name in wave if name not in later]):
                continue
            batch = [fault for name in wave for fault in left[name]]
            stopped = False
            try:
                bench.calm(batch)
                witness.nothing_is_left()
                say(f"batch {' and '.join(wave)}: {', '.join(fault.name for fault in batch)}")
                judged = bench.judged(Batch(batch, bench.rules, bench.scale, say, witness).play())
            except UserError as error:  # the others are played nevertheless, and `--resume` plays it again
                say(f"batch {' and '.join(wave)} could not be played to its end: {error}")
                if len(wave) > 1:  # one of them spoilt it for all
                    say("each of them is played by itself")
                    coming = [*([name] for name in wave), *coming]
                    continue
                judged, stopped = preparing.stopped(batch, bench.rules, str(error)), True
            proofs = [replace(one, steps=(*paper.steps[one.alert], *one.steps)) for one in judged.proofs]
            if stopped:
                found = replace(found, proofs=[*found.proofs, *proofs])
            else:
                made = {name: proves[name] for name in wave}
                found = found.and_wave(made, proofs, judged.strays, judged.asleep)
            outcome.save(found, out)  # whoever interrupts the next batch keeps this one
        found = _afterwards(found, bench, Batch([], bench.rules, bench.scale, say, witness))
    if options.record and not found.void:
        say(record.add(found.to_record(faults().values()), rules, refuted=found.refuted))
    return _end(found.took(time.time() - began), out)


def _going_on(
    found: "outcome.Run",
    earlier: "outcome.Run",
    proves: Mapping[str, str],
    paper: Mapping[str, tuple[Step, ...]],
) -> "outcome.Run":
    """With what an earlier run has played; what it has played of something else is named."""
    found = found.going_on_from(earlier, proves, paper)
    if changed := [name for name in earlier.batches if name not in found.batches]:
        say(f"not as they were played, or not asked for now: {', '.join(changed)}")
    for name in found.batches:
        say(f"batch {name}: played before")
    return found


def _afterwards(found: "outcome.Run", bench: "preparing.Bench", nothing: "Batch") -> "outcome.Run":
    """With what fired and was told after the last wave, or in one that could not be played to its end."""
    try:
        judged = bench.judged(nothing.play())
    except UserError as error:  # what nobody could see is not fine
        return found.and_wave({}, [], [], f"nobody could look: {error}")
    return found.and_wave({}, [], judged.strays, judged.asleep)


def _until_their_hour(faults: Sequence[Fault], seconds: Mapping[str, float], scale: float) -> None:
    """Wait until they prove something: nothing else is left to be played."""
    if left_s := waits_s(faults, time.time(), seconds, scale):
        day = f"of a day that takes {24 * 60 / scale:.0f} min here"
        say(f"waiting {left_s / 60:.0f} min for their hours, {day}: {in_words(faults)}")
        time.sleep(left_s)


def _end(run: "outcome.Run", out: Path) -> int:
    from rich.console import Console

    from harness.proof import earlier, outcome

    if then := earlier.before(out, RUNS_DIR):
        run = replace(run, differences=earlier.differences(then, run))
    page = outcome.save(run, out)
    Console(width=WIDTH).print(outcome.table(run))
    for change in run.differences:
        say(f"otherwise than the run before: {change}")
    say(run.sentence)
    say(f"open {page}")
    return VOID if run.void else 0 if run.holds else 1


def _unplayed(
    names: Sequence[str], rules: Mapping[str, Alert], steps: Mapping[str, tuple[Step, ...]]
) -> "list[outcome.Unplayed]":
    from harness.proof import outcome

    return [
        outcome.Unplayed(
            alert=name, severity=rules[name].severity, how=causes.load()[name].how, steps=steps[name]
        )
        for name in names
    ]
