"""Lint finds each kind of mistake at its line, and nothing in the repository."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from devtools.paths import REPO
from ruletools.errors import RulesError
from ruletools.house.files import CATALOGUE
from ruletools.house.lint.content import house
from ruletools.house.lint.exposed import Exposed, as_yaml, ask, differences, read_catalogue
from ruletools.house.lint.run import lint
from ruletools.lint.findings import Finding, Level, as_github, as_json, as_text

RULES, ROUTES = "monitoring/rules", "monitoring/alertmanager.yml"
EXCEPTIONS = "tests/rules/lint_exceptions.yml"
OWN = '{service="{{ $labels.service }}",env="{{ $labels.env }}"}'
LOUD = "error calls <!channel>, critical only <!here>: the lesser alert is louder"


ARMS = "      - record: instance:http_duration_buckets:sum\n"
OLD_FORM = """\
      - record: instance:http_errors:sum
        expr: |
          sum by (service, env, instance) (http_requests_total{job="mita-backend",status=~"5.."})
          or
          0 * instance:http_requests:sum{result="any"}

      - record: mita:http_errors:rate2m
        expr: sum by (service, env) (rate(instance:http_errors:sum[2m]))

"""
OLD_FORM += ARMS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of all that lint reads."""
    for folder in ("monitoring", "tests/rules", "docs/runbooks"):
        shutil.copytree(
            REPO / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__")
        )
    return tmp_path


def breaks(root: Path, file: str, old: str, new: str) -> list[Finding]:
    """What lint finds once the text is another: the warning that is always there is left out."""
    text = (root / file).read_text()
    assert old in text, f"expected {old!r} in {file}"
    (root / file).write_text(text.replace(old, new, 1))
    return [finding for finding in lint(root) if finding.what != LOUD]


def line(root: Path, finding: Finding) -> str:
    return (root / finding.file).read_text().splitlines()[finding.line - 1].strip()


def test_nothing_is_found_but_the_louder_error_of_the_requirements() -> None:
    [finding] = lint()

    assert (finding.what, finding.level) == (LOUD, Level.WARNING)
    assert line(REPO, finding) == "- name: error"


