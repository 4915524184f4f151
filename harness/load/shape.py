"""The profile as locust's load shape; `harness load` loads this file beside locustfile.py."""

import time
from typing import Any

from locust import LoadTestShape

from harness.load.profiles import Plan


class ProfileShape(LoadTestShape):
    """Asks the plan once a second how many users, which are arrivals per second, it wants."""

    def tick(self) -> tuple[int, float] | None:
        """Return locust's (users, spawn rate), or None at the end of the plan."""
        if self.runner is None:
            return None
        options: Any = self.runner.environment.parsed_options
        return Plan(options.plan, options.rate, options.duration).tick(time.perf_counter() - self.start_time)
