"""The closed vocabularies: one value is the log field, the metric label and what tests assert."""

from enum import StrEnum


class Verdict(StrEnum):
    """What follows from a decision."""

    ROLL_BACK = "roll_back"
    PROPOSE = "propose"  # everything speaks for it, but a person must say yes
    IGNORE = "ignore"
    HOLD = "hold"  # it cannot be known yet; asked again while the alert fires


class Reason(StrEnum):
    """Why a decision is what it is."""

    ACCEPTED = "accepted"
    MODE_PROPOSE = "mode_propose"
    MODE_SHADOW = "mode_shadow"
    MODE_OFF = "mode_off"
    UNKNOWN_TRIGGER = "unknown_trigger"
    RESOLVED = "resolved"
    STALE = "stale"
    CLOCK_SKEW = "clock_skew"
    NO_DEPLOYMENT_IN_WINDOW = "no_deployment_in_window"
    ALERT_BEFORE_DEPLOYMENT = "alert_before_deployment"
    BLIND = "blind"
    NO_KNOWN_GOOD = "no_known_good"
    COOLDOWN = "cooldown"
    DEPLOYMENT_IN_PROGRESS = "deployment_in_progress"
    ROLLBACK_IN_PROGRESS = "rollback_in_progress"
    ALREADY_HANDLED = "already_handled"


VERDICTS: dict[Reason, Verdict] = {
    Reason.ACCEPTED: Verdict.ROLL_BACK,
    Reason.MODE_PROPOSE: Verdict.PROPOSE,
    Reason.BLIND: Verdict.HOLD,
    Reason.CLOCK_SKEW: Verdict.HOLD,
    Reason.DEPLOYMENT_IN_PROGRESS: Verdict.HOLD,
}
"""The verdict of every reason that does not simply mean `ignore`."""

PASSING = frozenset({Reason.ACCEPTED, Reason.MODE_PROPOSE, Reason.MODE_SHADOW})
"""Reasons of a decision in which no guard objected."""

DECIDED_AGAIN = frozenset(
    {
        Reason.BLIND,
        Reason.CLOCK_SKEW,
        Reason.DEPLOYMENT_IN_PROGRESS,
        Reason.COOLDOWN,
        Reason.ROLLBACK_IN_PROGRESS,
    }
)
"""Reasons that pass by themselves: the alert is decided again when it is next *seen* firing.

Every other reason is settled by facts that can no longer change for this alert: its own start, the deployment
it is compared with (a later one would only make the alert older than it), or a choice somebody made.
"""


def verdict_of(reason: Reason) -> Verdict:
    """The one verdict that a reason leads to."""
    return VERDICTS.get(reason, Verdict.IGNORE)


class LedgerKind(StrEnum):
    """What a ledger entry records."""

    WEBHOOK_RECEIVED = "webhook_received"
    ALERT_SEEN = "alert_seen"  # read from Alertmanager or Prometheus instead of being delivered
    DECIDED = "decided"
    ROLLBACK_STARTED = "rollback_started"
    ROLLBACK_RESUMED = "rollback_resumed"
    HOST_STEP = "host_step"
    RESTORED = "restored"
    VERIFIED = "verified"
    ROLLBACK_FINISHED = "rollback_finished"
    DEPLOYMENT_STARTED = "deployment_started"
    DEPLOYMENT_FINISHED = "deployment_finished"
    LIVE_OBSERVED = "live_observed"  # the hosts run another version than the one last reported live
