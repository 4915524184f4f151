"""The settings file: one model, every field documented; docs/settings.md is generated from it."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from rollback import durations, strict_yaml
from rollback.api.auth import StatusFor
from rollback.domain.errors import SettingsInvalid
from rollback.domain.policy import Mode, Policy

MOST_SAMPLES = 10_000
SHORTEST_KEPT = timedelta(days=7)
SHORTEST = timedelta(milliseconds=10)
"""A loop that rests for less only turns."""
Duration = Annotated[
    timedelta, BeforeValidator(durations.parse), PlainSerializer(durations.render, return_type=str)
]
Interval = Annotated[Duration, AfterValidator(lambda found: within(found, SHORTEST, timedelta(days=1)))]
"""How often, or for how long at most, something that goes on all the time is done."""
Span = Annotated[Duration, AfterValidator(lambda found: within(found, SHORTEST, durations.LONGEST))]
"""A time that nothing can work without."""
Kept = Annotated[Duration, AfterValidator(lambda found: within(found, SHORTEST_KEPT, durations.LONGEST))]
"""How long something is kept that decisions of the last days rest on."""
Window = Annotated[
    Duration, AfterValidator(lambda found: within(found, timedelta(seconds=1), timedelta(hours=1)))
]
"""Clocks that differ by more are to be mended, and what is older could be played again."""
Word = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""What the system takes as an argument or in the environment of a program."""
Variable = Annotated[str, Field(pattern=r"^[^\x00=]+$")]
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?")


def within(found: timedelta, least: timedelta, most: timedelta) -> timedelta:
    """The duration, or ValueError when it is not between the two."""
    if not least <= found <= most:
        between = f"{durations.render(least)} to {durations.render(most)}"
        raise ValueError(f"expected {between}, found {durations.render(found)}")
    return found


def address(text: str) -> str:
    """The web address, or ValueError with what is wrong with it; empty is allowed."""
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise ValueError(
            f"expected a web address such as http://127.0.0.1:9090, found {text[:60]!r}"
        ) from error
    plain = text.isascii() and text.isprintable() and " " not in text
    known = plain and parts.scheme in ("http", "https") and port != 0 and _is_host(host)
    if text and not known:
        raise ValueError(f"expected a web address such as http://127.0.0.1:9090, found {text[:60]!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected a web address without name and password: those have settings of their own")
    return text


def base(text: str) -> str:
    """The web address that paths are put behind, or ValueError."""
    if "?" in text or "#" in text:
        raise ValueError(f"expected a web address that ends with its path, found {text[:60]!r}")
    return text


def _is_host(text: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(text))
    return HOST.fullmatch(text) is not None and not text.replace(".", "").isdigit()


def listening(text: str) -> str:
    """The address to listen on, or ValueError."""
    if not _is_host(text):
        raise ValueError(f"expected an address of this host such as 0.0.0.0 or ::, found {text[:60]!r}")
    return text


def over(known: Mapping[str, object]) -> Callable[[object], object]:
    """Lays what is found over what is known: who names one of them means to change that one alone."""
    return lambda found: {**known, **found} if isinstance(found, dict) else found


def mode(found: object) -> object:
    """YAML of before reads `off` without quotes as no: as a mode it can only mean off."""
    return Mode.OFF if found is False else found


Name = Annotated[str, Field(pattern=r"^[^:\x00-\x1f\x7f]*$", max_length=100)]
Line = Annotated[str, Field(pattern=r"^[^`\x00-\x1f\x7f]*$", max_length=200)]
"""What stands in the middle of a sentence or a command on a page."""
MODES = {
    "error_rate_threshold": Mode.AUTO,
    "latency_degradation": Mode.AUTO,
    "health_check_failure": Mode.AUTO,
    "database_error": Mode.AUTO,
    "journey_failing": Mode.OFF,
    "client_errors": Mode.OFF,
    "requests_stuck": Mode.OFF,
    "traffic_lost": Mode.OFF,
    "crash_at_start": Mode.OFF,
}
Triggers = Annotated[dict[str, Annotated[Mode, BeforeValidator(mode)]], BeforeValidator(over(MODES))]
Username = Annotated[Name, Field(min_length=1)]
Url = Annotated[str, AfterValidator(address)]
Base = Annotated[Url, AfterValidator(base)]


