"""Who may log in: kept in a file of the data directory, which the command line and the server share."""

import hashlib
import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Accounts:
    """The accounts of one data directory."""

    def __init__(self, directory: Path) -> None:
        """The file may not be there yet."""
        self.path = directory / "grafana.db"

    def first(self, login: str, password: str) -> None:
        """The administrator exists, with this password if there was none before."""
        if not self.path.exists():
            self.path.touch(mode=0o640)
            self._write({})
            self.add(login, password, role="Admin", administrator=True)

    def all(self) -> dict[int, Json]:
        """Every account by its number."""
        return {int(number): account for number, account in json.loads(self.path.read_text()).items()}

    def add(self, login: str, password: str, *, role: str = "Viewer", administrator: bool = False) -> int:
        """One more account, and its number."""
        known = self.all()
        number = max(known, default=0) + 1
        secret = {"password": digest(login, password)}
        known[number] = {"login": login, "role": role, "administrator": administrator, **secret}
        self._write(known)
        return number

    def set_password(self, number: int, password: str) -> None:
        """The account has another password."""
        self.change(number, password=digest(self.all()[number]["login"], password))

    def change(self, number: int, **values: Any) -> None:
        """The account has other values."""
        known = self.all()
        known[number] |= values
        self._write(known)

    def remove(self, number: int) -> None:
        """The account is gone."""
        self._write({each: account for each, account in self.all().items() if each != number})

    def found(self, login: str, password: str) -> Json | None:
        """The account with this login and this password."""
        fits = digest(login, password)
        return next((one for one in self.all().values() if one["password"] == fits), None)

    def _write(self, known: dict[int, Json]) -> None:
        self.path.write_text(json.dumps(known))


def digest(login: str, password: str) -> str:
    """What is kept of a password."""
    return hashlib.sha256(f"{login}\0{password}".encode()).hexdigest()
