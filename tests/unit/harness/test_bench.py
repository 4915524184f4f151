"""A foreign team's files: what is read of them, what is replaced in them, and how what arrived is judged."""

import json
import os
import signal
import threading
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from devtools.errors import UserError
from devtools.paths import REPO
from harness.bench.bench_file import Fault, mapping, read
from harness.bench.bench_result import Run, as_json, lines
from harness.bench.bench_rungs import Scene, Seen, judge, strays
from harness.bench.heard import heard
from harness.bench.heard import lines as written
from harness.bench.loopback import _scraped
from harness.bench.outside import MARK, Sink, hidden, no_pattern, places, replaced, witness
from harness.bench.shells import interruptible, shell, undisturbed
from harness.cli import main
from harness.proof.marks import Mark
from harness.proof.witnessed import Life
from monitoring.errors import CatalogError
from monitoring.yaml_text import read_yaml

OWN = REPO / "tests" / "own_service"
FILE = OWN / "alertmanager.yml"
SINK = Sink(http=9999, smtp=9998, password="made-up")
NOW = 1_800_000_000.0
FAILING = {"alertname": "ShopOrdersFail", "team": "till", "urgency": "wake", "branch": "sofia"}
LOW = {"alertname": "ShopStockLow", "team": "store", "urgency": "tomorrow", "branch": "sofia"}
WITHIN = {"ShopOrdersFail": 17.0, "ShopStockLow": 13.0}


def record(at: float, receiver: str, **rest: Any) -> dict[str, Any]:
    plain = {"receiver": receiver, "valid": True, "problems": [], "headers": {}, "body": {"text": "words"}}
    return {**plain, "at": datetime.fromtimestamp(at, UTC).isoformat(), **rest}


def sent(at: float, receiver: str, labels: Mapping[str, str], status: str = "firing") -> list[dict[str, Any]]:
    """What the stand-ins record when one receiver of the file speaks."""
    alerts = [{"status": status, "labels": dict(labels)}]
    found = [record(at, "webhook", channel=witness(receiver), body={"groupKey": "g", "alerts": alerts})]
    for place in places(FILE, read_yaml(FILE.read_text())):
        if place.receiver != receiver or not (status == "firing" or place.tells_ends):
            continue
        number, late = str(place.number), at + 0.1
        if place.kind == "email":
            found.append(record(late, "smtp", headers={MARK: number}))
        elif place.kind == "pagerduty":
            found.append(record(late, "pagerduty", urgency=number))
        else:
            found.append(record(late, place.kind, channel=number))
    return found


ALL_TOLD = [
    *sent(NOW + 5, "on call", FAILING),
    *sent(NOW + 5, "till", FAILING),
    *sent(NOW + 15, "on call", FAILING, "resolved"),
    *sent(NOW + 15, "till", FAILING, "resolved"),
]


def steps(
    records: list[dict[str, Any]], *, told: Mapping[str, list[str]] | None = None, **scene: Any
) -> list[tuple[Mark, str]]:
    life = Life(labels=FAILING, pending=NOW + 2, firing=NOW + 4, ended=NOW + 14)
    played = Scene(
        **{
            **{"name": "payments-fail", "began": NOW - 1, "ended": NOW + 20, "injected": NOW},
            **{"undone": NOW + 10, "lives": [life], "bounds": WITHIN},
            "fault": Fault(proves=("ShopOrdersFail",), inject="true", undo="true"),
            **scene,
        }
    )
    config = read_yaml(FILE.read_text())
    seen = Seen(config=config, places=places(FILE, config), records=records, told=told or {})
    [proof] = judge(played, seen)
    return [(step.mark, step.why) for step in proof.steps]


def test_everything_that_leaves_the_machine_is_replaced_and_nothing_else() -> None:
    config = mapping(FILE)
    before = deepcopy(config)

    ours = replaced(FILE, config, SINK)

    text = yaml.safe_dump(ours)
    assert config == before
    assert not [word for word in ("/run/secrets", "hooks.shop", "proxy", "token", ":587") if word in text]
    assert ours["route"] == config["route"]
    assert ours["templates"] == [str(OWN / "texts.tmpl")]
    assert ours["global"]["smtp_from"] == "alerts@shop.example"
    till = next(one for one in ours["receivers"] if one["name"] == "till")
    assert till["slack_configs"][0]["channel"] == "#till"
    assert till["slack_configs"][0]["text"] == '{{ template "shop.says" . }}'


