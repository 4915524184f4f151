"""What an application lacks is named, with the alerts that are blind for it."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from compliance import questions, scraped
from compliance.compliance import Finding, State, judge
from compliance.readers import readers
from devtools.paths import REPO
from harness.cli import main
from monitoring import contract
from monitoring.promql import Selector, walk
from monitoring.rule_files import load, load_recordings

PROMISED = contract.series()
RULES = REPO / "monitoring" / "rules"
VALUES = {"status": "200", "version": "1.0.0"}


def lines() -> dict[str, str]:
    """The text of an application that has everything, by promised series."""
    found = {}
    for each in PROMISED:
        labels = {label: VALUES.get(label, "x") for label in each.labels}
        pairs = ",".join(f'{name}="{value}"' for name, value in labels.items())
        base = each.name.removesuffix("_count")
        text = f"{each.name}{{{pairs}}} 1\n"
        for limit in ("0.4", "1.0", "2.5", "+Inf") if each.buckets else ():
            text += f'{base}_bucket{{{pairs},le="{limit}"}} 1\n'
        found[each.name] = text
    return found


def findings(text: str, *accepted: str, version: str = "1.0.0") -> dict[str, Finding]:
    judged = judge(PROMISED, scraped.parse(text), version, accepted)
    return {each.name: each for each in judged}


def changed(name: str, *changes: tuple[str, str]) -> str:
    found = lines()
    for old, new in changes:
        assert old in found[name]
        found[name] = found[name].replace(old, new)
    return "".join(found.values())


def test_application_that_has_everything_is_found_so() -> None:
    assert {each.state for each in findings("".join(lines().values())).values()} == {State.THERE}


@pytest.mark.parametrize("name", [each.name for each in PROMISED])
def test_series_that_is_missing_is_the_only_one_found_so(name: str) -> None:
    text = "".join(text for other, text in lines().items() if other != name)

    assert [each.name for each in findings(text).values() if each.bad] == [name]
    assert findings(text, f"{name[:8]}*")[name].state is State.ACCEPTED


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("http_requests_total", [('path="x",', "")], "labels method, path, status, found method, status"),
        ("daily_active_users", [("{}", '{pid="1"}')], "labels none, found pid"),
        ("http_requests_total", [('status="200"', 'status="OK"')], "a status such as 500, found 'OK'"),
        ("http_requests_total", [(" 1\n", " NaN\n")], "expected numbers, found NaN"),
        ("http_requests_total", [(" 1\n", " -1\n")], "expected counts, found one below 0"),
        ("http_request_duration_seconds_count", [('le="0.4"', 'le="0.5"')], "a bucket at 0.4, found none"),
        ("http_request_duration_seconds_count", [('le="2.5"', 'le="0.7"')], "a bucket above 1, found none"),
        ("mita_build_info", [("1.0.0", "0.9.0")], "version 1.0.0, as it is ready, found 0.9.0"),
        (
            "daily_active_users",
            [("daily", "# TYPE daily_active_users counter\ndaily")],
            "a gauge, found a counter",
        ),
    ],
)
def test_series_that_is_wrong_is_named_with_what_was_expected(
    name: str, changes: list[tuple[str, str]], words: str
) -> None:
    bad = [each for each in findings(changed(name, *changes)).values() if each.bad]

    assert [each.name for each in bad] == [name]
    assert bad[0].state is State.WRONG and words in bad[0].words


def test_counter_without_total_is_not_taken_for_one_with_it() -> None:
    old = ("transaction_processing_total", "# TYPE transaction_processing counter\ntransaction_processing")

    assert findings(changed(old[0], old))[old[0]].state is State.MISSING


def test_alerts_that_read_a_series_through_recorded_ones_are_named() -> None:
    found = readers(PROMISED)

    assert "CriticalErrorRate" in found["http_requests_total"]
    assert "CriticalP95Latency" in found["http_request_duration_seconds_count"]
    assert "TransactionProcessingFailure" in found["transaction_processing_errors_total"]
    assert "CriticalErrorRate" not in found["daily_active_users"]
    assert not any("ContractSeriesMissing" in alerts for alerts in found.values())


def test_buckets_of_the_contract_are_those_that_the_rules_compare_with() -> None:
    [buckets] = [each.buckets for each in PROMISED if each.buckets]
    trees = [alert.tree for alert in load(RULES)] + [each.tree for each in load_recordings(RULES)]
    selectors = [node for tree in trees for node in walk(tree) if isinstance(node, Selector)]

    exact = {
        float(matcher.value.partition("|")[0])
        for node in selectors
        for matcher in node.matchers
        if matcher.name == "le" and matcher.op in ("=", "=~") and matcher.value[0].isdigit()
    }

    assert exact == set(buckets)


@dataclass
class Served:
    """What a small server answers, by path."""

    url: str
    answers: dict[str, tuple[int, str]]
    goes_on: bytes = b""
    """What follows each answer again and again, if anything."""


@contextmanager
def serving(answers: dict[str, tuple[int, str]]) -> Iterator[Served]:
    found = Served("", answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers.get(self.path, (404, "nothing here"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode("latin-1"))
            with suppress(OSError):
                while found.goes_on:
                    self.wfile.write(found.goes_on)
                    time.sleep(0.001)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()


@pytest.fixture
def served() -> Iterator[Served]:
    """An application that is as it should be."""
    ready = json.dumps({"version": "1.0.0", "components": {"store": {"health": 1}}})
    with serving({"/metrics": (200, "".join(lines().values())), "/health/ready": (200, ready)}) as found:
        yield found


Words = Callable[[], str]


@pytest.fixture
def words(capsys: pytest.CaptureFixture[str]) -> Words:
    return lambda: "".join(capsys.readouterr())


def test_command_says_that_everything_is_there(served: Served, words: Words) -> None:
    assert main(["contract", f"{served.url}/metrics"]) == 0

    said = words()
    assert "/health/ready: ready with version 1.0.0" in said
    assert f"{len(PROMISED)} series: {len(PROMISED)} there; 0 alerts are blind" in said


def test_command_names_what_is_missing_and_who_is_blind(served: Served, words: Words) -> None:
    text = lines()
    del text["transaction_processing_errors_total"], text["mita_queue_depth"]
    served.answers["/metrics"] = 200, "".join(text.values())

    assert main(["contract", served.url, "--accept", "mita_queue_*"]) == 1

    said = words()
    assert all(each.name in said for each in PROMISED), "whole names, however narrow the terminal"
    assert "TransactionProcessingFailure" in said
    assert f"{len(PROMISED) - 2} there, 1 missing, 1 accepted" in said


def test_command_shows_whole_names_of_blind_alerts(served: Served, words: Words) -> None:
    served.answers["/metrics"] = 200, 'mita_build_info{version="1.0.0"} 1\n'

    assert main(["contract", served.url]) == 1

    read = readers(PROMISED)
    blind = {alert for name in read if name != "mita_build_info" for alert in read[name]}
    said = set(words().split())
    assert sorted(blind - said) == []


@pytest.mark.parametrize(
    ("path", "answer", "expected"),
    [
        ("/health/ready", (200, "ok"), 'with {"version": "2.0.0"} as JSON at /health/ready, found 200 ok'),
        ("/health/ready", (404, "{}"), "found 404 {}"),
        ("/health/ready", (200, '{"status": "ready"}'), "found ready with version None"),
        ("/metrics", (500, ""), "expected 200 from"),
        ("/metrics", (401, ""), "say --user and --password-file"),
        ("/metrics", (200, 'a{b="\xe9"} 1'), "expected text in UTF-8 at"),
        ("/metrics", (200, "<html>"), "the text format of Prometheus at /metrics"),
    ],
)
def test_answer_that_is_of_no_use_is_a_sentence(
    served: Served, words: Words, path: str, answer: tuple[int, str], expected: str
) -> None:
    served.answers[path] = answer

    assert main(["contract", served.url]) == 1

    assert expected in words()


@pytest.mark.parametrize(("most", "seconds"), [("MOST_MIB", 0), ("TIMEOUT_S", 0.2)])
def test_an_answer_without_an_end_is_a_sentence(
    served: Served, words: Words, monkeypatch: pytest.MonkeyPatch, most: str, seconds: float
) -> None:
    served.goes_on = b"a 1\n"
    monkeypatch.setattr(questions, most, seconds)

    assert main(["contract", served.url]) == 1

    assert "found one that goes on after" in words()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("127.0.0.1:8080", "an address such as http://127.0.0.1:8080, found '127.0.0.1:8080'"),
        ("http://planted:secret@127.0.0.1", "--password-file"),
        ("http://127.0.0.1:9", "found: [Errno 111] Connection refused"),
        ("http://127.0.0.1:99999", "an address such as"),
        ("http://127.0.0.1:9/?a=b", "an address such as"),
    ],
)
def test_address_that_cannot_be_asked_is_a_sentence(words: Words, url: str, expected: str) -> None:
    assert main(["contract", url]) == 1

    said = words()
    assert expected in said and "secret" not in said and len(said.splitlines()) == 1


def test_password_without_a_user_is_refused(words: Words) -> None:
    assert main(["contract", "http://127.0.0.1:9", "--password-file", "/dev/null"]) == 1

    assert "expected --user and --password-file together" in words()
