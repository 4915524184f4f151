"""The settings in use, and how a reload replaces them whole or not at all."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from rollback.adapters.http_source import Endpoint
from rollback.api.auth import Account, Accounts
from rollback.domain.errors import SettingsInvalid
from rollback.domain.policy import Policy
from rollback.settings import Settings, parse
from rollback.strict_yaml import LONGEST

FIXED = ("listen_address", "listen_port", "database", "environment", "log_format")
"""Settings that a running daemon cannot change."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """One consistent set: settings, the secrets that they point to, and what follows from them."""

    settings: Settings
    directory: Path
    policy: Policy
    accounts: Accounts
    prometheus: Endpoint
    alertmanager: Endpoint
    probes_ca: Path | None
    slack_url: str = field(repr=False)
    pagerduty_key: str = field(repr=False)

    @property
    def inventory(self) -> Path:
        """The executor's inventory; a relative path is meant from the settings file."""
        return self.directory / self.settings.executor.inventory


def load(file: Path) -> Live:
    """Read and check everything that the file names, or raise SettingsInvalid with what to do."""
    settings, directory = parse(_text(file, "the settings"), str(file)), file.resolve().parent
    if settings.web_tls_cert and settings.web_tls_key:
        tls_context(directory / settings.web_tls_cert, directory / settings.web_tls_key)
    return Live(
        settings=settings,
        directory=directory,
        policy=settings.policy(),
        accounts=_accounts(settings, directory),
        prometheus=Endpoint(
            url=settings.prometheus_url,
            username=settings.prometheus_username,
            password=_optional(directory, settings.prometheus_password_file, "prometheus_password_file"),
            ca_file=_file(directory, settings.prometheus_ca_file, "prometheus_ca_file"),
        ),
        alertmanager=Endpoint(
            url=settings.alertmanager_url,
            username=settings.alertmanager_username,
            password=_optional(directory, settings.alertmanager_password_file, "alertmanager_password_file"),
            ca_file=_file(directory, settings.alertmanager_ca_file, "alertmanager_ca_file"),
        ),
        probes_ca=_file(directory, settings.probes_ca_file, "probes_ca_file"),
        slack_url=_optional(directory, settings.slack_webhook_url_file, "slack_webhook_url_file"),
        pagerduty_key=_optional(directory, settings.pagerduty_routing_key_file, "pagerduty_routing_key_file"),
    )


def changed_but_fixed(old: Settings, new: Settings) -> list[str]:
    """Settings that differ and only take effect after a restart."""
    names = [name for name in FIXED if getattr(old, name) != getattr(new, name)]
    tls = bool(old.web_tls_cert) != bool(new.web_tls_cert)
    return [*names, *(["web_tls_cert"] if tls else [])]


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server context with the certificate, or SettingsInvalid."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, certificate, key)
    return context


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Use this certificate for connections from now on, or raise SettingsInvalid."""
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        message = f"web_tls_cert {certificate} and web_tls_key {key} cannot be used: {error}"
        raise SettingsInvalid(message) from error


def _accounts(settings: Settings, directory: Path) -> Accounts:
    web = None
    if settings.web_auth_username:
        password = _optional(directory, settings.web_auth_password_file, "web_auth_password_file")
        web = Account(username=settings.web_auth_username, password=password)
    return Accounts(
        webhook=Account(
            username=settings.webhook_username,
            password=_secret(directory / settings.webhook_secret_file, "webhook_secret_file"),
        ),
        admin=Account(
            username=settings.admin_username,
            password=_secret(directory / settings.admin_secret_file, "admin_secret_file"),
        ),
        web=web,
    )


def _text(path: Path, setting: str) -> str:
    """The content of a file. What is no file is not opened: reading a pipe would wait for ever."""
    try:
        if path.exists() and not path.is_file():
            raise SettingsInvalid(f"{setting}: expected a file at {path}, found something else")
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST + 1)
    except (OSError, ValueError) as error:  # what is no UTF-8, or no path, is a ValueError
        raise SettingsInvalid(f"{setting}: expected a readable file at {path}, found: {error}") from error


def _secret(path: Path, setting: str) -> str:
    """The content of a secret file without its line end; an empty one is refused."""
    content = _text(path, setting).strip()
    if not content:
        raise SettingsInvalid(f"{setting}: expected a secret in {path}, found an empty file")
    return content


def _optional(directory: Path, path: Path | None, setting: str) -> str:
    return "" if path is None else _secret(directory / path, setting)


def _file(directory: Path, path: Path | None, setting: str) -> Path | None:
    if path is not None and not (directory / path).is_file():
        raise SettingsInvalid(f"{setting}: expected a file at {directory / path}, found none")
    return None if path is None else directory / path
