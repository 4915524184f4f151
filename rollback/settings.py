"""The settings file: one model, every field documented; docs/settings.md is generated from it."""

from datetime import timedelta
from math import ceil
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from rollback import durations, strict_yaml
from rollback.domain.errors import SettingsInvalid
from rollback.domain.policy import MODES, Policy
from rollback.setting_groups import ExecutorSettings, NeighbourSettings
from rollback.setting_types import (
    SHORTEST,
    Duration,
    Interval,
    Kept,
    Span,
    Triggers,
)

MOST_SAMPLES = 10_000


class Settings(NeighbourSettings):
    """What an operator can choose. Durations are production values; `time_scale` divides the scaled ones."""

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
