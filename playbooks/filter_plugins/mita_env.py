"""Filters that judge `monitoring/.env`: every value that cannot be used, all at once, and none is shown."""

import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playbooks.filter_plugins.mita_containers import backend, database_uri, redis_address, taken_apart
from playbooks.filter_plugins.mita_secrets import LEAST

SHORTEST = {"ROLLBACK_WEBHOOK_SECRET": LEAST["rollback_webhook_secret"]}
EXAMPLE = re.compile(r"your-|YOUR/WEBHOOK|//user:pass@")
"""What a secret of `.env.example` has, which everybody knows."""
ADDRESSES: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "DATABASE_URL": database_uri,
    "REDIS_URL": redis_address,
    "ROLLBACK_BASE_URL": backend,
}
PINNED = re.compile(r"\S+@sha256:[0-9a-f]{64}")


def env_problems(values: Mapping[str, str], without: Collection[str] = ()) -> list[str]:
    """Return one sentence for each variable that cannot be used; *without* is what the site has not."""
    found = {name: _problem(name, value, without) for name, value in values.items()}
    return [f"{name}: {problem}" for name, problem in found.items() if problem]


def image_problems(images: Mapping[str, str], asked: str) -> list[str]:
    """Return one sentence for each image that is not named by its digest, where digests are asked for."""
    if asked not in ("", "required"):
        return [f"MITA_DIGESTS: expected required, or nothing, found {asked}"]
    return [
        f"{name}: expected an image with its digest, as MITA_DIGESTS=required asks, such as "
        f"x:1.0.0@sha256:..., found {image}"
        for name, image in images.items()
        if asked and not PINNED.fullmatch(image)
    ]


def _problem(name: str, value: str, without: Collection[str]) -> str:
    """What is wrong with a value, or nothing."""
    least = SHORTEST.get(name, 0)
    if not value:
        return "expected a value, found none; .env.example has it"
    if not value.isprintable():
        return "expected one line of printable text in UTF-8, found several, or signs that cannot be printed"
    if value != value.strip() or (" " in value and name.endswith("_URL")):
        return "expected no space around it, and none in an address, found some"
    if len(value) < least:
        return f"expected {least} characters or more, found {len(value)}; `openssl rand -hex 16` makes some"
    if EXAMPLE.search(value):
        return "expected a secret of your own, found that of .env.example; put yours into .env"
    left_out = value == "none" and "pagerduty" in without
    if name.startswith("PAGERDUTY_") and not (left_out or _is_routing_key(value)):
        return (
            f"expected 32 letters and digits, or none where alertmanager_without has pagerduty, "
            f"found {len(value)} signs: copy the key of an Events API v2 integration"
        )
    try:
        if name in ADDRESSES:
            ADDRESSES[name](taken_apart(value, name))
    except AnsibleFilterError as error:
        return str(error).removeprefix(f"{name}: ")
    return ""


def _is_routing_key(value: str) -> bool:
    # Here, for it takes half a second, and every play loads all filters.
    from rollback.reloading import ROUTING_KEY

    return bool(ROUTING_KEY.fullmatch(value))


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_env_problems": env_problems, "mita_image_problems": image_problems}
