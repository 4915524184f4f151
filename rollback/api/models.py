"""Request bodies of the described interface."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+~-]{0,62}$")]


class Model(BaseModel):
    """Refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class DeploymentBody(Model):
    """A deployment that is about to touch its first host."""

    service: Name
    version: Version
    hosts: Annotated[list[Name], Field(min_length=1, max_length=1000)]
    checksum: Annotated[str, Field(max_length=200)] = ""
    rollback_safe: bool = Field(description="Whether this version may be gone back to later.")
    override: bool = Field(default=False, description="Deploy although the version was rolled back.")


class FinishBody(Model):
    """How a deployment ended."""

    outcome: Literal["live", "failed"]
    detail: Annotated[str, Field(max_length=2000)] = ""


class PreviewBody(Model):
    """An alert to imagine. Its trigger and annotations are read from Prometheus' rules when not given."""

    alert_name: Annotated[str, Field(min_length=1, max_length=200)]
    service: Name | None = Field(default=None, description="May be left out when there is only one.")
    trigger: Annotated[str, Field(max_length=200)] | None = None
