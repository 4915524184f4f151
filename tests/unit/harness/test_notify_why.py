"""`harness notify why`: routes, mute times and silencers, against the real files."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from devtools.errors import UserError
from devtools.paths import REPO
from harness.cli import main
from harness.notify.why import holds, labels_of, reached, silenced
from monitoring.catalog import load
from monitoring.yaml_text import read_yaml

CONFIG = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
ALERTS = {alert.name: alert for alert in load(REPO / "monitoring" / "rules")}
SOFIA = ZoneInfo("Europe/Sofia")
NOON, NIGHT = (datetime(2026, 11, 28, hour, tzinfo=SOFIA) for hour in (12, 3))


@pytest.mark.parametrize(
    ("hour", "minute", "muted"),
    [(17, 59, False), (18, 0, True), (23, 59, True), (0, 0, True), (7, 59, True), (8, 0, False)],
)
@pytest.mark.parametrize("month", [1, 7])
def test_a_mute_time_is_local(month: int, hour: int, minute: int, muted: bool) -> None:
    moment = datetime(2026, month, 5, hour, minute, tzinfo=SOFIA).astimezone(ZoneInfo("UTC"))

    assert holds(CONFIG, "off-hours", moment) == muted


def test_days_of_the_week_count_from_sunday() -> None:
    week = {"time_intervals": [{"name": "x", "time_intervals": [{"weekdays": ["sunday:monday"]}]}]}
    days = [
        datetime(2026, 11, day, tzinfo=ZoneInfo("UTC")) for day in range(22, 29)
    ]  # a Sunday to a Saturday

    assert [holds(week, "x", day) for day in days] == [True, True, *[False] * 5]


@pytest.mark.parametrize(
    "interval", [{"months": ["mai"]}, {"location": "Europe/Sofja"}, {"times": [{"start_time": "x"}]}]
)
def test_a_mute_time_that_is_not_understood_is_refused(interval: dict[str, object]) -> None:
    odd = {"time_intervals": [{"name": "x", "time_intervals": [interval]}]}

    with pytest.raises(UserError, match="expected x as Alertmanager reads"):
        holds(odd, "x", NOON)


def test_a_route_that_tells_only_at_times_keeps_back_the_rest() -> None:
    config = {
        "route": {"receiver": "a", "routes": [{"receiver": "a", "active_time_intervals": ["day"]}]},
        "receivers": [{"name": "a"}],
        "time_intervals": [
            {"name": "day", "time_intervals": [{"times": [{"start_time": "08:00", "end_time": "18:00"}]}]}
        ],
    }
    labels = labels_of(ALERTS["HostHighCpu"], {})

    def muted(at: datetime) -> list[str]:
        return [one.muted_by for one in reached(config, labels, at)]

    assert (muted(NOON), muted(NIGHT)) == ([""], ["all but day"])


def test_a_warning_is_muted_at_night_and_a_critical_alert_never() -> None:
    def muted(name: str, at: datetime) -> set[bool]:
        labels = labels_of(ALERTS[name], {})
        return {bool(one.muted_by) for one in reached(CONFIG, labels, at)}

    assert muted("HostHighCpu", NIGHT) == {True}
    assert muted("HostHighCpu", NOON) == {False}
    assert muted("CriticalErrorRate", NIGHT) == {False}


def test_a_louder_alert_of_the_same_symptom_silences() -> None:
    found = silenced(CONFIG, labels_of(ALERTS["HostMemoryPressure"], {}), list(ALERTS.values()))

    assert "host" in found["HostDown"]
    assert "CriticalErrorRate" not in found


def test_it_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "why", "HostHighCpu", "--at", "2026-11-28T03:00"]) == 0

    told = capsys.readouterr().out
    assert "MUTED now by off-hours" in told
    assert "slack #mita-alerts" in told
    assert "HostDown, with the same" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["HostDwn"], "is HostDown meant?"),
        (["HostDown", "--at", "tonight"], "expected a moment"),
        (["HostDown", "--label", "env"], "expected NAME=VALUE"),
        (["HostDown", "--config", "/nowhere"], "--config: expected"),
    ],
)
def test_what_cannot_be_answered_is_told(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["notify", "why", *words]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("route", [{"receiver": "b"}, {}])
def test_a_route_that_leads_to_no_receiver_is_told(
    route: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(yaml.safe_dump({"route": route, "receivers": [{"name": "a"}]}))

    for command in (["why", "HostDown"], ["table"]):
        assert main(["notify", *command, "--config", str(config)]) == 1
        assert "expected each route to have one of the receivers a, found" in capsys.readouterr().err


def test_the_table_is_what_a_person_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "table"]) == 0

    told = capsys.readouterr().out
    assert "| HostHighCpu | warning | #mita-alerts, mail | nobody until the morning |" in told
    assert (
        "| ExporterDown with `job=postgres` or `job=redis` or `job=mysqld` | error | #mita-database, " in told
    )
    assert "| Watchdog | none | dead-man, rollback-heartbeat | the same |" in told
