"""The load as Prometheus sees it. What is read at a scrape costs nothing between two."""

from collections.abc import Callable, Iterator
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from devtools.errors import UserError
from harness.load.book import Book
from harness.load.meter import KINDS, Endpoint

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WHERE = ("target", "endpoint")
SUMS = {
    "planned": "Requests that the run had to send until now.",
    "sent": "Requests sent.",
    "late": "Requests not sent because their time was long over.",
    "dropped": "Requests not sent because too many were unanswered.",
}


class LoadCollector(Collector):
    """Reads the book of the run under way, or of the last one."""

    def __init__(self, book: Callable[[], Book | None]) -> None:
        self._book = book

    def collect(self) -> Iterator[Metric]:
        """Yield what the run did until two seconds ago."""
        book = self._book() or Book()
        for name, text in SUMS.items():
            yield CounterMetricFamily(f"mita_load_{name}", text, value=book.total(name))
        yield GaugeMetricFamily(
            "mita_load_in_flight", "Requests that await an answer.", value=book.total("in_flight")
        )
        yield GaugeMetricFamily(
            "mita_load_processes", "Processes that send requests.", value=len(book.reports)
        )
        requests = CounterMetricFamily(
            "mita_load_requests",
            "Requests by how they ended; lost is without an answer.",
            labels=[*WHERE, "outcome"],
        )
        seconds = HistogramMetricFamily(
            "mita_load_response_seconds", "Time to the whole answer.", labels=WHERE
        )
        for place, endpoint in book.endpoints.items():
            for kind in KINDS:
                requests.add_metric([*place, kind], endpoint.counts[kind])
            seconds.add_metric(place, *_histogram(endpoint))
        yield requests
        yield seconds


def _histogram(endpoint: Endpoint) -> tuple[list[tuple[str, float]], float]:
    counts = [(f"{most:g}", float(_below(endpoint, most))) for most in BUCKETS]
    total = sum(value * count for value, count in endpoint.times.items())
    return [*counts, ("+Inf", float(endpoint.times.total()))], total


def _below(endpoint: Endpoint, most: float) -> int:
    return sum(count for value, count in endpoint.times.items() if value <= most)


def serve(address: tuple[str, int], book: Callable[[], Book | None]) -> WSGIServer:
    """Answer /metrics until the process ends."""
    registry = CollectorRegistry()
    registry.register(LoadCollector(book))
    try:
        server, _ = start_http_server(address[1], address[0], registry)
    except OSError as error:
        raise UserError(
            f"expected to show metrics at {address[0]}:{address[1]}, found: {error.strerror}; "
            "choose another port"
        ) from error
    return server
