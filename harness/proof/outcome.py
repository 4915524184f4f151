"""The end of a proof as text, as JSON for machines, as JUnit, and as a page that opens from disk."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.markup import escape
from rich.table import Table

from devtools.errors import UserError
from harness.faults.fault import Fault
from harness.proof.curve_picture import Picture, drawn
from harness.proof.marks import FINE, PAPER, Mark, Rung, Step
from harness.proof.runbook import printable
from harness.proof.rungs import Proof
from harness.proof.strays import AND, Stray

STATE = "run.json"
"""What a run goes on from."""
SIGNS = {
    Mark.YES: "[green]yes[/]",
    Mark.NO: "[red bold]NO[/]",
    Mark.NOT_NOW: "not now",
    Mark.NONE: "-",
    Mark.UNASKED: "[dim]unasked[/]",
    Mark.OPEN: "[red]open[/]",
}
VOID = "[yellow]void[/]"
"""Of what a witness who slept saw: it is neither right nor wrong."""
COLOURS = {
    Mark.YES: "good",
    Mark.NO: "bad",
    Mark.NOT_NOW: "wait",
    Mark.NONE: "soft",
    Mark.UNASKED: "soft",
    Mark.OPEN: "bad",
}
"""Of the page."""


@dataclass(frozen=True, kw_only=True)
class Unplayed:
    """An alert whose fault was not played, and what is known of it on paper."""

    alert: str
    severity: str
    how: str
    """How it comes about."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that was found in one run."""

    alerts: int
    """How many alerts there are."""
    facts: Mapping[str, str]
    proofs: Sequence[Proof] = ()
    strays: Sequence[Stray] = ()
    batches: Sequence[str] = ()
    """The names of those that were played to their ends."""
    unplayed: Sequence[Unplayed] = ()
    elsewhere: Sequence[str] = ()
    """What lint found that is no single alert's."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """{a batch that was played: a digest of what it proves}."""
    differences: Sequence[str] = ()
    """What stands otherwise than in the run before."""
    void: Sequence[str] = ()
    """Why nothing of it counts; empty where it does."""

    def and_wave(
        self, made_of: Mapping[str, str], proofs: Sequence[Proof], strays: Sequence[Stray], asleep: str
    ) -> "Run":
        """The run with one more wave: the batches of *made_of*, played together; without any the time after.

        A witness that was *asleep* voids it.
        """
        together = AND.join(made_of)
        where = f"in batch {together}" if together else "after the last batch"
        void = [f"{where} {asleep}"] if asleep else []
        return replace(
            self,
            proofs=[*self.proofs, *proofs],
            strays=[*self.strays, *(replace(stray, batch=together) for stray in strays)],
            void=[*self.void, *void],
            batches=self.batches if asleep else [*self.batches, *made_of],
            made_of={**self.made_of, **made_of},
        )

    def going_on_from(
        self, earlier: "Run", made_of: Mapping[str, str], paper: Mapping[str, tuple[Step, ...]]
    ) -> "Run":
        """This run with the batches that an earlier one has played.

        What was void there is played again, and so is a batch that is *made of* something else now. So are
        those that were played together with it when something fired that nobody explains: it may be theirs.
        """
        done = [
            name for name in earlier.batches if name in made_of and made_of[name] == earlier.made_of.get(name)
        ]
        unexplained = [stray.batches for stray in earlier.unexplained]
        while again := {name for those in unexplained if those - {*done} for name in those} & {*done}:
            done = [name for name in done if name not in again]
        return replace(
            self,
            proofs=[
                proof.on_paper(paper.get(proof.alert, ()))
                for proof in earlier.proofs
                if proof.played.fault.batch in done
            ],
            strays=[stray for stray in earlier.strays if stray.batches & {"", *done}],
            batches=done,
            made_of={name: made_of[name] for name in done},
        )

    def took(self, seconds: float) -> "Run":
        """The run that is over."""
        return replace(self, facts={**self.facts, "took": f"{seconds:.0f} s"})

    @property
    def proven(self) -> list[Proof]:
        """The proofs that hold."""
        return [proof for proof in self.proofs if proof.holds]

    @property
    def counted(self) -> tuple[int, int]:
        """How many alerts are proven under each of their faults, and how many were played."""
        played = {proof.alert for proof in self.proofs}
        return len(played - {proof.alert for proof in self.proofs if not proof.holds}), len(played)

    def to_record(self, faults: Iterable[Fault]) -> list[str]:
        """The alerts of which every rung was asked and seen, under each of these faults that proves them."""
        played = {(proof.alert, proof.played.fault.name) for proof in self.proofs}
        partly = {alert for fault in faults for alert in fault.proves if (alert, fault.name) not in played}
        open_or_wrong = {proof.alert for proof in self.proofs if not proof.holds}
        unasked = {
            proof.alert for proof in self.proofs if any(step.mark is Mark.UNASKED for step in proof.steps)
        }
        return sorted({alert for alert, _ in played} - partly - open_or_wrong - unasked - {*self.not_now})

    @property
    def refuted(self) -> list[str]:
        """The alerts of which a rung was seen not to hold, under one of their faults."""
        return sorted({one.alert for one in self.proofs if any(step.mark is Mark.NO for step in one.steps)})

    @property
    def not_now(self) -> list[str]:
        """The alerts of which something could not be told at this hour."""
        return sorted(
            {proof.alert for proof in self.proofs if any(step.mark is Mark.NOT_NOW for step in proof.steps)}
        )

    @property
    def unexplained(self) -> list[Stray]:
        """What fired, or was told, and nobody knows why."""
        return [stray for stray in self.strays if not stray.reason]

    @property
    def mistold(self) -> list[Stray]:
        """What was told otherwise than it should have been."""
        return [stray for stray in self.unexplained if stray.told]

    @property
    def holds(self) -> bool:
        """Whether all that was played is proven, and nothing fired without a reason."""
        found = bool(self.proofs or self.unplayed)
        all_proven = found and len(self.proven) == len(self.proofs) and not self.wrong_on_paper
        return all_proven and not self.void and not self.unexplained and not self.elsewhere

    @property
    def wrong_on_paper(self) -> list[str]:
        """The alerts that were not played and of which lint, unit tests or mutants say no."""
        return [one.alert for one in self.unplayed if not all(step.mark in FINE for step in one.steps)]

    @property
    def sentence(self) -> str:
        """The verdict as a person reads it."""
        if self.void:
            why = "; ".join(self.void)
            return f"VOID: {why}. Nothing is proven nor refuted; on a quiet machine `--resume` goes on"
        if self.proofs:
            right, played = self.counted
            said = f"{right} of {played} alerts that were played are proven"
            said += f"; there are {self.alerts}"
            if self.not_now:
                said += f". Not all could be told at this hour of {', '.join(self.not_now)}"
        else:
            right = len(self.unplayed) - len(self.wrong_on_paper)
            said = f"{right} of {len(self.unplayed)} alerts are right on paper; nothing was played"
        if fired := sorted({stray.alert for stray in self.unexplained if not stray.told}):
            said += f". Fired without a fault that explains it: {', '.join(fired)}"
        if told := sorted({stray.alert for stray in self.mistold}):
            said += f". Told otherwise than it should be: {', '.join(told)}"
        if self.wrong_on_paper:
            said += f". Wrong on paper: {', '.join(self.wrong_on_paper)}"
        if self.elsewhere:
            said += f". Lint found: {'; '.join(self.elsewhere)}"
        return said


def table(run: Run) -> Table:
    """The rungs of every alert, those that fail first."""
    found = Table(title="What was proven", title_justify="left")
    for column in ("alert", "fault", *Rung, "why not"):
        found.add_column(column)
    for proof in sorted(run.proofs, key=lambda one: one.holds):
        wrong = "; ".join(f"{step.rung}: {step.why}" for step in proof.steps if step.mark is Mark.NO)
        marks = [VOID if run.void and step.rung not in PAPER else SIGNS[step.mark] for step in proof.steps]
        found.add_row(proof.alert, proof.played.fault.name, *marks, escape(wrong or proof.played.problem))
    live = [""] * (len(Rung) - len(PAPER))
    for one in run.unplayed:
        marks = [SIGNS[step.mark] for step in one.steps]
        wrong = "; ".join(f"{step.rung}: {step.why}" for step in one.steps if step.mark is Mark.NO)
        found.add_row(one.alert, "[dim]not played[/]", *marks, *live, escape(wrong))
    return found


def save(run: Run, out: Path) -> Path:
    """Write proof.json, proof.xml and proof.html into a folder, and return the page's path."""
    out.mkdir(parents=True, exist_ok=True)
    page = out / "proof.html"
    _write(out / STATE, msgspec.json.encode(run))
    _write(out / "proof.json", json.dumps(as_json(run), indent=2, default=str).encode() + b"\n")
    _write(out / "proof.xml", ET.tostring(_junit(run), encoding="utf-8"))
    _write(page, _page(run).encode())
    return page


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and for this user alone: commands of runbooks may have shown a secret."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)


