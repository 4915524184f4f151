"""What Prometheus reads about a run adds up, and docs/load.md is true."""

import math
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from devtools.errors import UserError
from devtools.paths import REPO
from harness.load.book import Book, Report
from harness.load.codes import EXPLAINED, Code
from harness.load.meter import Meter
from harness.load.metrics import LoadCollector, serve
from harness.load.mix import read_journeys
from harness.load.plan import read_plan

PAGE = (REPO / "docs" / "load.md").read_text(encoding="utf-8")


def shown(book: Book | None) -> str:
    registry = CollectorRegistry()
    registry.register(LoadCollector(lambda: book))
    return generate_latest(registry).decode()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_metrics_are_the_sums_of_all_processes() -> None:
    book = Book()
    for worker in ("1", "2"):
        meter = Meter()
        for seconds, status in ((0.007, 200), (0.3, 500), (0, 0)):
            meter.response(1.0, seconds, status, "http://a", "/x")
        rows = [second.message() for second in meter.seconds.closed(math.inf)]
        book.take(worker, Report(planned=5, sent=3, late=1, dropped=1, in_flight=2, seconds=rows))

    requests, times = "mita_load_requests_total", "mita_load_response_seconds"
    for line in (
        "mita_load_planned_total 10.0",
        "mita_load_sent_total 6.0",
        "mita_load_in_flight 4.0",
        "mita_load_processes 2.0",
        requests + '{endpoint="/x",outcome="lost",target="http://a"} 2.0',
        times + '_bucket{endpoint="/x",le="0.005",target="http://a"} 0.0',
        times + '_bucket{endpoint="/x",le="0.01",target="http://a"} 2.0',
        times + '_count{endpoint="/x",target="http://a"} 4.0',
        times + '_sum{endpoint="/x",target="http://a"} 0.614',
    ):
        assert line in shown(book), shown(book)


def test_before_a_run_there_are_metrics_and_all_are_nothing() -> None:
    assert "mita_load_sent_total 0.0" in shown(None)


def test_port_that_is_taken_is_refused_in_a_sentence() -> None:
    server = serve(("127.0.0.1", 0), lambda: None)
    try:
        with pytest.raises(UserError, match="choose another port"):
            serve(("127.0.0.1", server.server_port), lambda: None)
    finally:
        server.shutdown()
        server.server_close()


def test_page_names_every_metric() -> None:
    found = {line.split()[2] for line in shown(None).splitlines() if line.startswith("# TYPE")}

    assert found == set(re.findall(r"`(mita_load_\w+)`", PAGE))


def test_page_and_help_explain_every_code() -> None:
    codes = {"1", *(str(code.value) for code in Code)}

    assert set(re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)) == codes
    assert set(re.findall(r"^  (\d)  ", EXPLAINED, re.MULTILINE)) == codes


def test_plan_and_journeys_of_the_page_are_what_they_look_like(tmp_path: Path) -> None:
    (tmp_path / "plan.yml").write_text(block("yaml"))
    (tmp_path / "shop.py").write_text(block("python"))

    assert read_plan(tmp_path / "plan.yml").duration == 90
    assert [journey.name for journey in read_journeys(tmp_path / "shop.py")] == ["sign_up", "look"]
