"""Facts in words that a tired person understands; notices and the status page share them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from rollback.domain.alert import Alert
from rollback.domain.facts import HostSeen
from rollback.domain.reasons import MEANINGS, Reason
from rollback.domain.rollback import HostResult, HostState, Measure, Verification

SUMMARY_LIMIT = 300
"""So many characters of a text from outside are told; the whole is in the record."""

STATES = {
    HostState.DONE: "restored",
    HostState.ALREADY: "ran it before",
    HostState.FAILED: "not restored",
    HostState.UNREACHABLE: "did not answer",
    HostState.LACKING: "has no such release",
}
NOTHING_ELSE = {HostState.FAILED: "could not be restored", HostState.UNREACHABLE: "does not answer"}
"""The detail of a host of which only its state is known."""
WELL = {True: "well", False: "NOT well", None: "unknown"}

_Words = Callable[[Mapping[str, object]], str]

_SPECIFICS: dict[Reason, _Words] = {
    Reason.DEPENDENCY_DOWN: lambda e: _listed(e.get("down")),
    Reason.NOT_REVERSIBLE: lambda e: _listed(e.get("unsafe")),
    Reason.BREAKER_OPEN: lambda e: str(e.get("why") or ""),
    Reason.FROZEN: lambda e: f"{e.get('by')}: {e.get('because')}; until {_moment(e.get('until'))}",
    Reason.OTHER_VERSION_LIVE: lambda e: _running(e.get("running")),
    Reason.ALREADY_LEFT: lambda e: _running(e.get("running")),
    Reason.BLIND: lambda e: str(e.get("blind") or ""),
    Reason.ROLLBACK_IN_PROGRESS: lambda e: f"rollback {e.get('rollback')}",
    Reason.DEPLOYMENT_IN_PROGRESS: lambda e: f"deployment {e.get('deployment')}",
    Reason.ALREADY_HANDLED: lambda e: f"rollback {e.get('rollback')}",
    Reason.OTHER_ENVIRONMENT: lambda e: f"{e.get('env') or 'none'}, not {e.get('served')}",
    Reason.UNKNOWN_TRIGGER: lambda e: f"{e.get('trigger') or 'none given'}",
    Reason.COOLDOWN: lambda e: f"until {_moment(e.get('cooldown_until'))}",
    Reason.ATTEMPTS_EXHAUSTED: lambda e: f"{e.get('attempts')} attempts",
}
"""What the objecting guard saw, where that says more than the sentence of its reason."""


def place(service: str, env: str) -> str:
    """The service and its environment."""
    return f"{service} ({env})" if env else service


def because(reason: Reason, evidence: Mapping[str, object]) -> str:
    """The reason's sentence with what the objecting guard saw."""
    words = _SPECIFICS.get(reason)
    more = words(evidence) if words and evidence else ""
    sentence = MEANINGS[reason].sentence
    return f"{sentence} ({cut(more)})" if more else sentence


def about(alert: Alert) -> str:
    """The alert's name with its own summary, which has the number, and whether others hear of it."""
    summary = cut(alert.annotations.get("summary") or "")
    said = f"{alert.name}: {summary}" if summary else alert.name
    return f"{said} (a person silenced it in Alertmanager)" if alert.silenced else said


def hosts_now(hosts: Sequence[HostSeen]) -> str:
    """Which host runs what; empty when no host could be asked."""
    return ", ".join(_host(seen) for seen in hosts)


def host_results(results: Sequence[HostResult]) -> str:
    """What became of each host that is not simply done."""
    rest = [r for r in results if r.state not in (HostState.DONE, HostState.ALREADY)]
    return "; ".join(f"{r.host} {STATES[r.state]}" + _more(r) for r in rest)


def measured(verification: Verification | None) -> str:
    """The numbers of the last informative measurement; empty when there are none."""
    samples = verification.samples if verification else ()
    last = next((s.measures for s in reversed(samples) if s.measures), ())
    return ", ".join(_measure(one) for one in last)


def named(names: Sequence[str]) -> str:
    """Names as a person lists them."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else ""


def clock(at: datetime) -> str:
    """The moment to the second, in UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def cut(text: str, limit: int = SUMMARY_LIMIT) -> str:
    """At most so many characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."


def _more(result: HostResult) -> str:
    """What the state of a host does not say by itself."""
    known = result.detail in ("", NOTHING_ELSE.get(result.state))
    return "" if known else f": {cut(result.detail)}"


def _host(seen: HostSeen) -> str:
    if not seen.answered:
        return f"{seen.host} does not answer"
    version = f"runs {seen.version}" if seen.version else "answers without a version"
    return f"{seen.host} {version}" + (" (not ready)" if seen.ready is False else "")


def _measure(measure: Measure) -> str:
    value = f" {measure.value:.4g}" if measure.value is not None else ""
    return f"{measure.alertname}{value} ({WELL[measure.healthy]})"


def _listed(found: object) -> str:
    return ", ".join(str(one) for one in found) if isinstance(found, list | tuple) else ""


def _running(found: object) -> str:
    return (
        ", ".join(f"{host}: {version}" for host, version in found.items()) if isinstance(found, dict) else ""
    )


def _moment(found: object) -> str:
    at = datetime.fromisoformat(found) if isinstance(found, str) else found
    return clock(at) if isinstance(at, datetime) else "an unknown time"
