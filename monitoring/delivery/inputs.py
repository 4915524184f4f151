"""The inputs by which a site changes alertmanager.yml, each one step, and which of them cut the line."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monitoring.delivery import absent, additions, channels, dead_man, line, mute_hours, raw
from monitoring.delivery.saying import Config
from monitoring.errors import CatalogError
from monitoring.mailing import addressed, require_addresses
from monitoring.patch import merge
from monitoring.routing import Labels

MAIL = "alertmanager_mail"
LISTS = (additions.RECEIVERS, additions.ROUTES, additions.INHIBITIONS)
INPUTS = (
    *(channels.MENTIONS, channels.CHANNELS, absent.INPUT, mute_hours.INPUT, dead_man.INPUT, MAIL, raw.INPUT),
    *LISTS,
)
"""Every input, in the order in which it is applied. What is added comes last, and sends as ours do."""
Said = Mapping[str, Any]


def laid_over(config: Mapping[str, Any], said: Said, *, whole: bool = True) -> Config:
    """The configuration of a site; CatalogError where an input is wrong.

    Unless it must be *whole*, a site may be silent about its mail and its dead-man switch.
    """
    given = {name: said.get(name) or ([] if name in LISTS else {}) for name in INPUTS}
    missing = absent.reasons(config, given[absent.INPUT])
    steps: Sequence[Callable[[Config], Config]] = (
        lambda now: channels.with_mentions(now, given[channels.MENTIONS]),
        lambda now: absent.taken_away(now, missing),
        lambda now: channels.with_channels(now, given[channels.CHANNELS]),
        lambda now: mute_hours.with_hours(now, given[mute_hours.INPUT]),
        lambda now: dead_man.with_dead_man(now, given[dead_man.INPUT], missing, needed=whole),
        lambda now: addressed(now, given[MAIL]) if whole or given[MAIL] else now,
        lambda now: _overridden(now, given[raw.INPUT]),
        lambda now: additions.with_receivers(now, given[additions.RECEIVERS]),
        lambda now: additions.with_routes(now, given[additions.ROUTES]),
        lambda now: additions.with_inhibitions(now, given[additions.INHIBITIONS]),
        channels.tidied,
    )
    now = dict(config)
    for step in steps:
        now = step(now)
    if whole:
        require_addresses(now)
    return now


def refuse_cuts(config: Mapping[str, Any], said: Said, alerts: Sequence[Labels], *, daemon: bool) -> None:
    """CatalogError that says what the site's inputs cut, and which of them did."""
    own = Counter(line.cuts(config, alerts, daemon=daemon, dead_man=False))  # no site could mend that

    def found(inputs: Said) -> list[str]:
        has = bool(inputs.get(dead_man.INPUT))
        laid = laid_over(config, inputs, whole=False)
        return list(Counter(line.cuts(laid, alerts, daemon=daemon, dead_man=has)) - own)

    if cut := found(said):
        raise CatalogError("; ".join(f"{_by(sentence, said, found)}: {sentence}" for sentence in cut))


def _by(sentence: str, said: Said, found: Callable[[Said], list[str]]) -> str:
    """The inputs without any one of which the line would hold."""
    guilty = []
    for name in [name for name in INPUTS if said.get(name)]:
        try:
            healed = sentence not in found({other: value for other, value in said.items() if other != name})
        except CatalogError:
            continue  # the others do not stand without it
        guilty += [name] if healed else []
    return " and ".join(guilty) or "several inputs together"


def _overridden(config: Config, overrides: Any) -> Config:
    raw.check(config, overrides)
    return dict(merge(config, overrides))
