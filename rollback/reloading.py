"""The settings in use, and how a reload replaces them whole or not at all."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from rollback.adapters.http_source import Endpoint
from rollback.api.auth import Account, Accounts, Signature
from rollback.domain.errors import SettingsInvalid
from rollback.domain.policy import Policy
from rollback.setting_types import address
from rollback.settings import Settings, parse
from rollback.strict_yaml import LONGEST

FIXED = ("listen_address", "listen_port", "database", "environment", "log_format")
"""Settings that a running daemon cannot change."""
SECRETS = (
    "webhook_secret_file",
    "webhook_hmac_secret_file",
    "admin_secret_file",
    "reader_secret_file",
    "web_auth_password_file",
)
"""Settings that name the files of the secrets with which others come in."""
ROUTING_KEY = re.compile(r"[0-9A-Za-z]{32}")
SECRET_LENGTH = 10
"""Nobody who guesses is locked out for good, so the secrets themselves must be too many to try."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """One consistent set: settings, the secrets that they point to, and what follows from them."""

    settings: Settings
    directory: Path
    policy: Policy
    accounts: Accounts
    tls: ssl.SSLContext | None = field(repr=False, compare=False)
    prometheus: Endpoint
    alertmanager: Endpoint
    probes_ca: Path | None
    slack_url: str = field(repr=False)
    pagerduty_key: str = field(repr=False)

    @property
    def inventory(self) -> Path:
        """The executor's inventory; a relative path is meant from the settings file."""
        return self.directory / self.settings.executor.inventory


def load(file: Path) -> Loaded:
    """Read and check everything that the file names, or raise SettingsInvalid with what to do."""
    text, directory = _text(file, "the settings"), file.resolve().parent
    if not text.strip():
        raise SettingsInvalid(
            f"{file}: expected settings, found an empty file, as one that was not written whole"
        )
    settings = parse(text, str(file))
    return Loaded(
        settings=settings,
        directory=directory,
        policy=settings.policy(),
        accounts=_accounts(settings, directory),
        tls=_tls(settings, directory),
        prometheus=Endpoint(
            url=settings.prometheus_url,
            others=tuple(settings.prometheus_other_urls),
            username=settings.prometheus_username,
            password=_optional(directory, settings.prometheus_password_file, "prometheus_password_file"),
            ca_file=_file(directory, settings.prometheus_ca_file, "prometheus_ca_file"),
        ),
        alertmanager=Endpoint(
            url=settings.alertmanager_url,
            others=tuple(settings.alertmanager_other_urls),
            username=settings.alertmanager_username,
            password=_optional(directory, settings.alertmanager_password_file, "alertmanager_password_file"),
            ca_file=_file(directory, settings.alertmanager_ca_file, "alertmanager_ca_file"),
        ),
        probes_ca=_file(directory, settings.probes_ca_file, "probes_ca_file"),
        slack_url=_address(directory, settings.slack_webhook_url_file, "slack_webhook_url_file"),
        pagerduty_key=_routing_key(directory, settings.pagerduty_routing_key_file),
    )


def changed_but_fixed(old: Settings, new: Settings) -> list[str]:
    """Settings that differ and only take effect after a restart."""
    return [name for name in FIXED if getattr(old, name) != getattr(new, name)]


