"""The status page for eyes, at 3 a.m.: what is wrong comes first, and each line says what to type."""

import textwrap
from collections.abc import Iterator
from typing import Any

from rollback.cli_text import moment

Json = dict[str, Any]
WIDTH = 100
LABEL = 13


def status(found: Json) -> str:
    """The whole page."""
    lines = [
        f"rollback daemon {found['version']}, environment {found['environment']}, {moment(found['now'])}"
    ]
    lines += _rows(_daemon(found))
    if not found["services"]:
        lines += [
            "",
            "No deployment has been registered yet; "
            "`ansible-playbook -i inventories/SITE playbooks/deploy.yml` does that.",
        ]
    for name, service in found["services"].items():
        lines += ["", f"{name} ({service['env']})", *_rows(_service(name, service))]
    return "\n".join(lines)


def _daemon(found: Json) -> Iterator[tuple[str, str]]:
    for trouble in found.get("trouble", ()):
        yield "TROUBLE", f"{trouble}; see: journalctl -u rollback"
    for name, source in found["sources"].items():
        if source["reachable"] is False:
            yield "BLIND", f"{name} does not answer: {source['error']} ({source['failures']} failures)"
    if found["freeze"]:
        yield "FROZEN", f"all services, {_frozen(found['freeze'])}; to end it:"
        yield "", "rollbackctl unfreeze"
    yield "alerts", f"{found['inbox_pending']} to be decided, {found['inbox_held']} to be decided again"
    if found["quarantined"]:
        latest = next(iter(found.get("set_aside", ())), None)
        why = f"; the last at {moment(latest['at'])}: {latest['problem']}" if latest else ""
        yield "set aside", f"{found['quarantined']} alerts could not be read or decided{why}"
    if found["messages_waiting"]:
        yield "messages", f"{found['messages_waiting']} are not yet sent"
    yield "triggers", ", ".join(f"{trigger}={mode}" for trigger, mode in found["triggers"].items()) or "none"


def _service(name: str, service: Json) -> Iterator[tuple[str, str]]:
    yield from _wrong(name, service)
    yield from _running(service)
    current = service["current"]
    yield "live", f"{current['version']} since {moment(current['live_at'])}" if current else "nothing yet"
    for number, host in enumerate(service["hosts"]):
        yield "" if number else "hosts", _host(host)
    good, guess = service["known_good"], service["best_guess"]
    unproven = (
        f"no good release; best guess {guess}"
        if guess
        else "NOTHING: there is no other release to go back to"
    )
    yield "go back to", good or unproven
    if current and not _may_be_left(service, current["version"]):
        yield (
            "",
            f"not by itself: {current['version']} does not say rollback_safe, so each rollback is proposed",
        )
    yield "releases", ", ".join(_release(release) for release in service["releases"]) or "none"
    if service["last_rollback"] and not service["active"]:
        yield "last", _rollback(service["last_rollback"])
    yield from _rehearsed(service["rehearsals"])
    if service["cooldown_until"]:
        yield "cooldown", f"until {moment(service['cooldown_until'])}"
    if service["deployment_window_ends"]:
        yield (
            "window",
            f"alerts are blamed on the deployment until {moment(service['deployment_window_ends'])}",
        )
    yield "if it fired", _would(service["would"])


def _wrong(name: str, service: Json) -> Iterator[tuple[str, str]]:
    """What a person must do something about; what to type stands on a line of its own, to be copied."""
    if opened := service["unresolved"]:
        number = opened["rollback_id"]
        yield "OPEN", f"rollback {number} left: {', '.join(opened['states'])}; when you take it over:"
        yield "", f"rollbackctl acknowledge {number}"
    if others := _others(service):
        yield "DIFFERS", f"{service['current']['version']} should be live everywhere, but {', '.join(others)}"
    if service["waiting_hosts"]:
        yield "WAITING", f"to be restored when that is possible: {', '.join(service['waiting_hosts'])}"
    for one in service["rehearsals"]:
        if not one["ok"]:
            yield "NO WAY BACK", f"{one['host']}: {one['detail']} (tried {moment(one['at'])})"
    if breaker := service["breaker"]:
        yield "BREAKER", f"open since {moment(breaker['opened_at'])}: {breaker['why']}; to close it:"
        yield "", f"rollbackctl breaker close {name}"
    if (freeze := service["freeze"]) and freeze["service"]:
        yield "FROZEN", f"{_frozen(freeze)}; to end it:"
        yield "", f"rollbackctl unfreeze {freeze['service']}"
    if proposal := service["proposal"]:
        change, number = f"{proposal['from_version']} to {proposal['to_version'] or '?'}", proposal["id"]
        yield "PROPOSED", f"{change}, not done by itself: {proposal['sentence']}; to answer:"
        yield "", f"rollbackctl explain {number}; rollbackctl approve {number}; rollbackctl reject {number}"
    for hold in service["holds"]:
        yield "ON HOLD", _hold(hold)
        yield "", f"rollbackctl explain {hold['decision_id']}"


