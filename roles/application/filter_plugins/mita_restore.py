"""Filters that decide which host a rollback restores, in which way, and what came of it. Pure.

A deployment asks the same beforehand: which host lacks what a rollback would go back to.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

Survey = Mapping[str, Any]  # what app_release says with state: survey, or why it could not be asked
Result = Mapping[str, Any]  # how a host's switch ended, as Ansible registered it

RESTORE, BRING, ALREADY = "restore", "bring", "already"  # the host gets or has the target
LACKING, UNREACHABLE, FAILED = "lacking", "unreachable", "failed"  # it does not, and nothing is done to it
BAD = ("rejected", "failed")  # how a host's history names a release that it left or that never got ready
WAYS_BACK = 2  # of those that the daemon wants to keep: the live release, and the last good one before it


def restore_plan(
    surveys: Mapping[str, Survey],
    version: str,
    leaving: str,
    checksum: str,
    only: Sequence[str],
    cached: Collection[str] = (),
) -> dict[str, Any]:
    """Return what happens to each host, or why nothing may happen to any.

    *surveys* has every host of the service: one that is not to be restored may still give its archive.
    *cached* are the digests of the archives that lie where the playbook runs.
    """
    scope = {host: surveys[host] for host in only or surveys}
    answering = {host: survey for host, survey in scope.items() if "current" in survey}
    target, refusal = (version, "") if version else agreed_target(answering)
    refusal = refusal or (_others(answering, target, leaving) if leaving else "")
    pinned = checksum.rpartition(":")[2]
    wanted = pinned or _known_checksum(surveys, target)
    donor = _donor(surveys, target, wanted)
    given = bool(donor) or wanted in cached
    hosts = {host: _one(survey, target, pinned, wanted, given) for host, survey in scope.items()}
    steps = [_step(host, *found) for host, found in hosts.items() if found[0] not in (RESTORE, BRING)]
    return {
        "version": target,
        "refusal": refusal,
        "checksum": f"sha256:{wanted}" if wanted else "",
        "donor": donor,
        "hosts": {host: status for host, (status, _) in hosts.items()},
        "details": {host: detail for host, (_, detail) in hosts.items()},
        "steps": [] if refusal else steps,
    }


def agreed_target(surveys: Mapping[str, Survey]) -> tuple[str, str]:
    """Return what every host that has been elsewhere would go back to, or why there is no such release.

    A host that joined or was rebuilt has nothing live, or nothing before that: it has no say.
    """
    live = {host: survey["current"] for host, survey in surveys.items() if survey["current"]}
    if len(set(live.values())) > 1:
        return "", (
            f"expected one release to be live everywhere, found {described(live)}; "
            "say with -e app_version=... which one all should run"
        )
    targets = {host: surveys[host]["known_good"] for host in live}
    found = {target for target in targets.values() if target}
    left = any(surveys[host]["status"].get(target) in BAD for host in live for target in found)
    if len(found) != 1 or left:
        return "", (
            "expected one earlier release that was good on every host, "
            f"found {described(targets) or 'no host with a release'}; "
            "say with -e app_version=... which one to go back to, or deploy one"
        )
    return str(found.pop()), ""


def ways_back(
    surveys: Mapping[str, Survey],
    version: str,
    registered: Mapping[str, Any] | None,
    cached: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Return the releases that a rollback from *version* may need, each with the hosts that lack it.

    *registered* is what the daemon said; without it the hosts' own histories tell. An archive comes from the
    host `donor`, or is *cached* where the playbook runs; otherwise it is not `given`.
    """
    found = [_way_back(surveys, name, cached) for name in _wanted_later(surveys, version, registered)]
    return [way for way in found if way["hosts"]]


def _wanted_later(
    surveys: Mapping[str, Survey], version: str, registered: Mapping[str, Any] | None
) -> list[str]:
    if registered is not None:
        return [name for name in registered["keep"] if name != version][:WAYS_BACK]
    told = [survey[what] for what in ("current", "known_good") for survey in surveys.values()]
    bad = {name for survey in surveys.values() for name, event in survey["status"].items() if event in BAD}
    return [name for name in dict.fromkeys(told) if name and name != version and name not in bad]


def _way_back(surveys: Mapping[str, Survey], target: str, cached: Collection[str]) -> dict[str, Any]:
    wanted = _known_checksum(surveys, target)
    donor = _donor(surveys, target, wanted)
    return {
        "version": target,
        "checksum": f"sha256:{wanted}" if wanted else "",
        "donor": donor,
        "given": bool(donor) or wanted in cached,
        "hosts": [host for host, survey in surveys.items() if target not in survey["complete"]],
    }


def described(versions: Mapping[str, Any]) -> str:
    """Return hosts with their versions for a sentence."""
    return ", ".join(f"{version or 'none'} on {host}" for host, version in versions.items())


def planned(plan: Mapping[str, Any]) -> str:
    """Return in one line what a rollback is about to do."""
    parts = [f"{host}: {_WORDS[status]}" for host, status in plan["hosts"].items()]
    return f"to {plan['version']}; {'; '.join(parts)}"


def too_many_failed(results: Mapping[str, Result], hosts: Sequence[str], percentage: float) -> bool:
    """Whether more of the hosts that were tried failed than may. One that does not answer was not tried."""
    answered = [results[host] for host in hosts if host in results]
    tried = [result for result in answered if not result.get("unreachable") and not result.get("skipped")]
    failed = [result for result in tried if result.get("failed")]
    return bool(failed) and 100 * len(failed) / len(tried) > percentage


