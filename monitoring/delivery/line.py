"""What no site may cut: triggers reach the daemon, severities a person, the heartbeat both its ends."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitoring.delivery.dead_man import RECEIVER as DEAD_MAN
from monitoring.routing import MATCHER, Labels, Route, matches, routes_of
from monitoring.rule_files import SEVERITIES

DAEMON = "/api/admin/rollback/trigger"
MACHINES = ("rollback", "rollback-heartbeat", DEAD_MAN)
"""Receivers of ours whose webhooks nobody reads. One of a site's own receiver may well end at a person."""
TOLD = (*(one for one in SEVERITIES if one not in ("info", "none")), "a-severity-nobody-knows")
MAY_WAIT = "warning"
ODD = "a-component-nobody-knows"
HEARTBEAT: Labels = {
    "alertname": "Watchdog",
    "severity": "none",
    "component": "meta",
    "rollback": "heartbeat",
}
NEVER = ("louder", "evidence")
"""Labels that only rules give, and that no trigger has."""
SHOWN = 3


def cuts(config: Mapping[str, Any], alerts: Sequence[Labels], *, daemon: bool, dead_man: bool) -> list[str]:
    """A sentence for each thing that the configuration cuts; none where the line holds.

    *alerts* are the labels of all rules. A site cannot lose a daemon or a dead-man switch that it has not.
    """
    triggers = [labels for labels in alerts if labels.get("rollback") in ("auto", "propose")]
    return [
        *(_daemon(config, triggers) if daemon else ()),
        *_people(config, {labels.get("component", "") for labels in alerts} | {ODD}),
        *_heartbeat(config, daemon=daemon, dead_man=dead_man),
        *_inhibitions(config, triggers),
    ]


def questions(config: Mapping[str, Any], alerts: Sequence[Labels]) -> list[list[str]]:
    """What to ask amtool about a file: who must be told of each trigger, severity and of the heartbeat.

    A label that is a template is left out: no route asks for it, and newer ones of amtool refuse its braces.
    """
    asked = [
        *(_said(labels) for labels in alerts if labels.get("rollback") in ("auto", "propose")),
        *({"severity": severity, "component": ODD} for severity in TOLD),
        HEARTBEAT,
    ]
    return [
        [
            f"--verify.receivers={','.join(route['receiver'] for route in routes_of(config, labels))}",
            *(f"{name}={value}" for name, value in labels.items()),
        ]
        for labels in asked
    ]


def _said(labels: Labels) -> Labels:
    """The labels without those that are a template."""
    return {name: value for name, value in labels.items() if "{{" not in value}


def _daemon(config: Mapping[str, Any], triggers: Sequence[Labels]) -> Iterator[str]:
    lost = [
        _called(labels, severity)
        for labels in triggers
        for severity in (*SEVERITIES, TOLD[-1])
        if not any(
            _posts(config, route, DAEMON) and not _waits(route)
            for route in routes_of(config, {**labels, "severity": severity})
        )
    ]
    if lost:
        yield f"the rollback daemon is not told at all times of {_some(lost)}"


def _people(config: Mapping[str, Any], components: set[str]) -> Iterator[str]:
    for severity in TOLD:
        found = [
            (
                component,
                [route for route in routes_of(config, _plain(severity, component)) if _person(config, route)],
            )
            for component in sorted(components)
        ]
        silent = [component for component, routes in found if not routes]
        muted = [component for component, routes in found if routes and all(map(_waits, routes))]
        if silent:
            yield f"an alert of severity {severity} reaches no person, of the components {_some(silent)}"
        if muted and severity != MAY_WAIT:
            yield f"an alert of severity {severity} waits for hours, of the components {_some(muted)}"


def _heartbeat(config: Mapping[str, Any], *, daemon: bool, dead_man: bool) -> Iterator[str]:
    routes = routes_of(config, HEARTBEAT)
    if daemon and not any(_posts(config, route, DAEMON) and not _waits(route) for route in routes):
        yield "the heartbeat does not reach the rollback daemon"
    if dead_man and not any(route["receiver"] == DEAD_MAN and _posts(config, route) for route in routes):
        yield "the heartbeat does not reach the dead-man switch"


def _inhibitions(config: Mapping[str, Any], triggers: Sequence[Labels]) -> Iterator[str]:
    for rule in config.get("inhibit_rules") or ():
        targets = rule.get("target_matchers") or ()
        hit = [
            _called(labels, severity)
            for labels in triggers
            for severity in SEVERITIES
            if all(_may_match(matcher, {**labels, "severity": severity}) for matcher in targets)
        ]
        if hit:
            yield (
                f"the inhibition of {' and '.join(targets)} silences what the rollback daemon must hear, "
                f'{_some(hit)}; add rollback!~"auto|propose" to its target_matchers'
            )


def _may_match(matcher: str, labels: Labels) -> bool:
    """Whether the matcher can hold: what no rule says itself, such as `instance`, may have any value."""
    parsed = MATCHER.fullmatch(matcher)
    known = _said(labels)
    return bool(parsed and parsed.group(1) not in known and parsed.group(1) not in NEVER) or matches(
        matcher, known
    )


def _plain(severity: str, component: str) -> Labels:
    return {"severity": severity, "component": component}


def _waits(route: Route) -> bool:
    return bool(route.get("mute_time_intervals") or route.get("active_time_intervals"))


def _posts(config: Mapping[str, Any], route: Route, path: str = "") -> bool:
    hooks = _receiver(config, route).get("webhook_configs") or ()
    return any(str(hook.get("url", "")).endswith(path) for hook in hooks)


def _person(config: Mapping[str, Any], route: Route) -> bool:
    receiver = _receiver(config, route)
    return any(
        entries and (kind != "webhook_configs" or receiver["name"] not in MACHINES)
        for kind, entries in receiver.items()
        if kind != "name"
    )


def _receiver(config: Mapping[str, Any], route: Route) -> Mapping[str, Any]:
    found = (one for one in config.get("receivers") or () if one["name"] == route["receiver"])
    return next(found, {"name": route["receiver"]})


def _called(labels: Labels, severity: str) -> str:
    return (
        f"{labels['alertname']} as {severity}" if labels.get("severity") != severity else labels["alertname"]
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
