"""Filter `mita_web_files`: TLS and Basic authentication of a port, as files for exporter-toolkit."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import bcrypt
import yaml
from ansible.errors import AnsibleFilterError

COST = 10
ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CERTIFICATE, KEY = "web/tls.crt", "web/tls.key"

File = dict[str, Any]
User = Mapping[str, str]


def web_files(users: Sequence[User], *, certificate: str, key: str, place: str) -> list[File]:
    """Return web.yml and the certificate's files; without users and certificate web.yml asks for nothing.

    *place* names host and service: users get another salt at every port, and the same one at every run.
    """
    check_pair(certificate, key)
    content: dict[str, Any] = {}
    if certificate:
        content["tls_server_config"] = {"cert_file": CERTIFICATE, "key_file": KEY, "min_version": "TLS12"}
    if users:
        content["basic_auth_users"] = {user["name"]: password_hash(user, place) for user in users}
    web = {"path": "web.yml", "content": _dump(content), "secret": bool(users), "apply": "restart"}
    return [web, *certificate_files(certificate, key)]


def certificate_files(certificate: str, key: str) -> list[File]:
    """Return the two files of a certificate, which servers read again at each connection."""
    check_pair(certificate, key)
    if not certificate:
        return []
    return [
        {"path": CERTIFICATE, "content": _line(certificate), "apply": "none"},
        {"path": KEY, "content": _line(key), "secret": True, "apply": "none"},
    ]


def ready(
    users: Sequence[User], *, url: str, certificate: str, root: str, timeout: int = 30
) -> dict[str, Any]:
    """Return how `managed_service` asks *url* once the port is closed as the other arguments say."""
    trust = {"ca_file": f"{root}/{CERTIFICATE}"} if certificate else {}
    return {"url": url, "timeout": timeout, **login(users), **trust}


def login(users: Sequence[User], *, at_most: int | None = None) -> dict[str, str]:
    """Return the credentials with which the role itself asks: the first user's, or none for an open port."""
    if at_most is not None and len(users) > at_most:
        raise AnsibleFilterError(f"this service knows {at_most} web user, found {len(users)}; give only one")
    if not users:
        return {}
    if "password" not in users[0]:
        raise AnsibleFilterError(
            f"the first web user needs a password, since the role asks with it whether the service is ready; "
            f"found only {', '.join(sorted(users[0]))}: put a user with a password first"
        )
    return {"username": users[0]["name"], "password": users[0]["password"]}


def check_pair(certificate: str, key: str) -> None:
    """Raise unless there are both or neither."""
    if bool(certificate) != bool(key):
        found = "a certificate" if certificate else "a key"
        raise AnsibleFilterError(f"TLS needs a certificate and its key (PEM), found only {found}; give both")


def password_hash(user: User, place: str) -> str:
    """Return the user's own hash, or one computed with a salt that only depends on user and place."""
    if "password_hash" in user:
        return str(user["password_hash"])
    if "password" not in user:
        raise AnsibleFilterError(
            f"a web user needs name and password or password_hash, found {', '.join(sorted(user))}"
        )
    salt = f"$2b${COST}${_salt(place + ' ' + user['name'])}"
    try:
        return bcrypt.hashpw(user["password"].encode(), salt.encode()).decode()
    except ValueError as error:
        raise AnsibleFilterError(f"the password of {user['name']} does not fit bcrypt: {error}") from error


def _salt(seed: str) -> str:
    """Return 22 characters of bcrypt's own alphabet that hold 128 bits; the last one holds only two."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "big") << 4
    return "".join(ALPHABET[number >> shift & 63] for shift in range(126, -1, -6))


def _dump(content: Mapping[str, Any]) -> str:
    if not content:
        return "# Open: neither TLS nor authentication is configured.\n{}\n"
    # Through JSON: no YAML writer knows the tags that Ansible hangs on what it read.
    return yaml.safe_dump(json.loads(json.dumps(content)))


def _line(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_certificate_files": certificate_files,
            "mita_web_files": web_files,
            "mita_web_login": login,
            "mita_web_ready": ready,
        }