@pytest.mark.parametrize(
    ("file", "old", "new", "at", "what"),
    [
        (
            "http",
            "> 0.2",
            "> > 0.2",
            "expr: mita:http_error_ratio:rate2m > > 0.2",
            "could not parse expression",
        ),
        (
            "http",
            "mita:http_error_ratio:rate2m > 0.2",
            "mita:http_error_ratio:rate3m > 0.2",
            "expr: mita:http_error_ratio:rate3m > 0.2",
            "CriticalErrorRate: reads mita:http_error_ratio:rate3m, which no rule records",
        ),
        (
            "queue",
            'mita_queue_depth{job="mita-backend"}) > 500',
            'mita_queue_size{job="mita-backend"}) > 500',
            'expr: max by (service, env, queue) (mita_queue_size{job="mita-backend"}) > 500',
            "QueueDepthHigh: reads mita_queue_size, which no target of mita-backend exposes",
        ),
        (
            "queue",
            'mita_queue_depth{job="mita-backend"}) > 500',
            'mita_queue_depth{job="node"}) > 500',
            'expr: max by (service, env, queue) (mita_queue_depth{job="node"}) > 500',
            "QueueDepthHigh: reads mita_queue_depth, which no target of node exposes",
        ),
        (
            "queue",
            'mita_queue_depth{job="mita-backend"}) > 500',
            'mita_queue_depth{job="mita"}) > 500',
            'expr: max by (service, env, queue) (mita_queue_depth{job="mita"}) > 500',
            "QueueDepthHigh: reads mita_queue_depth of a job that nothing scrapes",
        ),
        (
            "slo",
            'path=~"/api/register"',
            'route=~"/api/register"',
            "expr: |",
            'instance:journey_answers:sum: selects route=~"/api/register", '
            "and http_requests_total has no label route",
        ),
        (
            "http",
            "mita:http_error_ratio:rate1m{",
            "mita:http_error_ratio:rate9m{",
            "verify:",
            "CriticalErrorRate: reads mita:http_error_ratio:rate9m, which no rule records",
        ),
        (
            "queue",
            "runbooks/QueueDepthHigh",
            "runbooks/QueueIsDeep",
            "runbook_url: https://docs.mita.finance/runbooks/QueueIsDeep",
            "QueueDepthHigh: its runbook 'QueueIsDeep' does not exist",
        ),
        ("queue", "          owner: backend\n", "", "labels:", "QueueDepthCritical: label owner is missing"),
        (
            "queue",
            "severity: warning",
            "severity: loud",
            "severity: loud",
            "QueueDepthHigh: severity 'loud' is unknown",
        ),
        (
            "queue",
            "$threshold := 500.0",
            "$threshold := 400.0",
            "description: >-",
            "QueueDepthHigh: the description states another threshold than the rule",
        ),
        (
            "http",
            "          rollback: auto\n",
            "",
            "annotations:",
            "CriticalErrorRate: `rollback: auto` or `propose` and `verify` belong together",
        ),
        (
            "http",
            "          rollback_trigger: error_rate_threshold\n",
            "",
            "labels:",
            "CriticalErrorRate: `rollback: auto` or `propose` and `rollback_trigger` belong together",
        ),
        (
            "backend",
            "          evidence: mita:backend_up:agreed1m",
            "          proof: mita:backend_up:agreed1m",
            "annotations:",
            "BackendInstanceDown: `rollback: auto` or `propose` and `evidence` belong together",
        ),
        (
            "host",
            "rollback: veto",
            "rollback: never",
            "rollback: never",
            "HostDown: nothing reads `rollback: never`",
        ),
        (
            "http",
            "evidence: mita:http_errors_evidence:increase5m{",
            "evidence: increase(http_requests_total[5m]){",
            "evidence: increase",
            "CriticalErrorRate: `evidence` expected a PromQL expression",
        ),
        (
            "http",
            "evidence: mita:http_errors_evidence:increase5m{",
            "evidence: http_requests_total{",
            "evidence: http_requests_total{",
            "CriticalErrorRate: `evidence` reads what no rule records",
        ),
        (
            "http",
            'evidence: mita:http_errors_evidence:increase5m{service="{{ $labels.service }}"',
            'evidence: mita:http_errors_evidence:increase5m{service="{{ $labels.instance }}"',
            "evidence: mita:http_errors_evidence:increase5m{",
            "CriticalErrorRate: `evidence` is templated with {{ $labels.instance }}",
        ),
        (
            "http",
            'evidence: mita:http_errors_evidence:increase5m{service="{{ $labels.service }}",',
            "evidence: mita:http_errors_evidence:increase5m{",
            "evidence: mita:http_errors_evidence:increase5m{",
            "CriticalErrorRate: `evidence` asks for another service or environment",
        ),
        (
            "backend",
            f"evidence: mita:backend_up:agreed1m{OWN}",
            f"evidence: mita:backend_up:agreed1m{OWN}[1m:]",
            "evidence: mita:backend_up:agreed1m{",
            "BackendInstanceDown: `evidence`",
        ),
        (
            "backend",
            f"evidence: mita:backend_up:agreed1m{OWN}",
            f"evidence: mita:backend_up:agreed1m{OWN} offset 1m",
            "evidence: mita:backend_up:agreed1m{",
            "BackendInstanceDown: `evidence` looks back",
        ),
        (
            "middleware",
            'agreed2m{service="{{ $labels.service }}",env="{{ $labels.env }}"} > bool 5000',
            'agreed2m{service="{{ $labels.service }}",env="{{ $labels.env }}"} > bool 4000',
            "evidence: mita:database_response_ms:agreed2m{",
            "MitaDatabaseConnectionIssues: `evidence` compares with another number than the alert",
        ),
        (
            "middleware",
            'agreed2m{service="{{ $labels.service }}",env="{{ $labels.env }}"} > bool 5000',
            'agreed2m{service="{{ $labels.service }}",env="{{ $labels.env }}"} > 5000',
            "evidence: mita:database_response_ms:agreed2m{",
            "MitaDatabaseConnectionIssues: `evidence` is more than a recorded series",
        ),
        (
            "redis",
            'unless on (service, env)\n          ALERTS{alertname="BackendCountersUnsound"}',
            "and mita:http_requests:increase3m",
            "evidence: mita:redis_evidence:agreed3m{",
            "RedisConnectionFailure: mita:redis_evidence:agreed3m is made of counts and has a value where",
        ),
        (
            "http",
            f"verify: mita:http_p95_seconds:rate1m{OWN} <= bool 1",
            f"verify: mita:http_p95_seconds:rate1m{OWN}",
            "verify: mita:http_p95_seconds:rate1m{",
            "CriticalP95Latency: `verify` is no comparison",
        ),
        (
            "http",
            "measures: mita:http_p95_seconds:rate1m{",
            "measures: mita:http_p95_seconds:rate5m{",
            "measures: mita:http_p95_seconds:rate5m{",
            "CriticalP95Latency: `measures` is not what `verify` compares",
        ),
        (
            "http",
            "severity: critical",
            "severity: error",
            "severity: error",
            "CriticalErrorRate: the name says critical, the severity is error",
        ),
        (
            "business",
            'transaction_processing_total{job="mita-backend"}[10m])) > 20',
            'transaction_processing_total{job="mita-backend"}[10m])) > 0',
            "expr: |",
            "TransactionSuccessRateLow: it judges a share of events, however few",
        ),
        (
            "business",
            'transaction_processing_total{job="mita-backend"}[10m])) > 0.05\n          and',
            'transaction_processing_total{job="mita-backend"}[10m])) > 0.05\n          or',
            "expr: |",
            "TransactionSuccessRateLow: it judges a share of events, however few",
        ),
        (
            "host",
            'transmit_packets_total{job="node"}[5m]) > 1',
            'transmit_packets_total{job="node"}[5m]) > 0',
            "expr: |",
            "HostNetworkErrors: it judges a share of events, however few",
        ),
        (
            "slo",
            "round(slo:availability:errors:increase1h) >= 5",
            "slo:availability:error_ratio:rate1h >= 0.5",
            "expr: |",
            "SloAvailabilityFastBurn: it judges a share of events, however few",
        ),
    ],
)
def test_a_mistake_in_a_rule_is_found_at_its_line(
    root: Path, file: str, old: str, new: str, at: str, what: str
) -> None:
    found = breaks(root, f"{RULES}/{file}.rules.yml", old, new)

    finding = next(one for one in found if what in one.what)
    assert finding.file == f"{RULES}/{file}.rules.yml"
    assert line(root, finding).startswith(at)
    assert finding.mend