def test_two_of_a_kind_at_one_receiver_have_addresses_of_their_own() -> None:
    config = {
        "route": {"receiver": "a"},
        "receivers": [{"name": "a", "webhook_configs": [{"url": "https://one.example"}, {"url_file": "/x"}]}],
    }

    [receiver] = replaced(FILE, config, SINK)["receivers"]

    assert len({one["url"] for one in receiver["webhook_configs"]}) == 3
    assert [place.words for place in places(FILE, config)] == [
        "webhook one.example",
        "webhook at a secret address",
    ]


def test_of_an_integration_that_nobody_stands_in_for_a_webhook_takes_the_place() -> None:
    entry = {"api_key": "secret-of-theirs", "send_resolved": False}
    config = {"route": {"receiver": "a"}, "receivers": [{"name": "a", "opsgenie_configs": [entry]}]}

    [place] = places(FILE, config)
    [receiver] = replaced(FILE, config, SINK)["receivers"]

    assert (str(place), place.tells_ends) == ("a (opsgenie)", False)
    assert "opsgenie_configs" not in receiver and "secret-of-theirs" not in str(receiver)
    assert receiver["webhook_configs"][0] == {"url": SINK.url("/webhook/0"), "send_resolved": False}
    assert hidden(config) == ["secret-of-theirs"]


def test_an_integration_that_there_is_not_is_refused() -> None:
    config = {"route": {"receiver": "a"}, "receivers": [{"name": "a", "opsgeny_configs": [{}]}]}

    with pytest.raises(CatalogError, match=r"receiver a: .*found opsgeny_configs; is opsgenie_configs meant"):
        places(FILE, config)


