"""A less severe alert must not be louder than a more severe one."""

from collections.abc import Iterator
from itertools import pairwise

from monitoring.routing import receivers_of
from monitoring.rule_files import SEVERITIES
from ruletools.lint.content import Content
from ruletools.lint.findings import Finding, Level

MENTIONS = ("<!here>", "<!channel>")  # those who are online; everybody


def louder_below(content: Content) -> Iterator[Finding]:
    """A warning for each severity whose message calls more people than that of the one above."""
    for above, below in pairwise(SEVERITIES):
        loud, (louder, receiver) = _loudest(content, above)[0], _loudest(content, below)
        if louder > loud:
            what = (
                f"{below} calls {_called(louder)}, {above} only {_called(loud)}: the lesser alert is louder"
            )
            mend = "a site swaps them with alertmanager_mentions: {critical: channel, error: here}"
            names = [each["name"] for each in content.routes["receivers"]]
            yield content.at_routing(("receivers", names.index(receiver)), what, mend, Level.WARNING)


def _loudest(content: Content, severity: str) -> tuple[int, str]:
    """How many are called by the loudest receiver of a severity, and its name."""
    names = [name for name, _ in receivers_of(content.routes, {"severity": severity})]
    slack = {each["name"]: each.get("slack_configs", ()) for each in content.routes["receivers"]}
    return max((_loudness(config), name) for name in names for config in [*slack[name], {}])


def _loudness(slack: dict[str, str]) -> int:
    text = str(slack.get("pretext", "")) + str(slack.get("text", ""))
    return max((number for number, mention in enumerate(MENTIONS, 1) if mention in text), default=0)


def _called(loudness: int) -> str:
    return MENTIONS[loudness - 1] if loudness else "nobody"