def test_an_alert_without_a_label_that_an_inhibition_compares_is_found(root: Path) -> None:
    """As it fires in its unit tests: the expression decides which labels are left."""
    tests = root / "tests" / "rules" / "postgres.test.yml"
    tests.write_text(tests.read_text().replace("              host: fires\n", ""))

    found = [one for one in lint(root) if "fires without host, which an inhibition compares" in one.what]

    assert "DatabaseConnectionsHigh" in {one.what.partition(":")[0] for one in found}
    assert all(line(root, one).startswith("expr:") for one in found)
    assert not [one for one in found if "PostgresDown" in one.what], "a critical alert is no target"


def test_labels_of_every_inhibition_are_read_from_the_file(root: Path) -> None:
    found = breaks(
        root, ROUTES, "equal: [service, env, symptom, subject]", "equal: [service, env, subject, floor]"
    )

    assert len({one.what.partition(":")[0] for one in found}) > 50
    assert all("without floor" in one.what for one in found)


@pytest.mark.parametrize(
    ("side", "matcher"), [("source", 'symptom="host_down"'), ("target", 'evidence="absence"')]
)
def test_an_inhibition_that_no_alert_meets_is_found(root: Path, side: str, matcher: str) -> None:
    found = breaks(root, ROUTES, matcher, 'symptom="nobody"')

    finding = next(one for one in found if f"no alert is a {side}" in one.what)
    assert "symptom" in line(root, finding) and finding.file == ROUTES


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("mita:http_p95_seconds:rate2m{", "mita:p95:rate2m{", "reads mita:p95:rate2m, which no rule records"),
        ("(mita_queue_depth{", "(mita_queue{", "reads mita_queue, which no target of mita-backend exposes"),
        ("max by (service, env, queue) (mita", "max by (service env) (mita", "expected a PromQL expression"),
    ],
)
def test_a_panel_without_series_is_found_at_its_line(root: Path, old: str, new: str, what: str) -> None:
    [finding] = breaks(root, "monitoring/dashboards/mita-main.json", old, new)

    assert what in finding.what
    assert new in line(root, finding)


