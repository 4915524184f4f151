"""Filters that give a host the program `closing`, and what of alertmanager.yml keeps a message back."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.routing import MATCHER
from monitoring.yaml_text import read_yaml

REPOSITORY = Path(__file__).resolve().parents[3]
LOOPBACK = "127.0.0.1"
CROWD_S = 600.0
GRACE_S = 120.0
"""Beside a group's interval: what fires is sent once a minute, and a new Alertmanager must hear it."""
LISTS = re.compile(rf"({MATCHER.pattern})(?:,|$)")
ESCAPED = re.compile(r"\\(.)")

Config = Mapping[str, Any]


def closing_settings(
    config: str,
    ready: Mapping[str, Any],
    *,
    every_s: float,
    retention: str,
    time_scale: float,
    digest: bool = False,
    relay_host: str = LOOPBACK,
) -> str:
    """Return the settings of `closing` beside this configuration; *ready* is how Alertmanager is asked.

    One of several hosts tells the *digest*.
    """
    parsed = read_yaml(config)
    try:
        routes = list(_routes(parsed["route"], {"group_interval": "5m", "group_by": []}, ()))

        def patience(route: Config) -> float:
            interval = parse_duration(route["group_interval"]) / 1000
            return max(interval + GRACE_S / time_scale, 3 * every_s)

        usual = patience(routes[0])
        values = {
            "alertmanager": {
                "url": ready["url"].removesuffix("/-/ready"),
                "username": ready.get("username", ""),
                "password": ready.get("password", ""),
                "ca_file": ready.get("ca_file", ""),
            },
            "patience_s": usual,
            "slower_s": _slowest((one["receiver"], patience(one)) for one in routes if patience(one) > usual),
            "keep_s": parse_duration(retention) / 1000,
            "crowd_s": CROWD_S / time_scale,
            "inhibitions": [_inhibition(rule) for rule in parsed.get("inhibit_rules") or ()],
            "timed": list(_timed(parsed, routes)),
            "grouped": [{**_taking(one), "by": one["group_by"]} for one in routes],
            "digest": _digest(parsed, f"http://{relay_host}:") if digest else {},
        }
    except CatalogError as error:
        raise AnsibleFilterError(f"alertmanager: {error}") from error
    return json.dumps(values, indent=1) + "\n"


def _digest(config: Config, relay: str) -> dict[str, list[list[str]]]:
    """Where each receiver reads in the morning what fired in its mute hours: channels behind the relay."""
    found = {
        one["name"]: [
            [entry["api_url"], entry.get("channel", "")]
            for entry in one.get("slack_configs") or ()
            if str(entry.get("api_url", "")).startswith(relay)
        ]
        for one in config.get("receivers") or ()
    }
    return {name: places for name, places in found.items() if places}


def closing_sources(directory: str) -> list[dict[str, Any]]:
    """Return the program as files of a host, below *directory*."""
    return program_files("closing", directory, apply="none")


def program_files(name: str, directory: str, *, apply: str) -> list[dict[str, Any]]:
    """Return a program of this repository as files of a host, and what happens there when they change."""
    return [
        {
            "path": f"{directory}/{name}/{path.name}",
            "content": path.read_text(encoding="utf-8"),
            "group": "root",
            "mode": "0644",
            "apply": apply,
        }
        for path in sorted((REPOSITORY / name).glob("*.py"))
    ]


def _inhibition(rule: Config) -> dict[str, Any]:
    return {
        "source": list(_side(rule, "source")),
        "target": list(_side(rule, "target")),
        "equal": rule.get("equal") or [],
    }


def _side(rule: Config, side: str) -> Iterator[list[str]]:
    """Both forms that Alertmanager reads: matchers, and the older maps of labels."""
    yield from ([name, "=", value] for name, value in (rule.get(f"{side}_match") or {}).items())
    yield from ([name, "=~", value] for name, value in (rule.get(f"{side}_match_re") or {}).items())
    for text in rule.get(f"{side}_matchers") or ():
        yield from _matchers(str(text))


def _matchers(text: str) -> list[list[str]]:
    """One matcher, or several between braces or commas."""
    inner = text.strip().removeprefix("{").removesuffix("}")
    found = list(LISTS.finditer(inner))
    if "".join(one.group(0) for one in found) != inner:
        raise AnsibleFilterError(
            f'alertmanager: expected a matcher such as severity="critical", found {text!r}'
        )
    return [[one.group(2), one.group(3), _plain(one.group(4))] for one in found]


def _plain(value: str) -> str:
    return ESCAPED.sub(lambda match: "\n" if match.group(1) == "n" else match.group(1), value)


def _slowest(found: Iterable[tuple[str, float]]) -> dict[str, float]:
    slowest: dict[str, float] = {}
    for receiver, seconds in found:
        slowest[receiver] = max(seconds, slowest.get(receiver, 0.0))
    return slowest


def _timed(config: Config, routes: Iterable[Config]) -> Iterator[dict[str, Any]]:
    named = {
        one["name"]: one["time_intervals"]
        for key in ("time_intervals", "mute_time_intervals")
        for one in config.get(key) or ()
    }
    for route in routes:
        mute, active = (route.get(f"{kind}_time_intervals") for kind in ("mute", "active"))
        if mute or active:
            yield {
                **_taking(route),
                "mute": [part for name in mute or () for part in named.get(name, ())],
                "active": [part for name in active for part in named.get(name, ())] if active else None,
            }


def _taking(route: Config) -> dict[str, Any]:
    """What a route takes, for whom."""
    return {
        "receiver": route["receiver"],
        "matchers": route["path"],
        "children": [_own_matchers(child) for child in route.get("routes") or ()],
    }


def _routes(route: Config, above: Config, path: Iterable[list[str]]) -> Iterator[Config]:
    """Each route with what it inherits, and the matchers on the way to it."""
    whole = [*path, *_own_matchers(route)]
    inherited = {
        name: route.get(name) or above[name]
        for name in ("receiver", "group_interval", "group_by")
        if route.get(name) or name in above
    }
    yield {**route, **inherited, "path": whole}
    for child in route.get("routes") or ():
        yield from _routes(child, inherited, whole)


def _own_matchers(route: Config) -> list[list[str]]:
    return [one for text in route.get("matchers") or () for one in _matchers(str(text))]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_closing_settings": closing_settings, "mita_closing_sources": closing_sources}
