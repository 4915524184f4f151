"""Where the mail of a site goes: no site inherits the addresses in alertmanager.yml without a word."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from monitoring.errors import CatalogError

GLOBAL = {"from": "smtp_from", "smarthost": "smtp_smarthost", "username": "smtp_auth_username"}
LOGIN = ("smtp_auth_username", "smtp_auth_password_file")
NEEDED = ("to", "from", "smarthost")


def addressed(config: Mapping[str, Any], mail: Any) -> dict[str, Any]:
    """The configuration with the site's addresses instead of the example's; what is not said is left out."""
    said = _texts(mail)
    named = {setting: said.get(name) for name, setting in GLOBAL.items()}
    common = {
        name: named.get(name, value)
        for name, value in config.get("global", {}).items()
        if named.get(name, value) is not None and (name not in LOGIN or "username" in said)
    }
    receivers = [_addressed(receiver, said.get("to")) for receiver in config.get("receivers", [])]
    return {**config, "global": common, **({"receivers": receivers} if receivers else {})}


def _texts(mail: Any) -> dict[str, str]:
    """What is said, by name; CatalogError where something else than the four texts is."""
    said = {name: value for name, value in mail.items() if value} if isinstance(mail, Mapping) else {"": mail}
    if isinstance(to := said.get("to"), list) and all(isinstance(one, str) and "@" in one for one in to):
        said["to"] = ", ".join(to)
    for name, value in said.items():
        if name not in {"to", *GLOBAL} or not isinstance(value, str):
            raise CatalogError(
                "expected alertmanager_mail as {to: ..., from: ..., smarthost: HOST:PORT, username: ...}, "
                f"each a text (`to` may be a list), found {f'{name}: ' if name else ''}{value!r}"
            )
    if "smarthost" in said and not re.fullmatch(r"\S+:\w+", said["smarthost"]):
        raise CatalogError(
            f"expected the smarthost of alertmanager_mail as HOST:PORT, found {said['smarthost']!r}"
        )
    return said


def require_addresses(config: Mapping[str, Any]) -> None:
    """CatalogError where a receiver sends mail and nobody said whom to, from whom or through what."""
    common = config.get("global") or {}
    lacking = {
        name
        for mail in _mails(config)
        for name in NEEDED
        if not (mail.get(name) or common.get(GLOBAL.get(name, "")))
    }
    if lacking:
        raise CatalogError(
            "expected the site to say where its mail goes, found no "
            f"{' and no '.join(name for name in NEEDED if name in lacking)}; set alertmanager_mail: "
            "{to: ..., from: ..., smarthost: HOST:PORT} for the group monitoring, or say that this site has "
            "no mail: alertmanager_without: {mail: why}"
        )


def _addressed(receiver: Mapping[str, Any], to: str | None) -> dict[str, Any]:
    mails = [{**mail, "to": to} for mail in receiver.get("email_configs", [])]
    return {**receiver, **({"email_configs": mails} if mails else {})}


def _mails(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for receiver in config.get("receivers") or []:
        yield from receiver.get("email_configs") or []