@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        (f"{RULES}/queue.rules.yml", "/d/mita-main?", "/d/mita-queue?", "there is no dashboard for its link"),
        (
            f"{RULES}/queue.rules.yml",
            "?var-service=",
            "?var-queue=",
            "sets queue, which mita-main does not have",
        ),
        ("monitoring/dashboards/mita-rollback.json", '"uid": "mita-rollback"', '"uid": "x"', "no dashboard"),
    ],
)
def test_a_link_to_no_dashboard_is_found_at_its_line(
    root: Path, file: str, old: str, new: str, what: str
) -> None:
    found = breaks(root, file, old, new)

    assert found and all(what in one.what for one in found)
    assert all(line(root, one).startswith("dashboard_url:") for one in found)


def test_a_swapped_mention_takes_the_warning_away(root: Path) -> None:
    text = (root / ROUTES).read_text()
    swapped = text.replace("<!channel>", "<!x>").replace("<!here>", "<!channel>").replace("<!x>", "<!here>")
    (root / ROUTES).write_text(swapped)

    assert lint(root) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "at"),
    [
        (
            "http",
            "0 * instance:http_answers:sum",
            '0 * http_requests_total{job="mita-backend"}',
            "instance:http_requests:sum",
        ),
        (
            "slo",
            "0 * instance:journey_answers:sum",
            '0 * http_requests_total{job="mita-backend"}',
            "instance:journey_requests:sum",
        ),
        (
            "http",
            '/ sum by (service, env) (rate(instance:http_requests:sum{result="any"}[5m])) > 0.3',
            '/ sum by (service, env) (rate(http_requests_total{job="mita-backend"}[5m])) > 0.3',
            "AuthFailureSpike",
        ),
        ("http", ARMS, OLD_FORM, "instance:http_errors:sum"),
    ],
    ids=["a counter", "a journey", "a share", "the form that brought shares of 1,800 %"],
)
def test_two_moments_in_one_rule_are_found(root: Path, file: str, old: str, new: str, at: str) -> None:
    found = breaks(root, f"{RULES}/{file}.rules.yml", old, new)

    [finding] = [one for one in found if "recorded before it" in one.what]
    assert finding.what.startswith(f"{at}: ")


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("severity_in_name:\n", "severity_in_name:\n  HighErrorRate: an old excuse\n", "HighErrorRate"),
        ("  metrics:\n", "  metrics:\n    pg_up: an old excuse\n", "pg_up"),
        ("  jobs:\n", "  jobs:\n    node: an old excuse\n", "node"),
        ("without_label:\n", "without_label:\n  HighErrorRate: an old excuse\n", "HighErrorRate"),
        ("without_floor:\n", "without_floor:\n  QueueDepthHigh: an old excuse\n", "QueueDepthHigh"),
    ],
)
def test_an_exception_that_nothing_needs_is_found(root: Path, old: str, new: str, at: str) -> None:
    [finding] = breaks(root, EXCEPTIONS, old, new)

    assert finding.what == f"nothing needs the exception {at}"
    assert line(root, finding) == "an old excuse" or at in line(root, finding)