class Model(BaseModel):
    """Refuses what it does not know: a misspelt setting must not be silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ExecutorKind(StrEnum):
    """How hosts are brought to a version."""

    PLAYBOOK = "playbook"
    COMMAND = "command"


class LogFormat(StrEnum):
    """How log lines look."""

    LOGFMT = "logfmt"
    JSON = "json"


class ExecutorSettings(Model):
    """How a rollback is carried out."""

    kind: ExecutorKind = Field(
        default=ExecutorKind.PLAYBOOK,
        description="`playbook` runs the bundled Ansible, `command` runs `argv`.",
    )
    timeout: Interval = Field(
        default=timedelta(minutes=5),
        description="A run that takes longer is killed with all its processes. Not scaled.",
    )
    stop_grace: Duration = Field(
        default=timedelta(seconds=20),
        description="How long a run may go on when the daemon is asked to stop. Not scaled.",
    )
    playbook: str = Field(
        default="playbooks/rollback.yml", description="`playbook`: the playbook, relative to the bundle."
    )
    inventory: Path = Field(
        default=Path("/etc/mita-rollback/inventory.yml"),
        description="`playbook`: hosts and how to reach them.",
    )
    argv: list[Word] = Field(
        default=[],
        description="`command`: the program and its arguments, run without a shell; "
        "`{service} {from_version} {to_version} {rollback_id} {hosts} {checksum}` are replaced; `{hosts}` is "
        "empty when all are meant.",
    )
    rehearsal_argv: list[Word] = Field(
        default=[],
        description="`command`: the program that proves the way back without touching anything; "
        "`{service} {to_version} {checksum}` are replaced. Empty: nothing is rehearsed.",
    )
    directory: Path = Field(default=Path("/"), description="`command`: the working directory.")
    environment: dict[Variable, Word] = Field(
        default={},
        description="`command`: environment beside PATH, HOME, LANG and TZ; nothing else is inherited.",
    )

    @model_validator(mode="after")
    def command_has_argv(self) -> Self:
        """A command executor needs a command."""
        if self.kind is ExecutorKind.COMMAND and not self.argv:
            raise ValueError("executor.kind is `command`, so executor.argv must name a program")
        return self


class Settings(Model):
    """What an operator can choose. Durations are production values; `time_scale` divides the scaled ones."""

    listen_address: Annotated[str, AfterValidator(listening)] = Field(
        default="127.0.0.1",
        description="Address to listen on; `0.0.0.0` or `::` for every one. Needs a restart.",
    )
    listen_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8000, description="Port to listen on. Needs a restart."
    )
    web_tls_cert: Path | None = Field(
        default=None,
        description="Certificate chain (PEM); turns TLS on.",
    )
    web_tls_key: Path | None = Field(default=None, description="Private key of `web_tls_cert` (PEM).")
    web_tls_client_ca_file: Path | None = Field(
        default=None,
        description="Certificates (PEM) of the authority that signs clients' certificates: who shows none of "
        "them is refused before the first byte of HTTP. Needs `web_tls_cert`.",
    )
    web_auth_username: Name = Field(
        default="",
        description="If set, /metrics, /health and /openapi.json ask for Basic authentication too; "
        "runbooks stay open.",
    )
    web_auth_password_file: Path | None = Field(
        default=None, description="File with the password of `web_auth_username`."
    )
    body_limit: PositiveInt = Field(
        default=4_194_304,
        ge=1_200_000,
        le=67_108_864,
        description="Largest request body in bytes; 1,000 alerts need 1.13 MB.",
    )

    webhook_username: Username = Field(default="alertmanager", description="Who may post alerts.")
    webhook_secret_file: Path = Field(
        default=Path("secrets/rollback_webhook_secret"),
        description="File with the password of `webhook_username`.",
    )
    webhook_hmac_secret_file: Path | None = Field(
        default=None,
        description="File with a secret with which deliveries must be signed too: `X-Mita-Signature: "
        "sha256=HEX` is the HMAC-SHA256 of `X-Mita-Timestamp` (Unix seconds), a dot and the body.",
    )
    webhook_hmac_window: Window = Field(
        default=timedelta(minutes=5),
        description="How far the timestamp of a signed delivery may be from now. Not scaled.",
    )
    admin_username: Username = Field(
        default="admin", description="The operator: may do everything but post alerts."
    )
    admin_secret_file: Path = Field(
        default=Path("secrets/rollback_admin_secret"),
        description="File with the password of `admin_username`.",
    )
    reader_username: Username = Field(
        default="reader", description="Who may read and imagine alerts (`/test`), and do nothing."
    )
    reader_secret_file: Path | None = Field(
        default=None, description="File with the password of `reader_username`. None: there is no reader."
    )
    status_without_credentials: StatusFor = Field(
        default=StatusFor.ALIVE,
        description="What `/api/admin/rollback/status` tells who shows no credentials: `alive` (that the "
        "daemon is), `full` (what an account is told), `none` (401).",
    )
    legacy_auth: bool = Field(
        default=False,
        description="Accept the webhook's bare secret after `Basic`, without a user and not encoded, for "
        "/trigger and /test. Deprecated: every such login is logged and counted.",
    )

    database: Path = Field(
        default=Path("/var/lib/mita-rollback/rollback.db"), description="The SQLite file. Needs a restart."
    )
    state_directory: Path = Field(
        default=Path("/var/lib/mita-rollback"),
        description="Where the output of rollbacks is kept, under `runs/`.",
    )
    log_format: LogFormat = Field(
        default=LogFormat.LOGFMT, description="`logfmt` or `json`. Needs a restart."
    )

    prometheus_url: Base = Field(
        default="http://127.0.0.1:9090",
        description="Prometheus. Empty: not asked, so nothing is rolled back but by hand, and nothing can be "
        "verified.",
    )
    prometheus_username: Name = Field(default="", description="Basic authentication to Prometheus.")
    prometheus_password_file: Path | None = Field(default=None, description="File with the password for it.")
    prometheus_ca_file: Path | None = Field(default=None, description="Certificates to trust for Prometheus.")
    alertmanager_url: Base = Field(
        default="http://127.0.0.1:9093",
        description="Alertmanager. Empty: alerts only arrive by webhook, and what is on hold is decided "
        "again only when it is delivered again.",
    )
    alertmanager_username: Name = Field(default="", description="Basic authentication to Alertmanager.")
    alertmanager_password_file: Path | None = Field(
        default=None, description="File with the password for it."
    )
    alertmanager_ca_file: Path | None = Field(
        default=None, description="Certificates to trust for Alertmanager."
    )
    slack_webhook_url_file: Path | None = Field(
        default=None, description="File with the address of a Slack incoming webhook. None: no messages."
    )
    slack_channel: str = Field(
        default="#mita-deployments", description="Channel to name in messages; may be empty."
    )
    pagerduty_routing_key_file: Path | None = Field(
        default=None,
        description="File with the routing key of a PagerDuty integration (Events API v2), which is told "
        "what is urgent while Slack does not take it. None: no second channel.",
    )
    pagerduty_url: Annotated[Url, Field(min_length=1)] = Field(
        default="https://events.pagerduty.com/v2/enqueue", description="Where PagerDuty takes events."
    )
    second_channel_after: Duration = Field(
        default=timedelta(minutes=1),
        description="The second channel tells what is urgent when Slack has not taken it for so long. "
        "Not scaled.",
    )
    external_url: Base = Field(
        default="",
        description="Where people reach this daemon, as https://monitor.example.org:8000, for links.",
    )
    site_name: Line = Field(default="", description="What plays call this site; runbook pages say it.")
    site_inventory: Line = Field(
        default="",
        description="The site's inventory as people type it after `-i`: runbook pages show it in the place "
        "of `inventories/SITE`.",
    )
    site_hosts: dict[Name, list[Line]] = Field(
        default={},
        description="Per host name in the runbooks (`monitor`, `app1`, `data`), the hosts of this site that "
        "it stands for: runbook pages show these.",
    )
    traffic_series: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")] = Field(
        default="mita:http_requests:rate5m",
        description="The recorded series with the users' requests per second, by `service` and `env`: "
        "a release becomes good only while it has traffic.",
    )
    paging_severities: list[str] = Field(
        default=["critical", "error"],
        description="Values of the label `severity` that page: a release that pages does not become good.",
    )
    probes: dict[str, dict[str, Url]] = Field(
        default={}, description="Per service and host, the readiness probe whose JSON answer has `version`."
    )
    probes_ca_file: Path | None = Field(
        default=None, description="Certificates to trust for `probes` with https."
    )

    environment: Annotated[str, Field(min_length=1, max_length=63)] = Field(
        default="production",
        description="The environment that this daemon serves: the label `env` of its alerts. Alerts of "
        "another one are refused. Needs a restart.",
    )
    strict_seed: bool = Field(
        default=False,
        description="Roll back also while a dependency is down: alerts labelled `rollback: veto` are "
        "not asked.",
    )
    triggers: Triggers = Field(
        default=MODES,
        description="Per value of the label `rollback_trigger`: `off`, `shadow` (decide and record), "
        "`propose` (and ask a person) or `auto`. What is left out stays as it is here. An alert "
        "with another value is ignored; a value that no alert has changes nothing, so mind the spelling.",
    )
    time_scale: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] = Field(
        default=1.0,
        description="Divides every scaled duration, so that a test proves in seconds what takes minutes.",
    )
    deployment_window: Span = Field(
        default=timedelta(minutes=30),
        description="A deployment is blamed for alerts that start at most this long after it. Scaled.",
    )
    good_after: Span = Field(
        default=timedelta(minutes=30),
        description="A release becomes good, and may be gone back to, after it was live for so long with "
        "traffic, without a trigger and without paging anybody. Scaled.",
    )
    deployment_timeout: Span = Field(
        default=timedelta(minutes=15),
        description="A deployment that reports no end for this long is dead and holds up no rollback. "
        "Not scaled.",
    )
    cooldown: Duration = Field(
        default=timedelta(minutes=10),
        description="Time after a rollback of a service before the next one may start; a proposal is "
        "withdrawn when no alert that may roll the service back has been active for so long. Scaled.",
    )
    retry_after: Duration = Field(
        default=timedelta(minutes=1),
        description="Pause after a rollback that failed or was called off and moved no host, before the next "
        "try. Scaled.",
    )
    breaker_window: Span = Field(
        default=timedelta(hours=1),
        description="Two automatic rollbacks of a service within this time open its breaker: a person "
        "decides from then on. Scaled.",
    )
    veto_lookback: Duration = Field(
        default=timedelta(minutes=2),
        description="A dependency that was down so shortly before the condition began vetoes too. Scaled.",
    )
    hold_told_after: Duration = Field(
        default=timedelta(minutes=2),
        description="People are told of an alert that has been on hold for so long. Scaled.",
    )
    recovery_quiet: Duration = Field(
        default=timedelta(minutes=10),
        description="So long after a cure, quieter alerts that only look back are silenced. Scaled.",
    )
    rehearsal_interval: Interval = Field(
        default=timedelta(minutes=5),
        description="How often the way back is proven on every host without touching anything. Not scaled.",
    )
    stale_after: Span = Field(
        default=timedelta(hours=1),
        description="An alert that started longer ago is too old to act on; time in which rollbacks were "
        "frozen does not count. Scaled.",
    )
    clock_tolerance: Duration = Field(
        default=timedelta(seconds=5),
        description="How far in the future an alert may start before clocks are distrusted. Not scaled.",
    )
    reconcile_interval: Interval = Field(
        default=timedelta(seconds=15),
        description="How often Alertmanager is read for alerts that were not delivered. Scaled.",
    )
    verification_interval: Interval = Field(
        default=timedelta(seconds=15),
        description="Time between two measurements after a restore; the scrape interval. Scaled.",
    )
    verification_timeout: Interval = Field(
        default=timedelta(seconds=90),
        description="Time in which the service must be measured healthy, from the first answer of Prometheus "
        "after the restore. Scaled.",
    )
    verification_blind_timeout: Interval = Field(
        default=timedelta(minutes=3),
        description="Time after a restore in which Prometheus must answer at all; then people are told, and "
        "it is measured again when it is back. Scaled.",
    )
    verification_samples: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=3, description="So many healthy measurements in a row count as fixed."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3,
        description="How often a rollback is begun when the daemon dies while it runs, and how often one "
        "that failed and moved no host is tried.",
    )
    keep_records: Kept = Field(
        default=timedelta(days=400),
        description="How long decisions, alerts, rollbacks, messages and the ledger are kept; what is still "
        "needed to decide stays for longer. Not scaled.",
    )
    keep_output: Kept = Field(
        default=timedelta(days=90),
        description="How long the output of rollbacks is kept, at most 1 GB of it. Not scaled.",
    )
    keep_quarantine: Kept = Field(
        default=timedelta(days=30),
        description="How long alerts that were set aside are kept, at most 10,000 of them. Not scaled.",
    )
    executor: ExecutorSettings = Field(
        default=ExecutorSettings(), description="How a rollback is carried out."
    )

    @model_validator(mode="after")
    def pairs_are_whole(self) -> Self:
        """Settings that only make sense together are given together."""
        pairs = [
            ("web_tls_cert", "web_tls_key"),
            ("web_auth_username", "web_auth_password_file"),
            ("prometheus_username", "prometheus_password_file"),
            ("alertmanager_username", "alertmanager_password_file"),
        ]
        for one, other in pairs:
            if bool(getattr(self, one)) != bool(getattr(self, other)):
                raise ValueError(f"{one} and {other} must be given together")
        if self.web_tls_client_ca_file and not self.web_tls_cert:
            raise ValueError("web_tls_client_ca_file needs web_tls_cert: clients show certificates over TLS")
        return self

    @model_validator(mode="after")
    def times_fit(self) -> Self:
        """A scaled interval is still one, and a cure can be measured in the time that there is for it."""
        for name in ("reconcile_interval", "verification_interval"):
            scaled = getattr(self, name) / self.time_scale
            if scaled < SHORTEST:
                short = f"{scaled.total_seconds() * 1000:.1f} ms"
                raise ValueError(f"{name}: expected at least 10ms, divided by time_scale, found {short}")
        longest = max(self.stale_after, self.deployment_window, self.breaker_window, self.good_after)
        if self.keep_records < 2 * longest:
            wanted = durations.render(2 * longest)
            raise ValueError(
                f"keep_records: expected at least {wanted}, twice the longest time that is looked back, "
                f"found {durations.render(self.keep_records)}"
            )
        most = ceil(self.verification_timeout / self.verification_interval) + 1
        if most > MOST_SAMPLES:
            raise ValueError(
                f"verification_interval: expected {MOST_SAMPLES} at most in its time-out, found {most}"
            )
        if self.verification_samples > most:
            raise ValueError(
                f"verification_samples: expected at most {most}, as verification_timeout has time for, "
                f"found {self.verification_samples}"
            )
        return self

    def policy(self) -> Policy:
        """The rules of decisions, with durations scaled."""
        scale = self.time_scale
        return Policy(
            environment=self.environment,
            modes=dict(self.triggers),
            strict_seed=self.strict_seed,
            deployment_window=self.deployment_window / scale,
            deployment_timeout=self.deployment_timeout,
            cooldown=self.cooldown / scale,
            retry_after=self.retry_after / scale,
            stale_after=self.stale_after / scale,
            hold_told_after=self.hold_told_after / scale,
            good_after=self.good_after / scale,
            breaker_window=self.breaker_window / scale,
            veto_lookback=self.veto_lookback / scale,
            recovery_quiet=self.recovery_quiet / scale,
            clock_tolerance=self.clock_tolerance,
            reconcile_interval=self.reconcile_interval / scale,
            rehearsal_interval=self.rehearsal_interval,
            verification_interval=self.verification_interval / scale,
            verification_timeout=self.verification_timeout / scale,
            verification_blind_timeout=self.verification_blind_timeout / scale,
            keep_records=self.keep_records,
            keep_output=self.keep_output,
            keep_quarantine=self.keep_quarantine,
            verification_samples=self.verification_samples,
            max_attempts=self.max_attempts,
        )


def parse(text: str, origin: str) -> Settings:
    """The settings in the YAML text, or SettingsInvalid with every problem and where it is."""
    try:
        content: Any = strict_yaml.read(text)
    except ValueError as error:
        raise SettingsInvalid(f"{origin}: {error}") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise SettingsInvalid(f"{origin}: expected `setting: value` lines, found {type(content).__name__}")
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise SettingsInvalid(_problems(origin, error)) from error


def _what(problem: ErrorDetails) -> str:
    """What was expected, and what was found where the sentence does not say it."""
    said, found = problem["msg"].removeprefix("Value error, "), problem["input"]
    plain = isinstance(found, str | int | float) or found is None
    return said if "found" in said or not plain else f"{said}, found {repr(found)[:60]}"


def _unknown(where: str) -> str:
    group, _, name = where.partition(".")
    nested = group == "executor" and name in ExecutorSettings.model_fields
    hint = f"write `executor: {{{name}: ...}}`" if nested else "see docs/settings.md"
    return f"no such setting; {hint}"


def _problems(origin: str, error: ValidationError) -> str:
    lines = [f"{origin}: {error.error_count()} setting(s) cannot be used; mend them and try again"]
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"]) or "the file"
        unknown = problem["type"] == "extra_forbidden"
        what = _unknown(where) if unknown else _what(problem)
        lines.append(f"  {where}: {what}")
    return "\n".join(lines)
