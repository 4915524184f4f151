"""The closed vocabularies: one value is the log field, the metric label and what tests assert."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What follows from a decision."""

    ROLL_BACK = "roll_back"
    PROPOSE = "propose"  # a rollback may help, but a person must say yes
    IGNORE = "ignore"
    HOLD = "hold"  # it cannot be known yet; asked again while the alert fires


class Reason(StrEnum):
    """Why a decision is what it is."""

    ACCEPTED = "accepted"
    APPROVED = "approved"
    BY_HAND = "by_hand"
    MODE_PROPOSE = "mode_propose"
    MODE_SHADOW = "mode_shadow"
    MODE_OFF = "mode_off"
    UNKNOWN_TRIGGER = "unknown_trigger"
    OTHER_ENVIRONMENT = "other_environment"
    RESOLVED = "resolved"
    STALE = "stale"
    CLOCK_SKEW = "clock_skew"
    FROZEN = "frozen"
    NO_DEPLOYMENT_IN_WINDOW = "no_deployment_in_window"
    ALERT_BEFORE_DEPLOYMENT = "alert_before_deployment"
    BLIND = "blind"
    NOT_FIRING = "not_firing"
    ROLLBACK_IN_PROGRESS = "rollback_in_progress"
    DEPLOYMENT_IN_PROGRESS = "deployment_in_progress"
    ALREADY_HANDLED = "already_handled"
    COOLDOWN = "cooldown"
    OTHER_VERSION_LIVE = "other_version_live"
    ALREADY_LEFT = "already_left"
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    EVIDENCE_UNKNOWN = "evidence_unknown"
    DEPENDENCY_DOWN = "dependency_down"
    NOT_REVERSIBLE = "not_reversible"
    NO_KNOWN_GOOD = "no_known_good"
    BREAKER_OPEN = "breaker_open"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    ALREADY_PROPOSED = "already_proposed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Meaning:
    """What a reason leads to, whether it passes by itself, and one sentence for people.

    A reason that passes lets the alert be decided again when it is next *seen* firing. Every other one is
    settled by facts that cannot change for this alert, or by a choice that somebody made.
    """

    verdict: Verdict
    passes: bool
    sentence: str


_ROLL_BACK, _PROPOSE, _IGNORE, _HOLD = Verdict.ROLL_BACK, Verdict.PROPOSE, Verdict.IGNORE, Verdict.HOLD

