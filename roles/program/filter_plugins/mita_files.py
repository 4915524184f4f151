"""Filters that shape inputs for `managed_service`: secret files and command lines."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# systemd expands % and $ in ExecStart; a word with anything else than these characters is quoted.
PLAIN = re.compile(r"[A-Za-z0-9_@:,./+=^-]+")


def secret_files(
    secrets: Mapping[str, str], directory: str = "secrets", apply: str = "reload"
) -> list[dict[str, Any]]:
    """Return one masked file for each secret, in order of their names."""
    return [
        {"path": f"{directory}/{name}", "content": str(secrets[name]), "secret": True, "apply": apply}
        for name in sorted(secrets)
    ]


def exec_line(words: Iterable[str]) -> str:
    """Return the words as one ExecStart line, one word to a line, each taken literally by systemd."""
    return " \\\n    ".join(_quoted(str(word)) for word in words)


def environment(values: Mapping[str, str]) -> str:
    """Return an EnvironmentFile with those values that are not empty, each taken literally by systemd."""
    return "".join(f"{name}={_literal(str(value))}\n" for name, value in values.items() if str(value))


def _literal(value: str) -> str:
    escaped = re.sub(r'([\\"$`])', r"\\\1", value)
    return f'"{escaped}"'


def _quoted(word: str) -> str:
    literal = word.replace("%", "%%").replace("$", "$$")
    if PLAIN.fullmatch(word):
        return literal
    escaped = literal.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_environment": environment, "mita_exec": exec_line, "mita_secret_files": secret_files}
