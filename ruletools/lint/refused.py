"""What promtool refuses in rule files, each with the line or the rule that it names."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ruletools.programs import Answer, promtool

_AT_LINE = re.compile(r"(?:yaml: (?:unmarshal errors: )?line )?(?P<line>\d+):(?:\d+:)? ")
_METRIC = re.compile(r"^Metric: (?P<name>.*)$", re.M)
_NAMED = re.compile(r'rule \d+, "(?P<name>[^"]+)"')


@dataclass(frozen=True)
class Complaint:
    """What promtool says of a file: at a line, or of a rule by its name, or of the file as a whole."""

    path: Path
    what: str
    line: int = 0
    rule: str = ""
    lint: bool = False  # promtool would load it all the same


def refused(paths: Sequence[Path]) -> Iterator[Complaint]:
    """Every complaint about the files. Where promtool does not say about which file, each is asked alone."""
    if not paths:
        return
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", *paths)
    if not answer.returncode:
        return
    found = list(dict.fromkeys(_complaints(paths, answer)))
    if not found and len(paths) > 1:
        for path in paths:
            yield from refused([path])
    elif found:
        yield from found
    else:
        words, named = " ".join(answer.stderr.replace("FAILED:", "").split()), _METRIC.search(answer.stderr)
        yield Complaint(paths[0], words, rule=named["name"] if named else "", lint="lint error" in words)


def _complaints(paths: Sequence[Path], answer: Answer) -> Iterator[Complaint]:
    # What YAML cannot hold is said on a line of its own below the path.
    for line in answer.stderr.replace("unmarshal errors:\n  ", "unmarshal errors: ").splitlines():
        path = next((each for each in paths if line.startswith(f"{each}: ")), None)
        if path is not None:
            what = line.removeprefix(f"{path}: ")
            at, named = _AT_LINE.match(what), _NAMED.search(what)
            yield Complaint(
                path,
                what[at.end() :] if at else what,
                int(at["line"]) if at else 0,
                named["name"] if named else "",
            )
