"""Request bodies of the described interface."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from rollback.domain.alert import YEARS
from rollback.domain.deployment import Standing

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~-]{0,62}$")]
By = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="Who says so; kept in the record. rollbackctl gives the name of the login.",
    ),
]
Text = Annotated[str, Field(max_length=1000)]
Given = Annotated[str, Field(min_length=1, max_length=1000)]


class Model(BaseModel):
    """Refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class Problem(Model):
    """Why a request was not granted: a sentence for people, a word for programs, what is known about it."""

    error: str
    reason: str | None = None
    known: list[str] | None = None


class DeploymentBody(Model):
    """A deployment that is about to touch its first host."""

    service: Name
    environment: Name | None = Field(default=None, description="The daemon's own when left out.")
    version: Version
    hosts: Annotated[list[Name], Field(min_length=1, max_length=1000)]
    checksum: Annotated[str, Field(max_length=200)] = ""
    rollback_safe: bool = Field(
        description="Whether this version may be left again for an earlier one: its migrations allow it."
    )
    override: bool = Field(default=False, description="Deploy although the version was rejected.")
    take_over: bool = Field(
        default=False, description="An open deployment of another version is dead: close it and begin."
    )


class FinishBody(Model):
    """How a deployment ended."""

    outcome: Literal["live", "failed"]
    detail: Annotated[str, Field(max_length=2000)] = ""


class PreviewBody(Model):
    """An alert to imagine. Its trigger and annotations are read from Prometheus' rules when not given."""

    alert_name: Annotated[str, Field(min_length=1, max_length=200)]
    service: Name | None = Field(default=None, description="May be left out when there is only one.")
    trigger: Annotated[str, Field(max_length=200)] | None = None


class PersonBody(Model):
    """Who says so, and why."""

    by: By
    note: Text = ""


class FreezeBody(Model):
    """A stop of automatic rollbacks until a moment."""

    service: Name | None = Field(default=None, description="All services when left out.")
    reason: Given
    by: By
    until: AwareDatetime | None = None
    minutes: Annotated[float, Field(gt=0, le=527_040)] | None = None

    @model_validator(mode="after")
    def ends_once(self) -> Self:
        """A freeze without an end would be forgotten, one with two ends is unclear."""
        if (self.until is None) == (self.minutes is None):
            raise ValueError("give either `until` or `minutes`")
        if self.until and self.until.year not in YEARS:
            raise ValueError(f"until: expected a year from {YEARS[0]} to {YEARS[-1]}")
        return self

    @property
    def lasting(self) -> timedelta | None:
        """How long it holds, where that was said."""
        return None if self.minutes is None else timedelta(minutes=self.minutes)


class MarkBody(PersonBody):
    """What a release is worth, by a person's word."""

    standing: Literal["good", "bad"] = Field(
        description="`good` may be gone back to; `bad` is no target and not deployed without override."
    )

    @property
    def meant(self) -> Standing:
        """The standing that the word gives."""
        return Standing.GOOD if self.standing == "good" else Standing.REJECTED


class RollbackBody(Model):
    """A rollback that a person wants."""

    service: Name
    environment: Name | None = Field(default=None, description="The daemon's own when left out.")
    to_version: Version | None = Field(
        default=None, description="The last good release when left out, else the best guess."
    )
    reason: Given
    by: By
    further: bool = Field(
        default=False, description="Go back even from a release that was itself gone back to."
    )
    dry_run: bool = Field(default=False, description="Say what would be done, and do nothing.")