def load(out: Path) -> Run:
    """The run that a folder holds; UserError where there is none that can be read."""
    path = out / STATE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Run)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(
            f"expected the report of a run of this version in {out}, found: {error}; begin anew"
        ) from error


def as_json(run: Run) -> dict[str, Any]:
    """The run as a machine reads it."""
    return {
        "holds": run.holds,
        "sentence": run.sentence,
        "void": list(run.void),
        "facts": dict(run.facts),
        "alerts": run.alerts,
        "proofs": [{**asdict(proof), "holds": proof.holds} for proof in run.proofs],
        "unplayed": [asdict(one) for one in run.unplayed],
        "elsewhere": list(run.elsewhere),
        "differences": list(run.differences),
        "strays": [asdict(stray) for stray in run.strays],
    }


def _junit(run: Run) -> ET.Element:
    suite = ET.Element("testsuite", name="proof", tests=str(len(run.proofs) + len(run.unplayed)))
    for proof in run.proofs:
        case = ET.SubElement(suite, "testcase", classname="proof", name=proof.alert)
        if run.void:
            ET.SubElement(case, "skipped", message=printable(f"VOID: {'; '.join(run.void)}"))
        elif wrong := _wrong(proof.steps):
            ET.SubElement(case, "failure", message=printable("; ".join(wrong)))
    for one in run.unplayed:
        case = ET.SubElement(suite, "testcase", classname="proof on paper", name=one.alert)
        if wrong := _wrong(one.steps):
            ET.SubElement(case, "failure", message=printable("; ".join(wrong)))
    for said in run.elsewhere:
        case = ET.SubElement(suite, "testcase", classname="proof on paper", name="nothing else: lint")
        ET.SubElement(case, "failure", message=printable(said))
    for stray in run.unexplained:
        case = ET.SubElement(suite, "testcase", classname="proof", name=f"nothing else: {stray.alert}")
        why = stray.told or f"fired without a fault that explains it: {dict(stray.labels)}"
        ET.SubElement(case, "skipped" if run.void else "failure", message=printable(why))
    return suite


