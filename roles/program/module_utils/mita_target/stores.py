"""Whether the stores that a Prometheus writes to take what it sends, by its own metrics."""

import re
from collections.abc import Iterator

SAMPLE = re.compile(r'^(prometheus_remote_storage_\w+)(?:\{(?:.*,)?url="([^"]*)".*\})? (\S+)$', re.M)
MEASURED = "prometheus_remote_storage_highest_timestamp_in_seconds"
SENT = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"
"""It is there once a store has taken something."""
WAITING = "prometheus_remote_storage_samples_pending"
"""It is there for each store."""
LATE_S = 60.0


def troubles(metrics: str) -> Iterator[str]:
    """Say which store has not taken what was measured a while ago; that there is none, too."""
    found = [(name, url, float(value)) for name, url, value in SAMPLE.findall(metrics)]
    measured = max((value for name, _, value in found if name == MEASURED), default=0.0)
    sent = {url: 0.0 for name, url, _ in found if name == WAITING}
    sent |= {url: value for name, url, value in found if name == SENT}
    if not sent:
        yield "Prometheus writes to no store"
    for url, value in sent.items():
        if value == 0:
            yield f"the store {url} has taken nothing yet; its journal says what it answers"
        elif measured - value > LATE_S:
            yield f"the store {url} is {measured - value:.0f} s behind what was measured"