def _others(service: Json) -> list[str]:
    """Hosts that run another version than the live one, though nothing switches them now."""
    if service["active"] or service["deployment_running"] or not service["current"]:
        return []
    live = service["current"]["version"]
    return [f"{h['host']} runs {h['version']}" for h in service["hosts"] if h["version"] not in (None, live)]


def _running(service: Json) -> Iterator[tuple[str, str]]:
    if active := service["active"]:
        yield "ROLLING BACK", _rollback(active)
    deployment = service["deployment"]
    if deployment and service["deployment_running"]:
        since = moment(deployment["started_at"])
        yield "DEPLOYING", f"{deployment['version']} (deployment {deployment['id']}) since {since}"


def _rehearsed(rehearsals: list[Json]) -> Iterator[tuple[str, str]]:
    good = [r["host"] for r in rehearsals if r["ok"]]
    if good:
        oldest = min(r["at"] for r in rehearsals if r["ok"])
        yield "way back", f"proven on {', '.join(good)} at {moment(oldest)}"
    if not rehearsals:
        yield "way back", "not yet proven on any host"


def _host(host: Json) -> str:
    if not host["answered"]:
        return f"{host['host']} does NOT answer"
    readiness = {True: "ready", False: "NOT ready", None: "readiness unknown"}[host["ready"]]
    return f"{host['host']} runs {host['version'] or 'an unknown version'}, {readiness}"


def _release(release: Json) -> str:
    by = f" by {release['by']}" if release["by"] else ""
    safe = "" if release["rollback_safe"] else ", not rollback_safe"
    return f"{release['version']} {release['standing']}{by}{safe}"


def _may_be_left(service: Json, version: str) -> bool:
    return any(each["version"] == version and each["rollback_safe"] for each in service["releases"])


def _rollback(rollback: Json) -> str:
    numbers = f" ({rollback['measured']})" if rollback["measured"] else ""
    verdict = f", measured {rollback['verdict']}{numbers}" if rollback["verdict"] else ""
    by = f", asked for by {rollback['by']}" if rollback["by"] else ""
    why = rollback["hosts"] or rollback["detail"]
    ended = rollback["finished_at"]
    at = f" at {moment(ended)}" if ended else f", begun {moment(rollback['requested_at'])}"
    return (
        f"{rollback['kind']} {rollback['id']}, {rollback['from_version']} to {rollback['to_version']}: "
        f"{rollback['phase']}{verdict}{at}{by}" + (f"; {why}" if why else "")
    )


def _frozen(freeze: Json) -> str:
    return f"until {moment(freeze['until'])} by {freeze['by']}: {freeze['reason']}"


def _hold(hold: Json) -> str:
    count = f" ({hold['alerts']} alerts)" if hold["alerts"] > 1 else ""
    return f"{hold['alertname']}{count} since {moment(hold['since'])}: {hold['sentence']}"


def _would(would: Json) -> str:
    what = {
        "roll_back": f"{would['from_version']} would be rolled back to {would['to_version']}",
        "propose": f"a person would be asked {_asked(would['to_version'])}",
        "hold": "it would be on hold",
        "ignore": "nothing would be done",
    }[would["verdict"]]
    return f"{what}: {would['sentence']} ({would['reason']})"


def _asked(earlier: str) -> str:
    if not earlier:
        return "what to do, because no earlier release is known to be good"
    return f"to go back to {earlier}"


def _rows(rows: Iterator[tuple[str, str]]) -> list[str]:
    """Label and text, wrapped so that a narrow terminal shows whole words."""
    found = []
    for label, text in rows:
        first, rest = f"  {label:<{LABEL}}", " " * (LABEL + 2)
        found += textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest) or [first]
    return found
