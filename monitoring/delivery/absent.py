"""What a site has not, said in words: nobody is left without a pager or a watchdog by an omission."""

from collections.abc import Mapping
from typing import Any

from monitoring.delivery import channels, mute_hours
from monitoring.delivery.saying import Config, changed_entries, mapping, words

INPUT = "alertmanager_without"
DEAD_MAN, MUTE_HOURS, MAIL = "dead_man", "mute_hours", "mail"
KINDS = {MAIL: "email_configs", "pagerduty": "pagerduty_configs", "slack": channels.KIND}


def reasons(config: Mapping[str, Any], said: Any) -> dict[str, str]:
    """The reason for each thing that the site has not; CatalogError where one is none of ours."""
    known = (DEAD_MAN, *KINDS, MUTE_HOURS, *channels.names(config))
    form = "things with the reason, such as {pagerduty: 'we are all in one room'}"
    given = mapping(INPUT, said, known, form)
    return {name: words(f"{INPUT}, {name}", reason) for name, reason in given.items()}


def taken_away(config: Config, absent: Mapping[str, str]) -> Config:
    """The configuration without what the site has not. Receivers stay: each route still leads somewhere."""
    for name, kind in KINDS.items():
        if name in absent:
            config = changed_entries(config, kind, lambda _entry: None)
    config = changed_entries(
        config, channels.KIND, lambda entry: None if channels.short(entry["channel"]) in absent else entry
    )
    return mute_hours.without_hours(config) if MUTE_HOURS in absent else config
