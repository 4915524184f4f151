"""The commands of the runbooks: blocks that a program can find and run on the host that they name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ruletools.house.files import RUNBOOKS

BLOCK = re.compile(r"^```sh host=(\w+)\n(.*?)\n```$", re.S | re.M)


@dataclass(frozen=True)
class Command:
    """What a page says to run, as it stands there."""

    page: str
    host: str
    text: str


def commands(directory: Path = RUNBOOKS) -> Iterator[Command]:
    """Every command of every page, in the order of the pages."""
    for path in sorted(directory.glob("*.md")):
        for host, text in BLOCK.findall(path.read_text("utf-8")):
            yield Command(path.stem, host, text)