def _wrong(steps: Sequence[Step]) -> list[str]:
    return [f"{step.rung}: {step.mark} {step.why}" for step in steps if step.mark not in FINE]


def _page(run: Run) -> str:
    here = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    here.filters["clock"] = lambda at: datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
    return here.get_template("page.html.j2").render(
        run=run, rungs=list(Rung), paper=PAPER, line=_line, picture=_picture, colours=COLOURS
    )


def _picture(proof: Proof) -> Picture | None:
    """What was measured, with the moments that explain it."""
    begin = proof.played.began
    wanted = ("fault", "firing", "fault undone", "over")
    return drawn(proof.seen, [(name, begin + at) for name, at in _line(proof) if name in wanted])


def _line(proof: Proof) -> list[tuple[str, float]]:
    """The stages of a proof in seconds after its fault, in the order of time."""
    begin = proof.played.began
    lives = [life for life in proof.lives if life.firing is not None]
    moments = {
        "pending": min((life.pending for life in lives if life.pending), default=None),
        "firing": min((life.firing for life in lives if life.firing), default=None),
        "sent": proof.sent,
        "told": proof.told,
        "fault undone": proof.played.undone,
        "over": max((life.ended for life in lives if life.ended), default=None),
        "told that it is over": proof.told_over,
    }
    found = [("fault", 0.0), *((name, at - begin) for name, at in moments.items() if at is not None)]
    return sorted(found, key=lambda one: one[1])
