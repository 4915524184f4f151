"""What is read from the network: payloads and credentials."""

import base64
import json
from datetime import UTC
from typing import Any

import pytest

from rollback import cli_text
from rollback.adapters.answers import alerts_from, items_of, labels_of
from rollback.api.auth import Account, require
from rollback.api.payload import MOST_ALERTS, read
from rollback.domain.errors import Blind, Unauthorized, Undecodable
from rollback.domain.stored import MOST_SET_ASIDE

ACCOUNT = Account(username="alertmanager", password="open:sesame")


def body(*alerts: Any, **changes: Any) -> bytes:
    return json.dumps({"version": "4", "receiver": "r", "alerts": alerts, **changes}).encode()


def wire(**changes: Any) -> dict[str, Any]:
    alert = {
        "status": "firing",
        "labels": {"alertname": "A"},
        "startsAt": "2026-03-01T12:00:00.123456789Z",
        "fingerprint": "f",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://p",
    }
    return {name: value for name, value in {**alert, **changes}.items() if value is not None}


def test_alerts_are_read_with_their_time_cut_to_milliseconds() -> None:
    receiver, [alert], quarantined = read(body(wire(annotations={"verify": "up"})))

    assert (receiver, quarantined) == ("r", ())
    assert alert.starts_at.isoformat() == "2026-03-01T12:00:00.123000+00:00"
    assert alert.annotations == {"verify": "up"}


@pytest.mark.parametrize(
    "bad",
    [
        wire(status="pending"),
        wire(fingerprint=None),
        wire(fingerprint=""),
        wire(startsAt="yesterday"),
        wire(startsAt="2026-03-01T12:00:00"),
        wire(startsAt="9999-12-31T23:59:59.999Z"),
        wire(startsAt="0001-01-01T00:00:00+05:00"),
        wire(startsAt="0001-01-01T00:00:00Z"),
        wire(labels={"n": 1}),
        wire(labels=None),
        "text",
        None,
        [],
    ],
    ids=str,
)
def test_one_bad_alert_is_set_aside_and_its_neighbours_are_taken(bad: Any) -> None:
    _, alerts, [quarantined] = read(body(wire(), bad, wire(fingerprint="g")))

    assert [alert.fingerprint for alert in alerts] == ["f", "g"]
    assert quarantined.problem
    assert quarantined.body == json.dumps(bad)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"version":"4","alerts":[],"more":' + b"[" * 3_000,
        body(version="3"),
        body(alerts={}),
        b'{"version":"4"}',
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_webhook_is_refused(text: bytes) -> None:
    with pytest.raises(Undecodable, match="version 4"):
        read(text)


@pytest.mark.parametrize("depth", [40, 2_000, 100_000])
def test_an_alert_that_is_nested_too_deeply_is_set_aside_alone(depth: int) -> None:
    deep = b'{"labels": ' + b"[" * depth + b"]" * depth + b"}"
    tricky = wire(fingerprint="g", labels={"alertname": 'a "[[[{{" \\'})
    whole = body(wire(), "DEEP", tricky).replace(b'"DEEP"', deep)

    _, alerts, [quarantined] = read(whole)

    assert [alert.fingerprint for alert in alerts] == ["f", "g"]
    assert alerts[1].name == 'a "[[[{{" \\'
    assert quarantined.problem.startswith("Expected `object`")


def test_a_body_of_nonsense_costs_little_and_keeps_little() -> None:
    _, alerts, quarantined = read(body(wire(), *[0] * 5_000))

    assert len(alerts) == 1
    assert len(quarantined) == MOST_SET_ASIDE + 1
    assert quarantined[-1].problem == "4950 more alerts of one body could not be read"


def test_a_body_with_more_alerts_than_anybody_delivers_is_refused() -> None:
    with pytest.raises(Undecodable, match="at most 20000 alerts"):
        read(body(*[0] * (MOST_ALERTS + 1)))


def test_half_a_character_costs_no_alert_beside_it() -> None:
    odd = body(wire(), wire(labels={"alertname": "odd"}), receiver="odd").replace(b'"odd"', b'"\\ud800"')

    receiver, alerts, quarantined = read(odd)

    assert [receiver, *(alert.name for alert in alerts)] == ["\ufffd", "A", "\ufffd"]
    assert not quarantined


def test_a_text_that_nobody_closes_is_read_once() -> None:
    """Looked for from each of its quotes, this one took ten minutes."""
    with pytest.raises(Undecodable):
        read(b'{"version":"4","alerts":[' + b"[" * 3000 + b'"' + b'\\"' * 100_000)


def test_strange_but_legal_text_is_kept() -> None:
    _, [alert], _ = read(body(wire(labels={"alertname": "A\x00\U0001f525"})))

    assert alert.name == "A\x00\U0001f525"


def held(**changes: Any) -> dict[str, Any]:
    """An alert as Alertmanager's own list has it."""
    base = {"fingerprint": "f", "startsAt": "2026-03-01T12:00:00Z", "labels": {"alertname": "A"}}
    return {**base, "annotations": {}, **changes}


@pytest.mark.parametrize(
    "bad",
    [
        held(startsAt="0001-01-01T00:00:00+05:00"),
        held(startsAt="9999-12-31T23:59:59.999Z"),
        held(startsAt="soon"),
        held(startsAt=None),
        held(fingerprint=""),
        held(labels=[]),
        {},
        0,
        None,
        "text",
    ],
    ids=str,
)
def test_one_bad_alert_of_alertmanagers_list_hides_no_other(bad: Any) -> None:
    alerts, [unread] = alerts_from([held(), bad, held(fingerprint="g")])

    assert [alert.fingerprint for alert in alerts] == ["f", "g"]
    assert unread.problem


