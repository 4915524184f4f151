"""What rollbackctl prints, for eyes."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Json = dict[str, Any]
MARKS = {True: "yes", False: "NO", None: "?"}
CHANGES = ("roll_back", "propose")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
QUIET = {"id", "at", "kind", "service", "alerts"}


def show(found: Json, as_json: bool, text: Callable[[Json], str]) -> None:
    """Print the answer for a program or for eyes."""
    say(json.dumps(found, indent=2) if as_json else text(found))


def say(text: str) -> None:
    """Print at once; what came from outside is shown, never obeyed by the terminal."""
    print(CONTROL.sub(lambda found: repr(found[0])[1:-1], text), flush=True)  # noqa: T201


def decisions(found: Json, service: str | None = None) -> str:
    """A table of decisions."""
    rows = [
        (
            str(d["id"]),
            moment(d["at"]),
            d["service"],
            d["alert"]["alertname"],
            d["verdict"],
            d["reason"],
            f"{d['from_version']} -> {d['to_version']}"
            if d["verdict"] in CHANGES and d["to_version"]
            else "",
        )
        for d in found["decisions"]
    ]
    head = ("id", "at", "service", "alert", "verdict", "reason", "change")
    if not rows and service:
        return f"No decision yet of {service}; see: rollbackctl status"
    return _table(head, rows) if rows else "No decision yet: no alert has arrived."


def explanation(found: Json) -> str:
    """One decision, guard by guard."""
    alert = found["alert"]
    lines = [
        f"Decision {found['id']} at {moment(found['at'])}: {found['verdict']} ({found['reason']})",
        f"  because {found['sentence']}",
        f"  alert {alert['alertname']} of {found['service']} ({found['env']}), "
        f"firing since {moment(alert['starts_at'])}",
        f"  trigger {found['trigger'] or '(none)'}",
    ]
    if summary := alert["annotations"].get("summary"):
        lines.insert(3, f"    {summary}")
    if found.get("by"):
        lines.append(f"  decided by {found['by']}")
    if found.get("alerts", 1) > 1:
        lines.append(f"  the same for {found['alerts']} alerts")
    if found.get("followers"):
        lines.append(f"  {found['followers']} later alerts changed nothing because of it")
    if found["deployment_id"]:
        lines.append(f"  deployment {found['deployment_id']} of {found['from_version']}")
    if found["rollback_id"]:
        target = found["to_version"]
        lines.append(f"  started rollback {found['rollback_id']} to {target}; see: rollbackctl rollbacks")
    elif found["verdict"] == "propose":
        target = found["to_version"] or "?"
        lines.append(f"  proposed: {found['from_version']} -> {target}; see: rollbackctl proposals")
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


def rollbacks(found: Json, service: str | None = None) -> str:
    """Every rollback with its hosts."""
    none = f"Nothing of {service} has been rolled back; see: rollbackctl status"
    return "\n\n".join(_rollback(r) for r in found["rollbacks"]) or (
        none if service else "Nothing has been rolled back yet."
    )


def _rollback(rollback: Json) -> str:
    change = f"{rollback['service']} {rollback['from_version']} -> {rollback['to_version']}"
    lines = [
        f"{rollback['kind'].capitalize()} {rollback['id']}: {change}, {rollback['phase']}",
        f"  requested {moment(rollback['requested_at'])}, restored {moment(rollback['restored_at'])}, "
        f"finished {moment(rollback['finished_at'])}",
        f"  why: rollbackctl explain {rollback['decision_id']}",
    ]
    if rollback["by"]:
        lines.append(f"  asked for by {rollback['by']}")
    if rollback["detail"]:
        lines.append(f"  {rollback['detail']}")
    lines += [
        f"  {moment(s['at'])}  {s['host']}  {s['step']}  {s['status']}  {s['detail']}".rstrip()
        for s in rollback["steps"]
    ]
    lines += [f"  {r['host']}: {r['state']}  {r['detail']}".rstrip() for r in rollback["results"]]
    if verification := rollback["verification"]:
        marks = " ".join(MARKS[s["healthy"]] for s in verification["samples"])
        lines.append(f"  measured afterwards: {verification['verdict']} (healthy: {marks})")
        if verification["measured"]:
            lines.append(f"  {verification['measured']}")
    if rollback["acknowledged_by"]:
        lines.append(
            f"  taken over by {rollback['acknowledged_by']} at {moment(rollback['acknowledged_at'])}"
        )
    return "\n".join(lines)


def proposals(found: Json) -> str:
    """A table of proposals, and what to type."""
    rows = [
        (
            str(p["id"]),
            moment(p["at"]),
            p["service"],
            f"{p['from_version']} -> {p['to_version'] or '?'}",
            p["state"] + (f" by {p['by']}" if p["by"] else ""),
            p["decision"]["sentence"],
        )
        for p in found["proposals"]
    ]
    if not rows:
        return "Nothing was proposed."
    table = _table(("id", "at", "service", "change", "state", "not done by itself because"), rows)
    if not any(p["state"] == "open" for p in found["proposals"]):
        return table
    return f"{table}\n\nTo answer: rollbackctl explain ID, then rollbackctl approve ID or reject ID"


def plan(found: Json) -> str:
    """What a rollback by hand would do, and what is known."""
    lines = [f"This will {found['will']}."]
    return "\n".join([*lines, *(f"  - {sentence}" for sentence in found["known"])])


def begun(found: Json) -> str:
    """A rollback has begun."""
    change = f"{found['service']} {found['from_version']} -> {found['to_version']}"
    return (
        f"Rollback {found['id']} begins: {change}. Follow it: rollbackctl ledger --follow; rollbackctl status"
    )


def rejected(found: Json) -> str:
    """A proposal was refused."""
    return f"Proposal {found['id']} is rejected: {found['service']} stays on {found['from_version']}."


def frozen(found: Json) -> str:
    """Automatic rollbacks are stopped."""
    which = found["service"] or "all services"
    return f"Automatic rollbacks of {which} are frozen until {moment(found['until'])}."


def unfrozen(found: Json) -> str:
    """Automatic rollbacks happen again."""
    which = found["service"] or "all services"
    if not found.get("still"):
        return f"Automatic rollbacks of {which} happen again; alerts that fire now are decided anew."
    still = "; ".join(
        f"{f['service'] + ' is' if f['service'] else 'all services are'} frozen until {moment(f['until'])}: "
        f"rollbackctl unfreeze {f['service'] or ''}".rstrip()
        for f in found["still"]
    )
    return f"The freeze of {which} is ended, but {still}"


def marked(found: Json) -> str:
    """A release has a standing."""
    return f"{found['service']} {found['version']} is {found['standing']} from now on."


def closed(found: Json) -> str:
    """A breaker was closed."""
    return f"Automatic rollbacks of {found['service']} happen again."


def acknowledged(found: Json) -> str:
    """A person has taken over."""
    return f"Rollback {found['id']} is acknowledged by {found['acknowledged_by']}: it pages no more."


def entry(found: Json) -> str:
    """One line of the ledger."""
    rest = {name: value for name, value in found.items() if name not in QUIET and value not in ("", None, [])}
    facts = " ".join(f"{name}={value}" for name, value in rest.items())
    return f"{found['id']:>6}  {moment(found['at'])}  {found['kind']:<20}  {found['service']:<14}  {facts}"


def _evidence(answer: Json) -> str:
    return " ".join(f"{k}={v}" for k, v in answer["evidence"].items() if v not in (None, "", []))


def moment(text: str | None) -> str:
    """The moment without its fraction; UTC."""
    return "-" if text is None else text.replace("T", " ")[:19] + "Z"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [head, *rows]
    widths = [max(len(str(row[i])) for row in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
