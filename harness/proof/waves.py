"""Batches that are played at the same time, because none can be taken for another's doing.

A wave takes as long as its slowest alert, or as the places for its faults are taken; see `batch`.
"""

import re
from collections.abc import Mapping, Sequence

from harness.faults.fault import Fault

COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)
THEIRS = {
    "release_fault": "mita-backend",
    "rule_file": "prometheus",
    "slack_answers": "rollback",
    "keep_in_queue": "queue",
}
"""Words of helpers.sh that are about the same thing each time."""
CHANGES = re.compile(
    r"(?<![-\w.$])(?:(?:keep|drop_in|target|target_file|stand_in|watched|asked_slowly|redis_set"
    r"|read_again|behave|systemctl (?:stop|start|restart|reload)|in_turns \S+ \S+) \"?([^\s\"';)]+)"
    rf"|({'|'.join(THEIRS)})\b)"
)
"""What a shell stops, has read again, or changes and puts back, in words of helpers.sh and of systemd."""


def waves(batches: Mapping[str, Sequence[Fault]], seconds: Mapping[str, float]) -> list[list[str]]:
    """The names of the batches, each in one wave, the longest first; *seconds* is the bound of each alert."""

    def longest(name: str) -> float:
        return max(seconds[alert] for fault in batches[name] for alert in fault.proves)

    found: list[list[str]] = []
    for name in sorted(batches, key=longest, reverse=True):
        for wave in found:
            among = [fault for other in wave for fault in batches[other]]
            if not any(disturb(one, other) for one in batches[name] for other in among):
                wave.append(name)
                break
        else:
            found.append([name])
    # Last what deploys: others would wait until nothing is blamed on a deployment any more.
    return sorted(found, key=lambda wave: any(fault.deploys for name in wave for fault in batches[name]))


def disturb(one: Fault, other: Fault) -> bool:
    """Whether nobody could tell whose doing something is, or undoing one would touch the other."""
    return (
        _keeps_away(one, other)
        or _keeps_away(other, one)
        or bool({*one.proves} & {*other.proves})
        or (_of_one_service(one, other) and bool(_caused(one, other) or _caused(other, one)))
        or bool(_places(one) & _places(other) and changed(one) & changed(other))
    )


def changed(fault: Fault) -> set[str]:
    """The last names of files, units and settings that a fault, or what it needs, changes and puts back."""
    words = (word or THEIRS[name] for word, name in CHANGES.findall(COMMENT.sub("", fault.inject)))
    own = {word.rsplit("/", 1)[-1].removesuffix(".yml") for word in words}
    return own | (changed(fault.needs) if fault.needs else set())


def _keeps_away(one: Fault, other: Fault) -> bool:
    return one.alone and other.batch not in one.beside


def _of_one_service(one: Fault, other: Fault) -> bool:
    """Whether an alert about a service could be of either."""
    return not (one.service and other.service) or one.service == other.service


def _caused(one: Fault, other: Fault) -> set[str]:
    """What one proves and the other may cause."""
    return {*one.proves} & {*other.may}


def _places(fault: Fault) -> set[str]:
    return {*fault.hosts, *(fault.needs.hosts if fault.needs else ())}
