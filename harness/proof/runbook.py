"""The commands of an alert's page, run before its fault and while it is there."""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from devtools.errors import UserError
from harness.faults.on_host import POLITELY
from harness.lab import containers, engine
from harness.proof.marks import Mark, Rung, Step
from ruletools.house.lint.runbooks import Command, commands

AT_ONCE = 2
MOST_S = 20
KILL_S = 5
"""What does not end when it is asked to is killed so much later."""
KEPT = 4000
"""Characters of an answer that a report shows."""
UNREACHABLE = 255
NEVER_RAN = (124, 125, 126, 127, 137, UNREACHABLE)
"""Statuses of a command that took too long, is not there, may not run, or has no host."""
APPLICATION = ("app1", "app2")
MOMENT = re.compile(
    r"@\[?[\d.]+\]?|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"|\b[A-Z][a-z]{2} [ \d]\d\b|\b(?:\d+(?:ms|min|s|h) ?)+ago\b"
)


@dataclass(frozen=True)
class Answer:
    """What a command said: its exit status, and its words."""

    status: int
    words: str

    @property
    def objects(self) -> bool:
        """Silence with status 1 is how a search finds nothing."""
        return bool(self.status) and (self.status, self.words) != (1, "")

    @property
    def lasting(self) -> str:
        """The words without the moments in them, which differ each time."""
        return MOMENT.sub("", self.words)


@dataclass(frozen=True)
class Asked:
    """A command of an alert's page, and what it said before the fault and under it."""

    host: str
    command: str
    before: Answer
    under: Answer

    @property
    def is_failure(self) -> bool:
        """It could not run, or objected already without the fault; what objects only now shows the fault."""
        return self.under.objects and (self.under.status in NEVER_RAN or self.before.objects)


Answers = Mapping[tuple[str, str], Answer]


def written(alert: str, hosts: Sequence[str]) -> list[tuple[str, str]]:
    """(host, command) of an alert's page; the application host that it names is the one with the fault."""
    return [(_where(one, hosts), one.text) for one in commands() if one.page == alert]


def _where(command: Command, hosts: Sequence[str]) -> str:
    struck = [host for host in hosts if host in APPLICATION]
    return struck[0] if command.host in APPLICATION and struck else command.host


def ask(wanted: Iterable[tuple[str, str]]) -> Answers:
    """What each of these commands answers now."""
    once = sorted(set(wanted))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(once, pool.map(lambda one: _run(*one), once), strict=True))


def _run(host: str, command: str) -> Answer:
    argv = [*POLITELY, "timeout", "-k", str(KILL_S), str(MOST_S), "bash", "-o", "pipefail", "-c", command]
    try:
        with engine.explained():
            done = containers.get(host).exec_run(argv)
    except UserError as error:
        return Answer(UNREACHABLE, str(error))
    status = UNREACHABLE if done.exit_code is None else int(done.exit_code)
    return Answer(status, readable(done.output or b"").strip()[-KEPT:])


def readable(output: bytes) -> str:
    """The words of a command."""
    return printable(output.decode(errors="replace"))


def printable(text: str) -> str:
    """A text in which a question stands for what no page, no XML and no file of ours may hold."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def both(wanted: Sequence[tuple[str, str]], before: Answers, under: Answers) -> tuple[Asked, ...]:
    """Each command with its two answers."""
    return tuple(Asked(host, text, before[host, text], under[host, text]) for host, text in wanted)


def judged(asked: Sequence[Asked]) -> Step:
    """Whether every command of the page ran under the fault, and the first one showed it.

    The others tell causes apart: under one fault some of them rightly answer as always.
    """
    if not asked:
        return Step(rung=Rung.RUNBOOK, mark=Mark.OPEN)
    failed = [one for one in asked if one.is_failure]
    if failed:
        wrong = "; ".join(
            f"on {one.host} `{one.command}` ended with status {one.under.status}: {one.under.words[-200:]}"
            for one in failed
        )
        return Step(rung=Rung.RUNBOOK, mark=Mark.NO, why=wrong)
    changed = [one.under.lasting != one.before.lasting for one in asked]
    if not changed[0]:
        why = f"the first command of the page answers as it did before the fault: `{asked[0].command}`"
        return Step(rung=Rung.RUNBOOK, mark=Mark.NO, why=why)
    return Step(
        rung=Rung.RUNBOOK,
        mark=Mark.YES,
        why=f"{sum(changed)} of {len(asked)} commands answer otherwise than before",
    )
