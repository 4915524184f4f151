"""Whatever the clock says, it can be day or night in the mute hours of a proof."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from harness.proof import hour

DAY, NIGHT = range(10, 18), (22, 23, *range(8))


@pytest.mark.parametrize("utc", range(24))
def test_noon_is_by_day_and_midnight_at_night_at_each_hour_of_the_machine(utc: int) -> None:
    now = datetime(2026, 11, 28, utc, 59, tzinfo=UTC)

    def there(at: datetime, *, night: bool) -> int:
        return at.astimezone(ZoneInfo(hour.zone(now, night=night))).hour

    for at in (now, now + timedelta(seconds=hour.LASTS_S)):
        assert there(at, night=False) in DAY
        assert there(at, night=True) in NIGHT