MEANINGS: dict[Reason, Meaning] = {
    Reason.ACCEPTED: Meaning(_ROLL_BACK, False, "every guard agreed"),
    Reason.APPROVED: Meaning(_ROLL_BACK, False, "a person approved the proposal"),
    Reason.BY_HAND: Meaning(_ROLL_BACK, False, "a person asked for it"),
    Reason.MODE_PROPOSE: Meaning(_PROPOSE, False, "this trigger may only be proposed"),
    Reason.MODE_SHADOW: Meaning(_IGNORE, False, "this trigger is only watched (shadow): nothing is done"),
    Reason.MODE_OFF: Meaning(_IGNORE, False, "this trigger is switched off"),
    Reason.UNKNOWN_TRIGGER: Meaning(_IGNORE, False, "the settings know no such trigger"),
    Reason.OTHER_ENVIRONMENT: Meaning(_IGNORE, False, "the alert is about another environment"),
    Reason.RESOLVED: Meaning(_IGNORE, False, "the alert is over"),
    Reason.STALE: Meaning(_IGNORE, False, "the alert began too long ago to be acted on"),
    Reason.CLOCK_SKEW: Meaning(_HOLD, True, "the alert begins in the future: clocks disagree"),
    Reason.FROZEN: Meaning(_HOLD, True, "a person has stopped automatic rollbacks for a while"),
    Reason.NO_DEPLOYMENT_IN_WINDOW: Meaning(_IGNORE, False, "no deployment is recent enough to be blamed"),
    Reason.ALERT_BEFORE_DEPLOYMENT: Meaning(_IGNORE, False, "the trouble began before the deployment"),
    Reason.BLIND: Meaning(_HOLD, True, "Prometheus could not be asked"),
    Reason.NOT_FIRING: Meaning(_IGNORE, True, "Prometheus does not know the alert as firing now"),
    Reason.ROLLBACK_IN_PROGRESS: Meaning(_IGNORE, True, "a rollback of the service is under way"),
    Reason.DEPLOYMENT_IN_PROGRESS: Meaning(_HOLD, True, "a deployment is switching hosts"),
    Reason.ALREADY_HANDLED: Meaning(_IGNORE, False, "the deployment has been rolled back already"),
    Reason.COOLDOWN: Meaning(_IGNORE, True, "the last rollback of the service has only just ended"),
    Reason.OTHER_VERSION_LIVE: Meaning(
        _HOLD, True, "hosts run neither the version deployed last nor the one to go back to"
    ),
    Reason.ALREADY_LEFT: Meaning(_IGNORE, False, "no host runs the deployed version any more"),
    Reason.NOT_ENOUGH_EVIDENCE: Meaning(_HOLD, True, "too little has happened to judge the release by it"),
    Reason.EVIDENCE_UNKNOWN: Meaning(_HOLD, True, "Prometheus has no evidence about this alert"),
    Reason.DEPENDENCY_DOWN: Meaning(_PROPOSE, False, "a dependency is down, which older code would not mend"),
    Reason.NOT_REVERSIBLE: Meaning(_PROPOSE, False, "a version on the way back does not say it may be left"),
    Reason.NO_KNOWN_GOOD: Meaning(_PROPOSE, False, "no earlier release has proven to be good"),
    Reason.BREAKER_OPEN: Meaning(_PROPOSE, False, "too many or fruitless rollbacks: a person decides"),
    Reason.ATTEMPTS_EXHAUSTED: Meaning(_PROPOSE, False, "it was tried several times and changed nothing"),
    Reason.ALREADY_PROPOSED: Meaning(_IGNORE, True, "a rollback of this deployment is proposed already"),
    Reason.REJECTED: Meaning(_IGNORE, False, "a person has rejected the rollback of this deployment"),
    Reason.WITHDRAWN: Meaning(_IGNORE, False, "the facts have moved since the rollback was proposed"),
}
"""Total: a reason without a row is a failing test and a KeyError, never a silent default."""


def verdict_of(reason: Reason) -> Verdict:
    """The one verdict that a reason leads to."""
    return MEANINGS[reason].verdict


def passes(reason: Reason) -> bool:
    """Whether the alert is decided again when it is next seen firing."""
    return MEANINGS[reason].passes


class LedgerKind(StrEnum):
    """What a ledger entry records."""

    WEBHOOK_RECEIVED = "webhook_received"
    ALERT_SEEN = "alert_seen"  # read from Alertmanager or Prometheus instead of being delivered
    SET_ASIDE = "set_aside"  # an alert could not be decided, again and again
    DECIDED = "decided"
    HOLD_TOLD = "hold_told"  # people were told that an alert is on hold
    PROPOSAL_ANSWERED = "proposal_answered"
    ROLLBACK_STARTED = "rollback_started"
    ROLLBACK_RESUMED = "rollback_resumed"
    HOST_STEP = "host_step"
    RESTORED = "restored"
    VERIFIED = "verified"
    ROLLBACK_FINISHED = "rollback_finished"
    ACKNOWLEDGED = "acknowledged"  # a person has taken over what a rollback left open
    DEPLOYMENT_STARTED = "deployment_started"
    DEPLOYMENT_RESUMED = "deployment_resumed"  # the same version was registered again while it was open
    DEPLOYMENT_FINISHED = "deployment_finished"
    LIVE_OBSERVED = "live_observed"  # the hosts run another version than the one last reported live
    RELEASE_MARKED = "release_marked"  # a release became good, suspect or rejected
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    REHEARSED = "rehearsed"  # the way back was proven, or was found not to work
