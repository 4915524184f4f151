"""HTTP clients of Prometheus, Alertmanager, the daemon, the receivers and the application. They know no lab.

They hold no opinion: they return what was answered, or raise ClientError with what was expected and found.
Where the lab's own answer is in `harness/lab/addresses.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from devtools.errors import UserError

CONNECT_S, READ_S = 3.0, 10.0
BENCH = "the test bench"
"""Who says so, where a person would."""
Json = dict[str, Any]


class ClientError(UserError):
    """The service did not answer, or not as its interface says."""


@dataclass(frozen=True)
class Http:
    """One service at one address; every answer is checked."""

    base: str
    auth: tuple[str, str] | None = field(default=None, repr=False)
    ca: str = ""  # a file of certificates to trust; empty for the system's
    read_s: float = READ_S

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Return the answer, whatever its status; raises ClientError if none came."""
        try:
            return requests.request(
                method,
                self.base + path,
                auth=self.auth,
                timeout=(CONNECT_S, self.read_s),
                verify=self.ca or True,
                **options,
            )
        except requests.RequestException as error:
            raise ClientError(f"expected an answer from {self.base}{path}, found: {error}") from error

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Return the JSON of a 2xx answer; raises ClientError for every other."""
        answer = self.send(method, path, **options)
        if not answer.ok:
            raise ClientError(
                f"expected {method} {self.base}{path} to succeed, "
                f"found {answer.status_code}: {answer.text[:300]}"
            )
        try:
            return answer.json()
        except ValueError as error:
            raise ClientError(f"expected JSON from {self.base}{path}, found {answer.text[:100]!r}") from error

    def ready(self, path: str) -> bool:
        """Tell whether *path* answers 2xx now."""
        try:
            return self.send("GET", path).ok
        except ClientError:
            return False


class Prometheus(Http):
    def query(self, expression: str, at: float | None = None) -> list[Json]:
        """Return the samples of an instant query."""
        parameters: Json = {"query": expression} | ({} if at is None else {"time": at})
        return list(self.ask("GET", "/api/v1/query", params=parameters)["data"]["result"])

    def value(self, expression: str, at: float | None = None) -> float | None:
        """Return the value of the only sample; None if there is none or it is not a number."""
        samples = self.query(expression, at)
        value = float(samples[0]["value"][1]) if samples else None
        return None if value is None or value != value else value

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Json]:
        """Return the series of a range query."""
        parameters = {"query": expression, "start": start, "end": end, "step": step}
        return list(self.ask("GET", "/api/v1/query_range", params=parameters)["data"]["result"])

    def alerts(self, **labels: str) -> list[Json]:
        """Return the pending and firing alerts that carry *labels*."""
        found = self.ask("GET", "/api/v1/alerts")["data"]["alerts"]
        return [alert for alert in found if labels.items() <= alert["labels"].items()]

    def alerting_rules(self) -> list[Json]:
        """Return the alerting rules that are in force."""
        groups = self.ask("GET", "/api/v1/rules", params={"type": "alert"})["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def targets(self) -> list[Json]:
        """Return the active scrape targets."""
        return list(self.ask("GET", "/api/v1/targets", params={"state": "active"})["data"]["activeTargets"])


class Alertmanager(Http):
    def alerts(self, **labels: str) -> list[Json]:
        """Return the alerts it holds now, suppressed ones too, that carry *labels*."""
        found = self.ask("GET", "/api/v2/alerts")
        return [alert for alert in found if labels.items() <= alert["labels"].items()]

    def configuration(self) -> str:
        """Return the configuration that is in force, without its secrets."""
        return str(self.ask("GET", "/api/v2/status")["config"]["original"])

    def post(self, alerts: list[Json]) -> None:
        """Tell it of alerts, as Prometheus does."""
        self._taken(self.send("POST", "/api/v2/alerts", json=alerts))

    def exposition(self) -> str:
        """Return what it tells Prometheus about itself."""
        return self._taken(self.send("GET", "/metrics")).text

    def _taken(self, answer: requests.Response) -> requests.Response:
        if not answer.ok:
            raise ClientError(
                f"expected {answer.request.method} {answer.url} to succeed, "
                f"found {answer.status_code}: {answer.text[:300]}"
            )
        return answer


class Daemon(Http):
    """The rollback daemon, asked as `admin`."""

    _ROOT = "/api/admin/rollback"

    def status(self) -> Json:
        """Return what is live, known good and under way."""
        return dict(self.ask("GET", self._ROOT + "/status"))

    def service(self, name: str) -> Json:
        """Return the status of one service; empty if the daemon has never heard of it."""
        return dict(self.status()["services"].get(name, {}))

    def decisions(self, service: str | None = None, limit: int = 200) -> list[Json]:
        """Return the latest decisions."""
        return self._listed("/decisions", "decisions", service=service, limit=limit)

    def rollbacks(self, service: str | None = None) -> list[Json]:
        """Return the rollbacks."""
        return self._listed("/rollbacks", "rollbacks", service=service)

    def rollback(self, rollback_id: str) -> Json:
        """Return one rollback with its steps."""
        return dict(self.ask("GET", f"{self._ROOT}/rollbacks/{rollback_id}"))

    def deployments(self, service: str | None = None) -> list[Json]:
        """Return the deployments that deploy.yml registered."""
        return self._listed("/deployments", "deployments", service=service)

    def register_live(self, service: str, version: str, hosts: list[str], checksum: str) -> None:
        """Tell the daemon, as deploy.yml does, that a release went live on these hosts."""
        body = {
            "service": service,
            "version": version,
            "hosts": hosts,
            "checksum": checksum,
            "rollback_safe": True,
            "override": True,
        }
        begun = self.ask("POST", self._ROOT + "/deployments", json=body)
        self.ask("POST", f"{self._ROOT}/deployments/{begun['id']}/finish", json={"outcome": "live"})

    def proposals(self, limit: int = 200) -> list[Json]:
        """Return the latest proposals, each with its decision."""
        return self._listed("/proposals", "proposals", limit=limit)

    def approve(self, proposal: int, *, by: str = BENCH, note: str = "") -> Json:
        """Say yes to a proposal; the answer has `rollback_id`. ClientError when the facts have moved."""
        return self._command(f"/proposals/{proposal}/approve", by=by, note=note)

    def reject(self, proposal: int, *, by: str = BENCH, note: str = "") -> Json:
        """Say no to a proposal."""
        return self._command(f"/proposals/{proposal}/reject", by=by, note=note)

    def freeze(
        self, service: str | None = None, *, minutes: float = 60, reason: str = "a test", by: str = BENCH
    ) -> Json:
        """Stop automatic rollbacks of a service, or of all."""
        named = {} if service is None else {"service": service}
        return self._command("/freezes", **named, minutes=minutes, reason=reason, by=by)

    def unfreeze(self, service: str | None = None, *, by: str = BENCH) -> Json:
        """End that freeze."""
        path = f"{self._ROOT}/freezes/{service or '_all'}"
        return dict(self.ask("DELETE", path, params={"by": by}))

    def close_breaker(self, service: str, *, by: str = BENCH, note: str = "") -> Json:
        """Let automatic rollbacks of the service happen again."""
        return self._command(f"/breakers/{service}/close", by=by, note=note)

    def mark(self, service: str, version: str, standing: str, *, by: str = BENCH, note: str = "") -> Json:
        """Say that a release is `good` or `bad`."""
        return self._command(f"/releases/{service}/{version}/mark", standing=standing, by=by, note=note)

    def roll_back(self, service: str, *, reason: str = "a test", by: str = BENCH, **wish: object) -> Json:
        """Ask for a rollback: `to_version`, `further` and `dry_run` as the interface has them."""
        return self._command("/rollbacks", service=service, reason=reason, by=by, **wish)

    def acknowledge(self, rollback_id: int, *, by: str = BENCH, note: str = "") -> Json:
        """Take over what a rollback left open."""
        return self._command(f"/rollbacks/{rollback_id}/acknowledge", by=by, note=note)

    def ledger(self, after: str | int = 0) -> list[Json]:
        """Return every entry of the ledger newer than *after*, oldest first."""
        found: list[Json] = []
        while page := self._listed("/ledger", "entries", after=after, limit=1000):
            found += page
            after = page[-1]["id"]
        return found

    def _command(self, path: str, **body: object) -> Json:
        return dict(self.ask("POST", self._ROOT + path, json=body))

    def _listed(self, path: str, key: str, **query: object) -> list[Json]:
        chosen = {name: str(value) for name, value in query.items() if value is not None}
        found = self.ask("GET", self._ROOT + path, params=chosen)
        return list(found[key] if isinstance(found, Mapping) else found)


class Webhook(Http):
    """The daemon, asked as `alertmanager`."""

    def deliver(self, alerts: list[Json]) -> Json:
        """Deliver alerts, given as Alertmanager's API shows them, as a second Alertmanager would."""
        names = ("fingerprint", "startsAt", "endsAt", "labels", "annotations", "generatorURL")
        body = {
            "version": "4",
            "status": "firing",
            "receiver": "rollback",
            "alerts": [{"status": "firing", **{n: alert[n] for n in names}} for alert in alerts],
            "groupKey": "twin",
            "groupLabels": {},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": self.base,
            "truncatedAlerts": 0,
        }
        return dict(self.ask("POST", "/api/admin/rollback/trigger", json=body))


