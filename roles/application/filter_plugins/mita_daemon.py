"""Filters that turn the rollback daemon's answers into sentences for the person at the keyboard. Pure."""

from collections.abc import Mapping
from typing import Any

Answer = Mapping[str, Any]

# What to do about each reason for which the daemon refuses a deployment or a rollback by hand.
NEXT_STEPS = {
    "version_rejected": "deploy another version, or this one with -e app_override=true",
    "rollback_in_progress": "try again when the rollback is over: rollbackctl status shows it",
    "deployment_in_progress": (
        "wait for that deployment to end; if nobody runs it any more, "
        "take its place with -e app_take_over=true"
    ),
    "other_environment": (
        "set application_deploy_environment to the environment of this daemon, or ask the right daemon"
    ),
    "release_was_restored": "say -e app_further=true to go back past a release that was itself restored",
    "nothing_to_roll_back": "say with -e app_version=... which release to go back to",
}


def next_step(answer: Answer, otherwise: str) -> str:
    """Return what to do about a refusal."""
    return NEXT_STEPS.get(str(answer.get("reason", "")), otherwise)


def refusal(response: Answer, url: str, host: str) -> str:
    """Return why the daemon does not roll back, what it knows, and what to do."""
    answer = response.get("json") or {}
    if response.get("status") != 409:
        found = " ".join(str(part) for part in (response.get("status", ""), response.get("msg", "no answer")))
        return (
            f"expected the rollback daemon at {url} on {host or 'no host'} to say what it would do, "
            f"found: {found.strip()}; no host was touched. Start it (systemctl status rollback), "
            "or go straight to the hosts with -e app_without_daemon=true"
        )
    known = [str(sentence) for sentence in answer.get("known") or ()]
    step = next_step(answer, "rollbackctl status says more")
    error = (
        f"{answer.get('error', 'the rollback daemon refused')} ({answer.get('reason', 'no reason given')})"
    )
    return "\n".join([f"{error}; no host was touched. {step[:1].upper()}{step[1:]}", *known])


def foreseen(answer: Answer) -> list[str]:
    """Return what the daemon is about to do, before it does it."""
    hosts = ", ".join(answer.get("hosts") or ())
    first = f"{answer.get('from_version')} -> {answer.get('to_version')} on {hosts}"
    return [first, *(str(sentence) for sentence in answer.get("known") or ())]


def ended(answer: Answer) -> str:
    """Return how a rollback ended, host by host."""
    ends = {step["host"]: step for step in answer.get("steps") or () if step.get("step") == "host"}
    lines = [f"{host}: {step['status']}{_in_brackets(step.get('detail'))}" for host, step in ends.items()]
    verdict = answer.get("verification")
    said = verdict.get("verdict", verdict) if isinstance(verdict, Mapping) else verdict
    waiting = [host for host, step in ends.items() if step["status"] in ("lacking", "unreachable")]
    partly = f" in part, without {', '.join(waiting)}" if waiting and answer.get("phase") != "failed" else ""
    phase = (
        f"rollback {answer.get('id', '')} {answer.get('phase', 'was not heard of again: rollbackctl status')}"
        f"{partly}"
    )
    return "\n".join([f"{phase}{_in_brackets(said)}{_after_colon(answer.get('detail'))}", *lines])


def _in_brackets(text: object) -> str:
    return f" ({text})" if text else ""


def _after_colon(text: object) -> str:
    return f": {text}" if text else ""


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_daemon_next_step": next_step,
            "mita_daemon_refusal": refusal,
            "mita_daemon_plan": foreseen,
            "mita_daemon_end": ended,
        }
