"""Filter `mita_secret_problems`: every secret that a site does not have or that is too short, all at once.

A site names its secrets by variables that begin with `vault_`. Nothing of them is shown here but their names,
and no host is asked.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

REFERENCE = re.compile(r"\bvault_\w+\b(?!\s*\|\s*default\b)")
EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
"""Where a name means a variable; elsewhere it may be a path or a word of a sentence."""
ALONE = re.compile(r"\s*\{\{\s*(vault_\w+)\s*\}\}\s*")
LEAST = {
    "rollback_webhook_secret": 10,
    "rollback_admin_secret": 10,
    "rollback_reader_secret": 10,
    "rollback_webhook_hmac_secret": 10,
    "rollback_web_auth_password": 10,
}
"""How many characters the daemon wants of a secret at least, by the input of the role `rollback`."""

Variables = Mapping[str, Any]


def secret_problems(hostvars: Any) -> list[str]:
    """One sentence for each secret that is missing, too short or spaced, with the input that needs it."""
    found: dict[str, str] = {}
    for host in sorted(hostvars):
        variables = hostvars.raw_get(host)
        for name, value in sorted(variables.items()):
            for secret, problem in problems(name, value, variables):
                found.setdefault(secret, problem)
    return [f"{secret}: {problem}" for secret, problem in sorted(found.items())]


def problems(name: str, value: Any, variables: Variables) -> Iterator[tuple[str, str]]:
    """The secrets that the input *name* refers to and cannot be used, each with why."""
    if name.startswith("vault_"):
        return
    for text in strings(value):
        for secret in REFERENCE.findall(" ".join(EXPRESSION.findall(text))):
            if not _text(variables.get(secret)).strip():
                yield secret, f"expected a secret for {name}, found none"
            elif _is_spaced(variables.get(secret)):
                yield (
                    secret,
                    f"expected one line without space around it for {name}, found space or a line's end",
                )
    alone = ALONE.fullmatch(value) if isinstance(value, str) else None
    secret = _text(variables.get(alone[1])) if alone else ""
    if alone and "{{" not in secret and 0 < len(secret.strip()) < LEAST.get(name, 0):
        found = len(secret.strip())
        yield alone[1], f"expected at least {LEAST[name]} characters for {name}, found {found}"


def _is_spaced(secret: Any) -> bool:
    """Whether one program would send the space around a secret that another leaves away; a key has lines."""
    text = _text(secret)
    return text != text.strip() and "\n" not in text.strip() and "{{" not in text


def strings(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filter by name."""
        return {"mita_secret_problems": secret_problems}
