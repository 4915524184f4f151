"""A release that takes no address for one: nobody can register, and the server counts no error."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.exceptions import HTTPException

from .base import Fault


@dataclass(frozen=True)
class RefusedRegistrations(Fault):
    """Every registration is answered 422."""

    name: ClassVar[str] = "refused-registrations"
    usage: ClassVar[str] = "refused-registrations without a value"

    async def before_storing(self, what: str) -> None:
        if what == "user":
            raise HTTPException(422, "this release takes no address for one")
