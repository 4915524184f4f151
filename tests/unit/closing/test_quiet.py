"""Time intervals hold when Alertmanager's do."""

from datetime import UTC, datetime

import pytest

from closing.errors import ClosingError
from closing.quiet import Interval, covers

OURS: Interval = {
    "weekdays": ["sunday:saturday"],
    "times": [{"start_time": "18:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "08:00"}],
    "location": "Europe/Sofia",
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "mute"),
    [
        ("2026-01-15T15:59:59", False),  # 17:59:59 in winter
        ("2026-01-15T16:00:00", True),
        ("2026-01-15T21:59:59", True),
        ("2026-01-15T22:00:00", True),  # midnight
        ("2026-01-16T05:59:59", True),
        ("2026-01-16T06:00:00", False),
        ("2026-07-15T14:59:59", False),  # 17:59:59 in summer
        ("2026-07-15T15:00:00", True),
        ("2026-03-29T05:00:00", False),  # 08:00 on the day on which clocks go forward
        ("2026-03-29T04:59:59", True),
    ],
)
def test_mute_hours_are_local_in_summer_and_winter(moment: str, mute: bool) -> None:
    assert covers([OURS], at(moment)) is mute


@pytest.mark.parametrize(
    ("part", "inside", "outside"),
    [
        ({"weekdays": ["saturday", "sunday"]}, "2026-11-29T12:00", "2026-11-30T12:00"),
        ({"weekdays": ["monday:friday"]}, "2026-11-30T12:00", "2026-11-29T12:00"),
        ({"days_of_month": ["-1"]}, "2026-02-28T12:00", "2026-03-28T12:00"),
        ({"days_of_month": ["1:5", "-3:-1"]}, "2026-11-05T12:00", "2026-11-06T12:00"),
        ({"months": ["december:december", "1:2"]}, "2026-02-28T12:00", "2026-03-01T12:00"),
        ({"years": ["2026:2027"]}, "2027-12-31T12:00", "2028-01-01T12:00"),
        ({"times": [{"start_time": "09:30", "end_time": "12:00"}]}, "2026-11-29T09:30", "2026-11-29T12:00"),
    ],
)
def test_each_part_has_its_edges(part: Interval, inside: str, outside: str) -> None:
    assert covers([part], at(inside))
    assert not covers([part], at(outside))


def test_no_interval_covers_nothing_and_an_empty_one_everything() -> None:
    assert not covers([], at("2026-11-29T12:00"))
    assert covers([{}], at("2026-11-29T12:00"))


def test_zone_that_the_host_lacks_is_said() -> None:
    with pytest.raises(ClosingError, match="know the time zone Mars/Base"):
        covers([{"location": "Mars/Base"}], at("2026-11-29T12:00"))
