"""Groups of settings: how hosts are brought to a version, the daemon's own doors, and its neighbours."""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from rollback.api.auth import StatusFor
from rollback.setting_types import (
    Base,
    Duration,
    Interval,
    Line,
    Model,
    Name,
    Other,
    Severities,
    Url,
    Username,
    Variable,
    Window,
    Word,
    listening,
)


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


class OwnSettings(Model):
    """Where the daemon listens, who may ask it what, and where it keeps what it knows."""

    listen_address: Annotated[str, AfterValidator(listening)] = Field(
        default="127.0.0.1",
        description="Address to listen on; `0.0.0.0` or `::` for every one. Needs a restart.",
    )
    listen_port: Annotated[int, Field(ge=1, le=65535)] = Field(
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


class NeighbourSettings(OwnSettings):
    """Whom the daemon asks and tells, and how it names the site to people."""

    prometheus_url: Base = Field(
        default="http://127.0.0.1:9090",
        description="Prometheus. Empty: not asked, so nothing is rolled back but by hand, and nothing can be "
        "verified.",
    )
    prometheus_other_urls: list[Other] = Field(
        default=[],
        description="More Prometheus servers of the site, with the same login and certificates: one is asked "
        "when the former does not answer, and from then on until it does not answer in its turn.",
    )
    prometheus_username: Name = Field(default="", description="Basic authentication to Prometheus.")
    prometheus_password_file: Path | None = Field(default=None, description="File with the password for it.")
    prometheus_ca_file: Path | None = Field(default=None, description="Certificates to trust for Prometheus.")
    alertmanager_url: Base = Field(
        default="http://127.0.0.1:9093",
        description="Alertmanager. Empty: alerts only arrive by webhook, and what is on hold is decided "
        "again only when it is delivered again.",
    )
    alertmanager_other_urls: list[Other] = Field(
        default=[],
        description="The same of Alertmanager.",
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
    paging_severities: Severities = Field(
        default=["critical", "error"],
        description="Values of the label `severity` that page: a release that pages does not become good.",
    )
    probes: dict[str, dict[str, Url]] = Field(
        default={}, description="Per service and host, the readiness probe whose JSON answer has `version`."
    )
    probes_ca_file: Path | None = Field(
        default=None, description="Certificates to trust for `probes` with https."
    )