def restore_outcome(
    plan: Mapping[str, Any], unbrought: Mapping[str, Result], switches: Mapping[str, Result]
) -> dict[str, Any]:
    """Return how each host ended, whether the rollback did what it could, and a sentence for each host."""
    ends = {host: _end(host, plan, unbrought, switches) for host in plan["hosts"]}
    statuses = [status for status, _ in ends.values()]
    ok = FAILED not in statuses and "untouched" not in statuses and "done" in statuses
    lines = [f"{host}: {status}{f' ({detail})' if detail else ''}" for host, (status, detail) in ends.items()]
    waiting = [host for host, (status, _) in ends.items() if status in (LACKING, UNREACHABLE)]
    if ok and waiting:
        share = f"{len(ends) - len(waiting)} of {len(ends)} hosts run {plan['version']}"
        lines = [f"restored in part: {share}, not {', '.join(waiting)}", *lines]
    return {"hosts": {host: status for host, (status, _) in ends.items()}, "ok": ok, "lines": lines}


def registered(hostvars: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Result]:
    """Return what a task registered on each host that it ran on."""
    return {host: hostvars[host][name] for host in hostvars if name in hostvars[host]}


def switched(hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, Result]:
    """Return how each host's switch ended."""
    return registered(hostvars, "__application_switched")


def brought(hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, Result]:
    """Return why the release could not be brought to a host."""
    return registered(hostvars, "__application_brought")


def _others(surveys: Mapping[str, Survey], target: str, leaving: str) -> str:
    """Return why nothing is touched where a person deployed something else meanwhile."""
    others = {
        host: survey["current"]
        for host, survey in surveys.items()
        if survey["current"] not in (None, target, leaving)
    }
    if not others:
        return ""
    return (
        f"expected {leaving} or {target} to be live on every host, found {described(others)}: "
        "somebody deployed by hand; no host was touched"
    )


def _known_checksum(surveys: Mapping[str, Survey], target: str) -> str:
    """Return the archive that most hosts made this release from."""
    found = [
        survey["complete"][target] for survey in surveys.values() if target in survey.get("complete", {})
    ]
    return max(sorted(set(found)), key=found.count, default="")


def _donor(surveys: Mapping[str, Survey], target: str, wanted: str) -> str:
    """Return a host that keeps the archive of the very release; its whole release vouches for it first."""
    keeping = {host: survey for host, survey in surveys.items() if target in survey.get("archives", ())}
    same = [host for host, survey in keeping.items() if survey["complete"].get(target, wanted) == wanted]
    vouched = [host for host in same if target in keeping[host]["complete"]]
    return next(iter(vouched + same), "") if wanted else ""


def _one(survey: Survey, target: str, pinned: str, wanted: str, given: bool) -> tuple[str, str]:
    """Return what happens to one host, and what there is to say about it."""
    if survey.get("unreachable"):
        return UNREACHABLE, _one_line(survey)
    if "current" not in survey:
        return FAILED, _one_line(survey)
    found = survey["complete"].get(target)
    whole = found is not None and found == (pinned or found) and not survey["damage"]
    if survey["current"] == target and survey.get("running") == target:
        return ALREADY, ""
    if whole:
        return RESTORE, ""
    others = ", ".join(survey["complete"]) or "nothing"
    problem = survey["damage"] or (
        f"{target} was made from another archive" if found else f"{target} is not here, only {others}"
    )
    if survey["current"] == target:
        return FAILED, f"{target} is live here, does not answer, and is not whole: {problem}"
    if wanted and (survey["own_archive"] == wanted or given):
        return BRING, problem
    return LACKING, f"{problem}, and no host keeps its archive"


def _one_line(result: Result) -> str:
    return " ".join(str(result.get("msg", "")).removeprefix("Task failed: ").split())[:300]


def _step(host: str, status: str, detail: str) -> dict[str, str]:
    """Return what the daemon is told of a host that is not switched."""
    if status == ALREADY:
        return {"host": host, "step": "host", "status": "done", "detail": ALREADY}
    return {"host": host, "step": "host", "status": status, "detail": detail}


def _end(
    host: str, plan: Mapping[str, Any], unbrought: Mapping[str, Result], switches: Mapping[str, Result]
) -> tuple[str, str]:
    status, detail = plan["hosts"][host], plan["details"][host]
    if status == ALREADY:
        return "done", ALREADY
    if status not in (RESTORE, BRING):
        return status, detail
    for results, bad in ((unbrought, LACKING), (switches, FAILED)):
        result = results.get(host) or {}
        if result.get("unreachable"):
            return UNREACHABLE, _one_line(result)
        if result.get("failed"):
            return bad, _one_line(result)
    if not switches.get(host) or switches[host].get("skipped"):
        return "untouched", "too many hosts before it failed"
    return "done", ""


_WORDS = {
    RESTORE: "goes back",
    BRING: "gets the release first, then goes back",
    ALREADY: "runs it already",
    LACKING: "has no such release, and no host can give it",
    UNREACHABLE: "does not answer",
    FAILED: "cannot be asked for its releases",
}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_restore_plan": restore_plan,
            "mita_restore_planned": planned,
            "mita_restore_stops": too_many_failed,
            "mita_restore_switched": switched,
            "mita_restore_brought": brought,
            "mita_restore_outcome": restore_outcome,
            "mita_ways_back": ways_back,
        }
