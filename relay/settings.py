"""What the role writes: where the relay listens, and in which file the address of each channel stands."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import RelayError

LOOPBACK = "127.0.0.1"
_NAME = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Address:
    """One incoming webhook; its file is read for each message, so that a new secret needs no restart."""

    file: Path
    proxy: str = ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`late_s` is how long a message may wait before a person is told, `keep_s` before it is set aside.

    `longest_pause_s` is the longest pause between two tries at a Slack that fails. It listens at `host`.
    """

    port: int
    addresses: Mapping[str, Address]
    late_s: float
    keep_s: float
    longest_pause_s: float
    host: str = LOOPBACK


def load(path: Path) -> Settings:
    """Read *path*, or raise RelayError."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Settings(
            port=int(values["port"]),
            addresses={
                _name(name): Address(file=Path(one["file"]), proxy=str(one["proxy"]))
                for name, one in values["addresses"].items()
            },
            late_s=float(values["late_s"]),
            keep_s=float(values["keep_s"]),
            longest_pause_s=float(values["longest_pause_s"]),
            host=str(values.get("host", LOOPBACK)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RelayError(f"expected the settings that the role writes in {path}, found: {error!r}") from error


def _name(name: str) -> str:
    """It is a part of a URL and of a metric."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name!r}")
    return name
