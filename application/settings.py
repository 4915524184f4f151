"""What a host and a release tell the application: environment variables and the release's manifest."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .faults import Fault, from_manifest

DEFAULT_MANIFEST = (
    Path(__file__).resolve().parents[2] / "manifest.json"
)  # <release>/app/application/ -> <release>/


SUPERVISOR = "MITA_SUPERVISOR_PID"  # set by the supervisor for its workers


class SettingsError(Exception):
    """The environment or the manifest is incomplete; the message says what was expected and what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between hosts and releases."""

    version: str
    faults: list[Fault]
    database_url: str
    redis_url: str
    lab: bool  # whether request headers may ask for failures and delays
    metrics_dir: Path
    host: str = "0.0.0.0"  # noqa: S104 - Prometheus and the users are on other hosts
    port: int = 8080
    workers: int = 2
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    drain_seconds: float = 0.5  # a worker that ends waits so long for clients to take their leave
    in_flight_seconds: int = 5  # and so long, after that, for answers that it owes
    runtime_dir: Path | None = None  # what one process leaves there, the next one finds
    metrics_credentials: str = ""  # USER:PASSWORD that /metrics asks for; empty asks for none

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings; SettingsError names the variable that is missing."""
        manifest = read_manifest(Path(environment.get("MITA_MANIFEST") or DEFAULT_MANIFEST))
        return cls(
            version=str(manifest["version"]),
            faults=from_manifest(manifest.get("fault")),  # type: ignore[arg-type]
            database_url=required(environment, "DATABASE_URL"),
            redis_url=required(environment, "REDIS_URL"),
            lab=environment.get("MITA_LAB") == "1",
            metrics_dir=Path(required(environment, "PROMETHEUS_MULTIPROC_DIR")),
            host=environment.get("MITA_HOST") or cls.host,
            port=int(environment.get("MITA_PORT") or cls.port),
            workers=int(environment.get("MITA_WORKERS") or cls.workers),
            tls_certificate=optional_path(environment, "MITA_TLS_CERTIFICATE"),
            tls_key=optional_path(environment, "MITA_TLS_KEY"),
            drain_seconds=float(environment.get("MITA_DRAIN_SECONDS") or cls.drain_seconds),
            in_flight_seconds=int(environment.get("MITA_IN_FLIGHT_SECONDS") or cls.in_flight_seconds),
            runtime_dir=optional_path(environment, "RUNTIME_DIRECTORY"),
            metrics_credentials=environment.get("MITA_METRICS_CREDENTIALS", ""),
        )


def read_manifest(path: Path) -> dict[str, object]:
    """Return the release's manifest; a version is what it must have."""
    try:
        manifest = json.loads(path.read_text())
        manifest["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"expected the release's manifest with a version at {path}, found {error!r}; "
            "deploy the release again, or set MITA_MANIFEST."
        ) from error
    return dict(manifest)


def required(environment: Mapping[str, str], name: str) -> str:
    """Return a variable that must be set."""
    if not environment.get(name):
        raise SettingsError(
            f"expected the environment variable {name}, found none; see /etc/mita-backend/env."
        )
    return environment[name]


def optional_path(environment: Mapping[str, str], name: str) -> Path | None:
    """Return a path, or None where the variable is missing or empty."""
    value = environment.get(name)
    return Path(value) if value else None
