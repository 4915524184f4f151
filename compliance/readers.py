"""Which alerts read a promised series, themselves or through what is recorded."""

from collections.abc import Mapping, Sequence

from compliance.scraped import whole
from devtools.paths import REPO
from monitoring.catalog import Alert, load
from monitoring.contract import TARGET, Series
from ruletools.cases import reads

RULES = REPO / "monitoring" / "rules"


def readers(promised: Sequence[Series]) -> Mapping[str, list[str]]:
    """The names of the alerts by series. The alert about lost series is none: it reads them all."""
    alerts = [alert for alert in load(RULES) if alert.file != TARGET.name]
    read = {alert.name: _names(alert) for alert in alerts}
    return {each.name: sorted(name for name in read if whole(each.name) in read[name]) for each in promised}


def _names(alert: Alert) -> set[str]:
    return {whole(name) for name in reads(alert)}
