"""What rollbackctl prints, for eyes."""

from collections.abc import Iterable, Sequence
from typing import Any

Json = dict[str, Any]
MARKS = {True: "yes", False: "NO", None: "?"}
QUIET = {"id", "at", "kind", "service", "alerts"}


def status(found: Json) -> str:
    """The status page."""
    lines = [f"rollback daemon {found['version']}, {_time(found['now'])}"]
    for name, source in found["sources"].items():
        if source["reachable"] is False:
            lines.append(f"{name} does not answer: {source['error']} ({source['failures']} failures)")
    lines.append(f"alerts waiting: {found['inbox_pending']}, to be decided again: {found['inbox_held']}")
    modes = ", ".join(f"{trigger}={mode}" for trigger, mode in found["triggers"].items())
    lines.append(f"triggers: {modes}")
    if not found["services"]:
        lines.append(
            "\nNo deployment has been registered yet; `ansible-playbook playbooks/deploy.yml` does that."
        )
    for name, service in found["services"].items():
        lines += ["", *_service(name, service)]
    return "\n".join(lines)


def _service(name: str, service: Json) -> list[str]:
    current = service["current"]
    rows = [
        ("live", f"{current['version']} since {_time(current['live_at'])}" if current else "nothing yet"),
        ("known good", service["known_good"] or "none: nothing to go back to"),
        ("rejected", ", ".join(service["rejected"]) or "none"),
        ("rolling back", f"rollback {service['active_rollback']}" if service["active_rollback"] else "no"),
        ("cooldown until", _time(service["cooldown_until"])),
        ("alerts are blamed on the last deployment until", _time(service["deployment_window_ends"])),
    ]
    return [name, *(f"  {label}: {value}" for label, value in rows)]


def decisions(found: Json) -> str:
    """A table of decisions."""
    rows = [
        (
            str(d["id"]),
            _time(d["at"]),
            d["service"],
            d["alert"]["alertname"],
            d["verdict"],
            d["reason"],
            f"{d['from_version']} -> {d['to_version']}" if d["verdict"] == "roll_back" else "",
        )
        for d in found["decisions"]
    ]
    head = ("id", "at", "service", "alert", "verdict", "reason", "change")
    return _table(head, rows) if rows else "No decision yet: no alert has arrived."


def explanation(found: Json) -> str:
    """One decision, guard by guard."""
    alert = found["alert"]
    lines = [
        f"Decision {found['id']} at {_time(found['at'])}: {found['verdict']} ({found['reason']})",
        f"  alert {alert['alertname']} of {found['service']}, firing since {_time(alert['starts_at'])}",
        f"  trigger {found['trigger'] or '(none)'}",
    ]
    if found["deployment_id"]:
        lines.append(f"  deployment {found['deployment_id']} of {found['from_version']}")
    if found["rollback_id"]:
        target = found["to_version"]
        lines.append(f"  started rollback {found['rollback_id']} to {target}; see: rollbackctl rollbacks")
    lines.append("")
    rows = [
        (
            MARKS[answer["passed"]],
            answer["guard"],
            "" if answer["passed"] else answer["reason"],
            _evidence(answer),
        )
        for answer in found["guards"]
    ]
    return "\n".join(lines) + "\n" + _table(("passed", "guard", "reason", "evidence"), rows)


def rollbacks(found: Json) -> str:
    """Every rollback with its hosts."""
    return "\n\n".join(_rollback(r) for r in found["rollbacks"]) or "Nothing has been rolled back yet."


def _rollback(rollback: Json) -> str:
    change = f"{rollback['service']} {rollback['from_version']} -> {rollback['to_version']}"
    lines = [
        f"Rollback {rollback['id']}: {change}, {rollback['phase']}",
        f"  requested {_time(rollback['requested_at'])}, restored {_time(rollback['restored_at'])}, "
        f"finished {_time(rollback['finished_at'])}",
        f"  why: rollbackctl explain {rollback['decision_id']}",
    ]
    if rollback["detail"]:
        lines.append(f"  {rollback['detail']}")
    lines += [
        f"  {_time(s['at'])}  {s['host']}  {s['step']}  {s['status']}  {s['detail']}".rstrip()
        for s in rollback["steps"]
    ]
    if verification := rollback["verification"]:
        marks = " ".join(MARKS[s["healthy"]] for s in verification["samples"])
        lines.append(f"  measured afterwards: {verification['verdict']} (healthy: {marks})")
    return "\n".join(lines)


def entry(found: Json) -> str:
    """One line of the ledger."""
    rest = {name: value for name, value in found.items() if name not in QUIET and value not in ("", None, [])}
    facts = " ".join(f"{name}={value}" for name, value in rest.items())
    return f"{found['id']:>6}  {_time(found['at'])}  {found['kind']:<20}  {found['service']:<14}  {facts}"


def _evidence(answer: Json) -> str:
    return " ".join(f"{k}={v}" for k, v in answer["evidence"].items() if v not in (None, "", []))


def _time(text: str | None) -> str:
    """The moment without its fraction; UTC."""
    return "-" if text is None else text.replace("T", " ")[:19] + "Z"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [head, *rows]
    widths = [max(len(str(row[i])) for row in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