def _tls(settings: Settings, directory: Path) -> ssl.SSLContext | None:
    """The server's context, which asks clients for certificates where the settings say so."""
    if not (settings.web_tls_cert and settings.web_tls_key):
        return None
    certificate = _file(directory, settings.web_tls_cert, "web_tls_cert")
    key = _file(directory, settings.web_tls_key, "web_tls_key")
    assert certificate and key
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        message = f"web_tls_cert {certificate} and web_tls_key {key} cannot be used: {error}"
        raise SettingsInvalid(message) from error
    if authority := _file(directory, settings.web_tls_client_ca_file, "web_tls_client_ca_file"):
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError) as error:
            raise SettingsInvalid(f"web_tls_client_ca_file {authority} cannot be used: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _accounts(settings: Settings, directory: Path) -> Accounts:
    webhook, admin = settings.webhook_username, settings.admin_username
    reader, web = settings.reader_username, settings.web_auth_username
    secrets = {
        name: _secret(directory / file, name, least=SECRET_LENGTH)
        for name in SECRETS
        if (file := getattr(settings, name)) is not None
    }
    named = {"webhook_username": webhook, "admin_username": admin}
    named |= {"reader_username": reader} if "reader_secret_file" in secrets else {}
    named |= {"web_auth_username": web} if web else {}
    _refuse_twins(named, "are one and the same account, so that nobody could tell who did what")
    _refuse_twins(secrets, "hold one and the same secret, so that one door would open the other")
    signed = secrets.get("webhook_hmac_secret_file")
    return Accounts(
        webhook=Account(username=webhook, password=secrets["webhook_secret_file"]),
        admin=Account(username=admin, password=secrets["admin_secret_file"]),
        reader=_account(reader, secrets.get("reader_secret_file")),
        web=_account(web, secrets.get("web_auth_password_file")),
        signature=Signature(secret=signed, window=settings.webhook_hmac_window) if signed else None,
        legacy=settings.legacy_auth,
        status=settings.status_without_credentials,
    )


def _account(username: str, password: str | None) -> Account | None:
    return None if password is None else Account(username=username, password=password)


def _refuse_twins(values: Mapping[str, str], why: str) -> None:
    """Two doors that one key opens are one door."""
    for (one, first), (other, second) in combinations(values.items(), 2):
        if first == second:
            raise SettingsInvalid(f"{one} and {other} {why}: give each its own")


def _text(path: Path, setting: str) -> str:
    """The content of a file. What is no file is not opened: reading a pipe would wait for ever."""
    try:
        if path.exists() and not path.is_file():
            raise SettingsInvalid(f"{setting}: expected a file at {path}, found something else")
        with path.open(encoding="utf-8") as file:
            return file.read(LONGEST + 1)
    except (OSError, ValueError) as error:  # what is no UTF-8, or no path, is a ValueError
        raise SettingsInvalid(f"{setting}: expected a readable file at {path}, found: {error}") from error


def _secret(path: Path, setting: str, least: int = 1) -> str:
    """The content of a secret file without its line end; an empty or short one is refused."""
    content = _text(path, setting).strip()
    if not content:
        raise SettingsInvalid(f"{setting}: expected a secret in {path}, found an empty file")
    if not content.isprintable():
        raise SettingsInvalid(
            f"{setting}: expected one line of text in {path}, found several, or signs that cannot be printed"
        )
    if len(content) < least:
        raise SettingsInvalid(
            f"{setting}: expected at least {least} characters in {path}, found {len(content)}: "
            "make one with `openssl rand -hex 16`"
        )
    return content


def _address(directory: Path, path: Path | None, setting: str) -> str:
    """The web address in a file; it is a secret, so no sentence shows it."""
    found = _optional(directory, path, setting)
    try:
        return address(found)
    except ValueError:
        raise SettingsInvalid(
            f"{setting}: expected one web address in {directory / str(path)}, found none"
        ) from None


def _routing_key(directory: Path, path: Path | None) -> str:
    """The key of an integration, as PagerDuty makes them; it is a secret, so no sentence shows it."""
    found = _optional(directory, path, "pagerduty_routing_key_file")
    if found and not ROUTING_KEY.fullmatch(found):
        raise SettingsInvalid(
            f"pagerduty_routing_key_file: expected 32 letters and digits in {directory / str(path)}, found "
            f"{len(found)} signs: copy the integration key of an Events API v2 integration"
        )
    return found


def _optional(directory: Path, path: Path | None, setting: str) -> str:
    return "" if path is None else _secret(directory / path, setting)


def _file(directory: Path, path: Path | None, setting: str) -> Path | None:
    if path is not None and not (directory / path).is_file():
        raise SettingsInvalid(f"{setting}: expected a file at {directory / path}, found none")
    return None if path is None else directory / path