@pytest.mark.parametrize("found", [None, {}, "x", 0], ids=str)
def test_what_is_no_list_is_blindness(found: Any) -> None:
    with pytest.raises(Blind):
        alerts_from(found)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_right_credentials_pass_and_a_password_may_hold_colons(scheme: str) -> None:
    require(basic("alertmanager:open:sesame").replace("Basic", scheme), ACCOUNT)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic your-secret",
        basic("alertmanager"),
        basic("alertmanager:wrong"),
        basic("admin:open:sesame"),
        basic(":"),
        basic("alertmanager:open:sesame").replace("Basic", "Bearer"),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic \xff\xfe",
    ],
    ids=str,
)
def test_everything_else_is_refused(header: str) -> None:
    with pytest.raises(Unauthorized):
        require(header, ACCOUNT)


def test_one_of_several_accounts_is_enough() -> None:
    require(basic("b:2"), Account(username="a", password="1"), Account(username="b", password="2"))


def test_the_password_is_in_no_representation() -> None:
    assert "sesame" not in repr(ACCOUNT)


@pytest.mark.parametrize(
    ("webhook", "listed", "moment"),
    [
        ("2026-03-01T12:00:00.123999900Z", "2026-03-01T12:00:00.123Z", "2026-03-01T12:00:00.123000+00:00"),
        ("2026-03-01T12:00:00.999999999Z", "2026-03-01T12:00:00.999Z", "2026-03-01T12:00:00.999000+00:00"),
        (
            "2026-03-01T12:59:59.999999999+05:30",
            "2026-03-01T07:29:59.999Z",
            "2026-03-01T07:29:59.999000+00:00",
        ),
        ("2026-02-28T23:30:00.0005-01:00", "2026-03-01T00:30:00.000Z", "2026-03-01T00:30:00+00:00"),
        ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00+00:00"),
    ],
)
def test_the_same_episode_is_one_however_many_digits_its_time_has(
    webhook: str, listed: str, moment: str
) -> None:
    """Nanoseconds are cut, not rounded: Alertmanager's list has milliseconds that were cut."""
    _, [posted], _ = read(body(wire(startsAt=webhook)))
    [found], _ = alerts_from([{**wire(startsAt=listed), "status": {"state": "active"}}])

    assert posted.identity == found.identity
    assert posted.starts_at.astimezone(UTC).isoformat() == moment


@pytest.mark.parametrize(
    "odd",
    [
        None,
        1,
        "x",
        [],
        {},
        {"fingerprint": "g"},
        wire(fingerprint="g", startsAt="0001-01-01T00:00:00+05:00"),
        wire(fingerprint="g", startsAt="9999-12-31T23:59:59.999Z"),
        wire(fingerprint="g", startsAt="2026-03-01T12:00:00"),
        wire(fingerprint="g", startsAt=1e300),
        wire(fingerprint="g", startsAt=10**400),
        wire(fingerprint=["g"]),
        wire(fingerprint="g", labels=[1]),
        wire(fingerprint="g", labels={"n": 1}),
        wire(fingerprint="g", labels={"n": {"deep": []}}),
        wire(fingerprint="g", annotations="x"),
    ],
    ids=lambda odd: str(odd)[:80],
)
def test_one_odd_alert_in_alertmanagers_list_hides_no_other(odd: Any) -> None:
    alerts, [unread] = alerts_from([wire(), odd, wire(fingerprint="h")])

    assert [alert.fingerprint for alert in alerts] == ["f", "h"]
    assert unread.problem


def test_what_is_no_character_can_be_stored_all_the_same() -> None:
    [alert], _ = alerts_from([wire(fingerprint="\udcff", labels={"n": "a\udcffb"})])

    assert (alert.fingerprint, alert.labels) == ("?", {"n": "a?b"})


def test_of_a_list_of_nonsense_little_is_kept() -> None:
    _, unread = alerts_from([0] * 5_000)

    assert len(unread) == MOST_SET_ASIDE + 1


def test_a_sample_says_whose_it_is() -> None:
    with pytest.raises(Blind, match="`metric` as an object"):
        labels_of({"value": [0, "1"]}, "metric")


def test_the_terminal_obeys_nothing_that_came_from_outside(capsys: pytest.CaptureFixture[str]) -> None:
    cli_text.say("A\x1b[2J\tb\nc\x9b")

    assert capsys.readouterr().out == "A\\x1b[2J\tb\nc\\x9b\n"


@pytest.mark.parametrize(
    "odd",
    [
        b'{"labels":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"fingerprint":"odd","startsAt":' + b"9" * 6000 + b"}",
        b'{"fingerprint":"\xff","labels":{}}',
    ],
    ids=["deep", "digits", "no text"],
)
def test_one_item_that_nobody_can_read_blinds_nobody(odd: bytes) -> None:
    good = json.dumps(wire(fingerprint="good")).encode()

    alerts, unread = alerts_from(items_of(b"[" + odd + b"," + good + b"]"))

    assert [alert.fingerprint for alert in alerts] == ["good"]
    assert len(unread) == 1


def test_deep_and_half_a_character_at_once_cost_no_alert_beside_them() -> None:
    deep = b'{"labels":' + b"[" * 5000 + b"]" * 5000 + b"}"
    odd = body(wire(), wire(labels={"alertname": "odd"})).replace(b'"odd"', b'"\\ud800"')

    _, alerts, quarantined = read(odd.replace(b'"alerts": [', b'"alerts": [' + deep + b","))

    assert [alert.name for alert in alerts] == ["A", "\ufffd"]
    assert len(quarantined) == 1
