"""Who may log in to Grafana: the administrator and the people of the inventory."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .client import Client, GrafanaError

RECORD = Path("/var/lib/mita/grafana-users.json")
"""The logins that we made: only these are removed once they have left the inventory."""


@dataclass(frozen=True)
class Person:
    """One account of the inventory; `role` is Viewer, Editor or Admin."""

    login: str
    password: str
    role: str


@dataclass(frozen=True)
class Account:
    """One account as Grafana has it."""

    number: int
    role: str


@dataclass
class Accounts:
    """What is wanted of one Grafana. `reset` is the command that reads the administrator's password."""

    admin: Client
    people: Sequence[Person]
    reset: Sequence[str]
    check_mode: bool
    did: list[str] = field(default_factory=list)

    def converge(self) -> list[str]:
        """Do what is missing, and return what was done, or would be in check mode."""
        if not self._has_admin_password():
            self._reset_admin_password()
            if self.check_mode:
                return self.did  # whoever else is missing can only be asked with the new password
        known = self._known()
        ours = read_record()
        for person in self.people:
            self._converge_person(person, known.get(person.login))
        wanted = [person.login for person in self.people]
        for login in sorted(set(ours) - set(wanted)):
            self._remove(login, known.get(login))
        if not self.check_mode and ours != sorted(wanted):
            write_record(wanted)
        return self.did

    def _has_admin_password(self) -> bool:
        return self.admin.may_log_in()

    def _reset_admin_password(self) -> None:
        self.did.append(f"set the password of {self.admin.name}")
        if self.check_mode:
            return
        done = subprocess.run(
            self.reset, input=self.admin.password + "\n", capture_output=True, text=True, check=False
        )
        if done.returncode or not self.admin.may_log_in():
            words = (done.stderr.strip() or done.stdout.strip()).replace(self.admin.password, "(secret)")
            raise GrafanaError(
                f"expected {self.admin.name} to log in with the new password, found that "
                f"`grafana cli admin reset-admin-password` ended with {done.returncode}: {words[-500:]}; "
                "is grafana_admin_user the login of Grafana's first user?"
            )

    def _known(self) -> dict[str, Account]:
        listed = self.admin.ask("GET", "/api/org/users")
        return {one["login"]: Account(one["userId"], one["role"]) for one in listed}

    def _converge_person(self, person: Person, account: Account | None) -> None:
        if account is None:
            account = self._create(person)
        elif not self.admin.as_user(person.login, person.password).may_log_in():
            self._do(
                f"set the password of {person.login}",
                "PUT",
                f"/api/admin/users/{account.number}/password",
                {"password": person.password},
            )
        if account.role != person.role:
            self._do(
                f"make {person.login} {person.role}",
                "PATCH",
                f"/api/org/users/{account.number}",
                {"role": person.role},
            )

    def _create(self, person: Person) -> Account:
        body = {"name": person.login, "login": person.login, "password": person.password}
        made = self._do(f"add {person.login}", "POST", "/api/admin/users", body)
        return self._known()[person.login] if made else Account(0, "Viewer")

    def _remove(self, login: str, account: Account | None) -> None:
        if account is not None:
            self._do(f"remove {login}", "DELETE", f"/api/admin/users/{account.number}", None)

    def _do(self, what: str, method: str, path: str, body: Any) -> Mapping[str, Any] | None:
        self.did.append(what)
        if self.check_mode:
            return None
        answer: Mapping[str, Any] = self.admin.ask(method, path, body)
        return answer


def read_record(path: Path = RECORD) -> list[str]:
    """Return the logins that we made, in order."""
    return list(json.loads(path.read_text())) if path.exists() else []


def write_record(logins: Sequence[str], path: Path = RECORD) -> None:
    """Keep the logins that are ours now, for root alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_suffix(".json.new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(sorted(logins)) + "\n")
    new.replace(path)