def test_every_exception_is_needed(root: Path) -> None:
    """Each is taken away in turn: lint then finds what it excused."""
    text = (root / EXCEPTIONS).read_text()
    older = house(root).excused("not_exposed", "older")  # only a running lab can tell
    rows = [row for row in text.splitlines() if row.startswith("  ") and row.strip().partition(": ")[2]]
    excuses = [row for row in rows if "#" not in row and row.split(":")[0].strip() not in older]
    assert len(excuses) >= 7
    for row in excuses:
        assert breaks(root, EXCEPTIONS, f"{row}\n", ""), row
        (root / EXCEPTIONS).write_text(text)


def test_a_broken_file_is_reported_and_nothing_guessed_beyond_it(root: Path) -> None:
    found = breaks(root, f"{RULES}/queue.rules.yml", "    rules:", "  rules:")

    assert [one.file for one in found] == [f"{RULES}/queue.rules.yml"]
    assert "did not find expected" in found[0].what


def test_an_alert_that_another_file_has_too_is_found(root: Path) -> None:
    text = (root / f"{RULES}/queue.rules.yml").read_text()
    (root / f"{RULES}/twice.rules.yml").write_text(text.replace("name: queue", "name: twice"))

    found = lint(root)

    assert {one.what for one in found} == {
        f"{name}: there is such an alert in queue.rules.yml too"
        for name in ("QueueDepthCritical", "QueueDepthHigh")
    }
    assert line(root, found[0]) == "- alert: QueueDepthCritical"


def test_a_rule_that_stands_twice_in_a_file_is_found(root: Path) -> None:
    rule = "      - {record: a:b:c, expr: up}\n"
    found = breaks(root, f"{RULES}/queue.rules.yml", "    rules:\n", f"    rules:\n{rule}{rule}")

    assert "duplicate rule" in found[0].what


def test_findings_are_said_in_three_formats() -> None:
    found = [Finding("a.yml", 3, "50 % is odd", "mend it")]

    assert as_text(found) == "a.yml:3: error: 50 % is odd; mend it"
    assert as_text([]) == "nothing found"
    assert json.loads(as_json(found))[0] == {
        "file": "a.yml",
        "line": 3,
        "what": "50 % is odd",
        "mend": "mend it",
        "level": "error",
    }
    assert as_github(found) == "::error file=a.yml,line=3::50 %25 is odd; mend it"


def test_the_catalogue_is_what_its_own_reading_gives() -> None:
    assert as_yaml(read_catalogue()) == CATALOGUE.read_text()


@pytest.fixture
def prometheus() -> Iterator[str]:
    """Answers an instant query with two series of a target and one that a rule recorded."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            series = [
                {"__name__": "pg_up", "job": "postgres", "env": "x", "host": "d", "service": "s"},
                {"__name__": "pg_new", "job": "postgres", "instance": "d", "kind": "k"},
                {"__name__": "a:b:c", "job": "postgres"},
            ]
            body = json.dumps({"data": {"result": [{"metric": one} for one in series]}}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_running_prometheus_is_compared_with_the_catalogue(prometheus: str) -> None:
    running = ask(prometheus)
    committed = Exposed({"postgres": read_catalogue().jobs["postgres"]})
    said = differences(committed, running)["postgres"]

    assert "also pg_new" in said
    assert "pg_up without instance" in said
    assert "no pg_stat_activity_count" in said
    assert not [one for one in said if "a:b:c" in one]


def test_lint_against_a_running_prometheus_fails_where_a_query_suffers(prometheus: str) -> None:
    found = lint(prometheus=prometheus)

    levels = {one.what: one.level for one in found}
    warned = next(what for what in levels if what.startswith("the running lab differs in the job redis: no "))
    assert levels[warned] is Level.WARNING and warned.endswith(" more")
    assert levels["RedisDown: reads redis_up, which no target of redis exposes"] is Level.ERROR
    assert not [what for what in levels if what.startswith("PostgresDown")]
    assert not [what for what in levels if "pg_replication_lag_seconds" in what], "Debian 12 has none"


@pytest.mark.parametrize("address", ["127.0.0.1:9090", "http://127.0.0.1:1"])
def test_no_prometheus_at_the_address_is_explained(address: str) -> None:
    with pytest.raises(RulesError, match="expected "):
        ask(address)