def test_a_secret_of_a_broken_file_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text("route: {}\nkey: 'secret-of-mine\n  - [\n")

    with pytest.raises(UserError) as error:
        mapping(tmp_path / "alertmanager.yml")

    assert "secret-of-mine" not in str(error.value)
    assert "line" in str(error.value)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("undo: curl", "udno: curl", "expected faults.payments-fail.undo, found nothing"),
        ("undo: curl", "udno: curl", "a key that a bench knows, found faults.payments-fail.udno"),
        ("[ShopStockLow]", "[ShopStockLo]", "faults.stock-sold.proves: expected alerts of the rules"),
        ("interval: 1s", "interval: soon", "expected a duration such as 15s, found 'soon'"),
        ("health: /", "health: up", "expected a path that begins with /, found 'up'"),
        ("shop.rules.yml", "shops.rules.yml", "expected rule files 'shops.rules.yml'"),
        ("alertmanager: alertmanager.yml", "alertmanager: am.yml", "am.yml, found none"),
        ("  job: shop", "  job: shop\n  port: 70000", "service.port: .*found .70000."),
        ("load.py", "laod.py", "laod.py, found none"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_was_expected(
    tmp_path: Path, before: str, after: str, says: str
) -> None:
    for file in OWN.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_text(file.read_text())
    text = (OWN / "bench.yml").read_text()
    (tmp_path / "bench.yml").write_text(text.replace(before, after))

    with pytest.raises(UserError, match=says):
        read(tmp_path / "bench.yml")


def test_the_check_says_who_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--check", str(OWN / "bench.yml")]) == 0

    said = capsys.readouterr().out
    assert "ShopOrdersFail: on call (" in said
    assert "till (slack #till, webhook hooks.shop.example, opsgenie)" in said
    assert "token" not in said


def test_an_alert_is_proven_when_all_its_receivers_heard_of_it_and_of_its_end() -> None:
    found = steps(ALL_TOLD, told={"ShopOrdersFail": ["till", "on call"]})

    assert [mark for mark, _ in found] == [Mark.YES] * 3
    assert "told of no end, as the file says: till (slack #till)" in found[2][1]


@pytest.mark.parametrize(
    ("missing", "rung", "says"),
    [("pagerduty", 1, "nothing at on call (pagerduty"), ("slack", 1, "nothing at till (slack #till)")],
)
def test_a_place_that_heard_nothing_fails_the_alert(missing: str, rung: int, says: str) -> None:
    mark, why = steps([one for one in ALL_TOLD if one["receiver"] != missing])[rung]

    assert mark is Mark.NO
    assert says in why


def test_an_end_that_was_not_told_fails_the_alert() -> None:
    mark, why = steps(ALL_TOLD[:-3])[2]

    assert mark is Mark.NO
    assert "nothing at on call" in why or "nothing at till" in why


def test_who_is_not_among_its_receivers_must_not_hear_of_it() -> None:
    mark, why = steps([*ALL_TOLD, *sent(NOW + 5, "ticket", FAILING)])[1]

    assert (mark, why) == (Mark.NO, "ticket was told, to which no route leads it")


def test_the_same_told_again_fails_the_alert() -> None:
    again = sent(NOW + 7, "till", FAILING)

    assert steps([*ALL_TOLD[:5], *again, *ALL_TOLD[5:]])[1] == (Mark.NO, "till was told the same again")


def test_what_the_real_service_would_refuse_fails_the_alert() -> None:
    records = deepcopy(ALL_TOLD)
    next(one for one in records if one["receiver"] == "slack")["problems"] = ["no_text"]

    assert "would refuse the message: no_text" in steps(records)[1][1]


def test_routes_that_lead_elsewhere_than_is_meant_fail_the_alert() -> None:
    mark, why = steps(ALL_TOLD, told={"ShopOrdersFail": ["ticket"]})[1]

    assert (mark, why) == (Mark.NO, "meant for ticket, the routes lead it to on call, till")


def test_an_alert_that_never_fires_or_comes_late_is_not_proven() -> None:
    late = Life(labels=FAILING, pending=NOW + 2, firing=NOW + 18, ended=NOW + 19)

    assert steps([], lives=[])[0] == (Mark.NO, "expected it within 17 s, it never fired")
    assert steps(ALL_TOLD, lives=[late])[0][0] is Mark.NO


def test_an_alert_that_still_fires_is_not_resolved() -> None:
    on = Life(labels=FAILING, pending=NOW + 2, firing=NOW + 4, ended=None)

    assert steps(ALL_TOLD, lives=[on])[2] == (Mark.NO, "it still fires")


def test_a_message_is_about_what_its_witness_heard_whatever_its_text_says() -> None:
    at = places(FILE, read_yaml(FILE.read_text()))

    told = heard([*sent(NOW, "till", FAILING), *sent(NOW + 1, "ticket", LOW)], at)

    about = {one.place.kind: dict(next(iter(one.firing)))["alertname"] for one in told}
    at_till = dict.fromkeys(("slack", "webhook", "opsgenie"), "ShopOrdersFail")
    assert about == {**at_till, "email": "ShopStockLow"}


def test_what_arrives_is_written_as_a_person_reads_it() -> None:
    said = list(written(sent(NOW, "till", FAILING, "resolved"), places(FILE, read_yaml(FILE.read_text()))))

    assert said == [
        "08:00:00  till (webhook hooks.shop.example): taken",
        "08:00:00  till (opsgenie): taken",
        "    till was told: ShopOrdersFail is over",
    ]


def test_whatever_no_fault_explains_fails_the_run() -> None:
    life = Life(labels=LOW, pending=NOW, firing=NOW, ended=None)
    scene = Scene(name="no fault", began=NOW, ended=NOW, lives=[life])

    [stray] = strays(scene, {})
    [known] = strays(scene, {"ShopStockLow": "it is the season"})

    assert not Run(alerts=["ShopStockLow"], proofs=[], strays=[stray]).holds
    assert known.reason == "it is the season"


def test_nothing_played_is_not_proven_and_a_witness_asleep_voids() -> None:
    assert not Run(alerts=["A"], proofs=[], strays=[]).holds
    slept = Run(
        alerts=["A"], proofs=[], strays=[], void="it slept", complaints=["Alertmanager: no such text"]
    )
    assert slept.sentence.startswith("VOID")
    assert list(lines(slept)) == ["Alertmanager: no such text"]
    assert json.loads(json.dumps(as_json(slept)))["void"] == "it slept"


def test_a_command_that_fails_or_hangs_says_so(tmp_path: Path) -> None:
    assert shell("true", tmp_path, os.environ) == ""
    assert shell("echo words; exit 3", tmp_path, os.environ) == "`echo words; exit 3` exited 3: words"
    assert "did not end within 0.05 s" in shell("sleep 5", tmp_path, os.environ, longest_s=0.05)
    assert shell("sleep 5 & true", tmp_path, os.environ, longest_s=2) == ""


def test_whoever_ends_the_bench_is_heard_as_ctrl_c_and_not_while_a_fault_is_undone(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), interruptible():
        with undisturbed():
            os.kill(os.getpid(), signal.SIGTERM)
        assert shell("true", tmp_path, os.environ) == ""
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(1)


def test_what_was_told_of_an_earlier_fault_proves_no_later_one() -> None:
    later = Life(labels=FAILING, pending=NOW + 102, firing=NOW + 104, ended=NOW + 114)
    found = steps(
        ALL_TOLD, lives=[later], began=NOW + 100, injected=NOW + 101, undone=NOW + 110, ended=NOW + 120
    )

    assert [mark for mark, _ in found] == [Mark.YES, Mark.NO, Mark.NO]
    assert "nothing at on call" in found[1][1]


def test_an_alert_that_fires_before_its_fault_or_ends_before_it_is_undone_is_not_proven() -> None:
    assert steps(ALL_TOLD, injecting=NOW + 5, injected=NOW + 6)[0] == (
        Mark.NO,
        "it fired 1.0 s before the fault",
    )
    assert steps(ALL_TOLD, undoing=NOW + 16, undone=NOW + 17)[2] == (
        Mark.NO,
        "it ended 2.0 s before the fault was undone",
    )


def test_two_routes_to_one_receiver_tell_it_twice() -> None:
    again = deepcopy(sent(NOW + 5, "till", FAILING))
    again[0]["body"]["groupKey"] = "another"

    assert steps([*ALL_TOLD, *again])[1] == (Mark.NO, "till was told the same by two of its routes")


TILL = [
    *sent(NOW + 5, "till", FAILING),
    *sent(NOW + 15, "till", FAILING, "resolved"),
]


@pytest.mark.parametrize(
    ("muted", "records", "mark", "says"),
    [
        (("on call", "till"), [], Mark.NOT_NOW, "muted at this hour: on call, till"),
        (("on call",), TILL, Mark.NOT_NOW, "; muted at this hour: on call"),
        (("on call", "till"), ALL_TOLD, Mark.NO, "on call was told although it is muted at this hour"),
    ],
)
def test_what_cannot_be_told_at_this_hour_is_not_counted_as_proven(
    muted: tuple[str, ...], records: list[dict[str, Any]], mark: Mark, says: str
) -> None:
    config = mapping(FILE)
    config["time_intervals"] = [{"name": "ever", "time_intervals": [{"years": ["2000:2999"]}]}]
    for route in config["route"]["routes"]:
        route["mute_time_intervals"] = ["ever"] if route["receiver"] in muted else []
    life = Life(labels=FAILING, pending=NOW + 2, firing=NOW + 4, ended=NOW + 14)
    fault = Fault(proves=("ShopOrdersFail",), inject="true", undo="true")
    scene = Scene(
        name="f",
        fault=fault,
        lives=[life],
        bounds=WITHIN,
        began=NOW - 1,
        ended=NOW + 20,
        injected=NOW,
        undone=NOW + 10,
    )

    [proof] = judge(scene, Seen(config=config, places=places(FILE, config), records=records, told={}))
    run = Run(alerts=["ShopOrdersFail"], proofs=[proof], strays=[])

    assert (proof.steps[1].mark, says in proof.steps[1].why) == (mark, True)
    assert (run.proven, run.holds) == ([], False)
    assert "0 of 1 alerts are proven" in run.sentence


def test_of_two_series_the_one_that_another_alert_silences_need_not_be_told() -> None:
    config = mapping(FILE)
    config["inhibit_rules"] = [{"source_matchers": ["alertname=Down"], "equal": ["branch"]}]
    other = {**FAILING, "branch": "varna"}
    lives = [
        Life(labels=labels, pending=NOW + 2, firing=NOW + 4, ended=NOW + 14)
        for labels in (FAILING, other, {"alertname": "Down", "branch": "varna"})
    ]
    fault = Fault(proves=("ShopOrdersFail",), inject="true", undo="true")
    scene = Scene(
        name="f",
        fault=fault,
        lives=lives,
        bounds=WITHIN,
        began=NOW - 1,
        ended=NOW + 20,
        injected=NOW,
        undone=NOW + 10,
    )

    [proof] = judge(scene, Seen(config=config, places=places(FILE, config), records=ALL_TOLD, told={}))

    assert proof.proven


def test_values_are_taken_as_they_are_written_as_alertmanager_takes_them(tmp_path: Path) -> None:
    text = "route: {receiver: a, routes: [{match: {page: yes, ver: 1.10}, continue: yes}]}\n"
    text += "time_intervals: [{name: n, time_intervals: [{times: [{start_time: 9:00, end_time: 17:00}]}]}]\n"
    text += "receivers: [{name: a, webhook_configs: [{url: 'http://x', max_alerts: 010}]}]\n"
    (tmp_path / "a.yml").write_text("\ufeff" + text.replace("\n", "\r\n"), newline="")

    config = mapping(tmp_path / "a.yml")
    copy = yaml.safe_dump(replaced(tmp_path / "a.yml", config, SINK))

    [route] = config["route"]["routes"]
    assert (route["match"], route["continue"]) == ({"page": "yes", "ver": "1.10"}, True)
    for said in ("page: yes", "ver: 1.10", "end_time: 17:00", "max_alerts: 010", "continue: true"):
        assert said in copy


def test_rules_of_others_have_labels_that_are_no_texts_and_names_that_look_like_patterns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "team [x]"
    home.mkdir()
    (home / "r [1].yml").write_text(
        "groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {sev: 1, page: no}}]}]"
    )
    (home / "a.yml").write_text("route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n")
    (home / "b.yml").write_text(
        "{rules: ['r [1].yml'], alertmanager: a.yml, service: {start: 'true', health: /, job: j}, "
        "faults: {f: {proves: [A], inject: 'true', undo: 'true'}}, told: {A: [b]}}"
    )

    plan = read(home / "b.yml")
    assert main(["bench", "--check", str(home / "b.yml")]) == 1

    assert plan.alerts["A"].labels == {"sev": "1", "page": "no"}
    assert no_pattern(plan.rules[0]) == f"{tmp_path}/team \\[x]/r \\[1].yml"
    assert "meant for b, the routes lead it to a" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("health", "scraped"),
    [([], False), (["up"], False), (["up", "unknown"], False), (["up", "down"], False), (["up", "up"], True)],
)
def test_a_service_that_was_not_scraped_yet_is_waited_for(health: list[str], scraped: bool) -> None:
    targets = [{"health": one} for one in health]
    bench: Any = SimpleNamespace(prometheus=SimpleNamespace(targets=lambda: targets))

    assert _scraped(bench) is scraped


def test_a_folder_with_anything_in_it_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "alertmanager.yml").write_text("mine")

    assert main(["bench", str(OWN / "bench.yml"), "--out", str(tmp_path)]) == 1

    assert "expected a new or an empty folder, found alertmanager.yml" in capsys.readouterr().err
    assert (tmp_path / "alertmanager.yml").read_text() == "mine"


def test_no_word_about_a_file_repeats_a_secret_of_it() -> None:
    config = mapping(FILE)

    found = hidden(config)

    assert "https://hooks.shop.example/till?token=of-the-shop" in found
    assert "http://proxy.shop.example:3128" in found
    assert "alerts@shop.example" not in found


def test_a_terminal_that_closes_is_heard_as_ctrl_c(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGHUP)  # nohup: a run goes on
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with pytest.raises(KeyboardInterrupt), interruptible():
            assert signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL
            os.kill(os.getpid(), signal.SIGHUP)
            threading.Event().wait(1)
    finally:
        signal.signal(signal.SIGHUP, before)
