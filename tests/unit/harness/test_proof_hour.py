"""Whatever the clock says, it can be day or night in the mute hours of a proof."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from harness.proof import hour

DAY, NIGHT = range(10, 15), (22, 23, 0, 1)


@pytest.mark.parametrize("utc", range(24))
def test_noon_is_by_day_and_midnight_at_night_at_each_hour_of_the_machine(utc: int) -> None:
    now = datetime(2026, 11, 28, utc, 40, tzinfo=UTC)

    def there(*, night: bool) -> int:
        return now.astimezone(ZoneInfo(hour.zone(now, night=night))).hour

    assert there(night=False) in DAY
    assert there(night=True) in NIGHT
