"""A Prometheus of its own, on loopback, that leaves nothing behind."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Prometheus

START_S = 60
STOP_S = 30
Samples = dict[str, dict[str, float]]


class Server:
    """One running Prometheus with the project's own prometheus.yml or another; it has no rules at first."""

    def __init__(self, place: Path, port: int, log: Path, config: str | None, cores: int | None) -> None:
        self.place = place
        self.log = log
        self.client = Prometheus(f"http://127.0.0.1:{port}")
        (place / "rules").mkdir()
        text = config or (REPO / "monitoring" / "prometheus.yml").read_text("utf-8")
        (place / "prometheus.yml").write_text(text, encoding="utf-8")
        argv = [
            str(tool("prometheus")),
            f"--config.file={place / 'prometheus.yml'}",
            f"--storage.tsdb.path={place / 'data'}",
            "--storage.tsdb.retention.time=40d",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            "--web.enable-remote-write-receiver",
        ]
        env = {**os.environ, **({"GOMAXPROCS": str(cores)} if cores else {})}
        with log.open("w") as output:
            self.process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, env=env)

    def until_ready(self) -> None:
        """It answers; with the end of its log if it does not."""
        until(
            "Prometheus to be ready",
            lambda: self.client.ready("/-/ready"),
            deadline_s=START_S,
            explain=lambda: self.log.read_text()[-2000:],
        )

    def evaluate(self, files: Mapping[str, str]) -> None:
        """It evaluates these rule files (name -> text) and no others."""
        for old in (self.place / "rules").iterdir():
            old.unlink()
        for name, text in files.items():
            (self.place / "rules" / name).write_text(text, encoding="utf-8")
        answer = self.client.send("POST", "/-/reload")
        if not answer.ok:
            raise RuntimeError(f"expected Prometheus to take the rules, found {answer.text}")

    def metrics(self) -> Samples:
        """{series: {rule group: value}} of its own metrics; the group is empty where there is none."""
        text = self.client.send("GET", "/metrics").text
        found: Samples = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                group = sample.labels.get("rule_group", "").rpartition("/")[2]
                found.setdefault(sample.name, {})[group] = sample.value
        return found

    def seconds_of_each_rule(self) -> list[float]:
        """What each rule took when it was last evaluated, in the order of the groups."""
        groups = self.client.send("GET", "/api/v1/rules").json()["data"]["groups"]
        return [float(rule["evaluationTime"]) for group in groups for rule in group["rules"]]

    def stop(self) -> None:
        """The process has ended."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_S)
        self.process.kill()
        self.process.wait()


@contextmanager
def running(config: str | None = None, cores: int | None = None) -> Iterator[Server]:
    """A Prometheus in a directory of its own; both are gone afterwards, also after Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="mita-bench-", ignore_cleanup_errors=True) as directory:
        place = Path(directory)
        server = Server(place, free_port(), place / "prometheus.log", config, cores)
        try:
            server.until_ready()
            yield server
        finally:
            server.stop()


def dump(groups: list[dict[str, object]]) -> str:
    """A rule file."""
    return yaml.safe_dump({"groups": groups}, sort_keys=False)
