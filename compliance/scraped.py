"""What an application exposes, read as Prometheus reads it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from devtools.errors import UserError

TYPE = re.compile(r"#\s+TYPE\s+(\S+)\s+(\S+)")
UNTYPED = "untyped"
PARTS = ("_count", "_sum", "_bucket")


@dataclass(frozen=True)
class Sample:
    """One line of /metrics."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Exposition:
    """The samples of each name, and what kind of number each is said to be."""

    samples: Mapping[str, list[Sample]]
    types: Mapping[str, str]


def parse(text: str) -> Exposition:
    """Return what the text says; UserError where Prometheus could not read it either.

    The parser is not told the types: it would rename a counter without `_total`, which Prometheus does not.
    """
    lines = text.split("\n")
    said = {found[1]: found[2] for found in map(TYPE.match, lines) if found}
    samples: dict[str, list[Sample]] = {}
    try:
        bare = "\n".join(line for line in lines if not TYPE.match(line)) + "\n"
        for family in text_string_to_metric_families(bare):
            for each in family.samples:
                samples.setdefault(each.name, []).append(Sample(each.labels, each.value))
    except (ValueError, KeyError, IndexError) as error:
        raise UserError(f"expected the text format of Prometheus at /metrics, found: {error}") from error
    return Exposition(samples, {name: said.get(name) or said.get(whole(name), UNTYPED) for name in samples})


def whole(name: str) -> str:
    """Return a histogram's name, for each of its parts; any other as it is."""
    return next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)
