"""Stimuli for numbers that no unit test reaches: one series, or one metric, of a test group multiplied."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Series = Mapping[str, Any]
FACTORS = (1.5, 10.0, 1000.0, 0.5, 0.1, 0.001)
_STEPS = re.compile(r"(?P<start>-?\d[\d.]*)(?:(?P<sign>[+-])(?P<step>\d[\d.]*))?(?P<times>x\d+)?")


def multiplied(series: Sequence[Series]) -> Iterator[list[Series]]:
    """The series with those of one name, or one of them alone, some times as large or as small."""
    names = [str(each["series"]) for each in series]
    metrics = [name.partition("{")[0] for name in names]
    for known in (names, metrics):
        for chosen in dict.fromkeys(known):
            for factor in FACTORS:
                yield [
                    {**each, "values": _times(str(each["values"]), factor)} if name == chosen else each
                    for name, each in zip(known, series, strict=True)
                ]


def _times(values: str, factor: float) -> str:
    return " ".join(_step(word, factor) for word in values.split())


def _step(word: str, factor: float) -> str:
    found = _STEPS.fullmatch(word)
    if not found:
        return word  # no number: a gap, the end of a series, a histogram
    step = f"{found['sign']}{_number(found['step'], factor)}" if found["sign"] else ""
    return f"{_number(found['start'], factor)}{step}{found['times'] or ''}"


def _number(text: str, factor: float) -> str:
    return f"{float(text) * factor:.9f}".rstrip("0").rstrip(".")