class Receivers(Http):
    """The recording Slack, PagerDuty, webhook and mail servers, and the dead-man switch."""

    def requests(self, after: int = 0, receiver: str | None = None) -> list[Json]:
        """Return every record newer than *after*, oldest first."""
        chosen = {} if receiver is None else {"receiver": receiver}
        found: list[Json] = []
        while page := self.ask("GET", "/requests", params={"after": after, **chosen})["requests"]:
            found += page
            after = int(page[-1]["seq"])
        return found

    def hearts(self) -> Json:
        """Return what the dead-man switch heard of each heart."""
        return dict(self.ask("GET", "/hearts"))

    def reset(self) -> int:
        """Forget all records, let all behave well, and return the last sequence number."""
        return int(self.ask("POST", "/reset")["seq"])

    def open_pages(self) -> list[Json]:
        """Return what was triggered at the pager and never resolved, also before a reset."""
        return list(self.ask("GET", "/open-pages")["open"])

    def behave(self, receiver: str, *, status: int | None = None, delay: float = 0.0) -> None:
        """Make *receiver* answer with *status* after *delay* seconds."""
        self.ask("POST", "/behaviour", json={"receiver": receiver, "status": status, "delay": delay})


class Application(Http):
    def version(self) -> str:
        """Return the version that answers."""
        return str(self.ask("GET", "/version")["version"])
