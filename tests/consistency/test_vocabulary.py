"""Words that rules, routes and runbooks share with the rollback daemon: closed, the same on both sides."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.catalog import load
from monitoring.promql import Selector, walk
from monitoring.promql_parse import parse
from monitoring.yaml_text import read_yaml
from rollback.cli import parser
from rollback.domain.control import Cause
from rollback.domain.reasons import Reason, Verdict
from rollback.domain.rollback import Phase, VerificationVerdict
from rollback.domain.stored import NoticeState
from rollback.domain.unresolved import Unresolved
from rollback.settings import Settings
from ruletools.house.files import RUNBOOKS
from ruletools.house.lint.rollbacks import ASKED, KINDS
from ruletools.house.lint.runbooks import BLOCK, commands
from ruletools.house.loading import load_files

ALERTS = {alert.name: alert for alert in load(REPO / "monitoring" / "rules")}
PAGES = {path.stem: path.read_text("utf-8") for path in RUNBOOKS.glob("*.md") if path.stem != "README"}
DAEMON = [path.read_text("utf-8") for path in sorted((REPO / "rollback").rglob("*.py"))]
CONFIG: dict[str, Any] = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text("utf-8"))

STATES = {str(state) for state in Unresolved}
CAUSES = {str(cause) for cause in Cause}
REASONS = {str(reason) for reason in Reason}
VERDICTS = {str(verdict) for verdict in Verdict} | {str(verdict) for verdict in VerificationVerdict}
WORDS = {
    "reason": REASONS,
    "verdict": VERDICTS,
    "result": {str(phase) for phase in Phase} | {str(state) for state in NoticeState},
    "state": STATES,
    "cause": CAUSES,
    "event": set(re.findall(r"(?:LOG\.\w+|event)\(\s*\"([a-z_]+)\"", "\n".join(DAEMON))),
}
OTHER_WORDS = {"alert_overrides", *Settings.model_fields["triggers"].default}  # what a site may set
every_page = pytest.mark.parametrize("name", sorted(PAGES))


def test_every_value_of_the_label_rollback_is_read() -> None:
    """By the routes, by an inhibition, or by the daemon itself."""
    used = {alert.labels["rollback"] for alert in ALERTS.values() if "rollback" in alert.labels}
    read = set(routed()) | quoted("veto")

    assert used == set(KINDS)
    assert used == read


def test_the_routes_ask_for_no_other_value() -> None:
    assert set(routed()) <= set(KINDS)


def routed() -> Iterator[str]:
    """Every value of the label in a matcher of routes."""
    for route in [CONFIG["route"], *CONFIG["route"]["routes"]]:
        for matcher in route.get("matchers", ()):
            if found := re.fullmatch(r'rollback=~?"([a-z|]+)"', matcher):
                yield from found[1].split("|")


def quoted(word: str) -> set[str]:
    """The word, if the daemon's code has it as a value of the label."""
    return {word} if any(re.search(rf'rollback=\\?"{word}|"{word}"', text) for text in DAEMON) else set()


def test_rules_select_only_words_that_the_daemon_has() -> None:
    """Reasons, verdicts, results, states and causes in the selectors of the daemon's series."""
    for file in load_files():
        for rule in file.rules:
            for node in walk(parse(rule["expr"])):
                if isinstance(node, Selector) and node.metric.startswith("mita_rollback_"):
                    for matcher in node.matchers:
                        if matcher.name in WORDS:
                            assert set(matcher.value.split("|")) <= WORDS[matcher.name], f"{rule}: {matcher}"


@every_page
def test_a_page_uses_only_words_that_the_daemon_has(name: str) -> None:
    """Words in backticks that look like the daemon's: with an underscore, or called a reason or verdict."""
    known = set().union(*WORDS.values()) | OTHER_WORDS
    said = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGES[name]))
    said |= set(re.findall(r"(?:reason|verdict|verdict is|verdict of|measured) `([a-z_]+)`", PAGES[name]))

    assert {word for word in said if not known_elsewhere(word)} <= known


def known_elsewhere(word: str) -> bool:
    """A setting of an exporter, a role, a database or nginx, as the pages name them."""
    ours = ("mita_", "http_", "exporter_", "prometheus_")
    others = ("redis_", "pg_", "node_", "group_", "repeat_", "worker_", "max_")
    return word.startswith(ours + others)


def subcommands() -> set[str]:
    [actions] = [action for action in parser()._actions if action.dest == "command"]
    return set(actions.choices or ())


@every_page
def test_a_page_calls_only_commands_that_rollbackctl_has(name: str) -> None:
    called = set(re.findall(r"rollbackctl ([a-z]+)", PAGES[name]))

    assert called <= subcommands()


def test_what_a_page_runs_changes_nothing() -> None:
    """Diagnosis reads: what changes something stands in the text of Mitigation."""
    reading = {"status", "decisions", "explain", "proposals", "rollbacks", "ledger"}
    for command in commands():
        assert set(re.findall(r"rollbackctl ([a-z]+)", command.text)) <= reading, command.page
        assert not re.search(r"systemctl (re)?start|ansible-playbook|promtool .*delete", command.text)


def events() -> set[str]:
    """The names of all events that the daemon's code can write to its journal."""
    written = r'\.(?:debug|info|warning|error|exception|critical)\(\s*"([a-z_]+)"'
    return {name for text in DAEMON for name in re.findall(written, text)}


def test_what_a_page_looks_for_in_the_daemons_journal_can_be_there() -> None:
    found = 0
    for command in commands():
        for line in command.text.splitlines():
            if re.search(r"journalctl .*-u rollback\b", line):
                for pattern in re.findall(r"grep (?:-\w+ )*'([^']*)'", line):
                    found += 1
                    assert set(pattern.split("|")) <= events(), f"{command.page}: {pattern}"
                assert "grep" not in line or re.search(r"grep (?:-\w+ )*'", line), (
                    f"{command.page}: quote it by '"
                )
    assert found, "expected pages that look for something there"


@every_page
def test_a_page_asks_for_a_decision_only_where_there_is_one(name: str) -> None:
    asked = ALERTS[name].labels.get("rollback") in ASKED
    text = PAGES[name]

    assert asked or "decision about this alert" not in text
    assert asked or "rolls it back by itself" not in text
    if ALERTS[name].labels.get("rollback") == "auto":
        assert re.search(r"by itself", text)
        assert "`rollbackctl explain ID`" in text
    if ALERTS[name].labels.get("rollback") == "propose":
        assert "`rollbackctl approve ID`" in text
    assert "Nothing is rolled back for this alert by itself" not in text or not asked


@every_page
def test_pages_that_say_that_rollbacks_are_not_automatic_are_those_of_vetoes(name: str) -> None:
    says = "Rollbacks are not automatic meanwhile" in PAGES[name]

    assert says == (ALERTS[name].labels.get("rollback") == "veto")


@every_page
def test_emptiness_is_called_good_only_where_something_else_shows_that_it_is_seen(name: str) -> None:
    """A query that is empty because what it asks about is dead, or out of view, must not look like health."""
    for block, text in said_of_blocks(PAGES[name]):
        good = text.partition("Bad:")[0]
        queries = re.findall(r"promtool query instant \S+ '([^']*)'", block)
        if queries and re.search(r"\b(empty|nothing|none|no sample)\b", good, re.I):
            assert len(queries) == 2, f"expected a second query that shows that it is seen: {block}"
            assert "an empty first means nothing" in text
            assert re.fullmatch(r"up\{job=~?\"[^\"]+\"\}|mita:http_requests:rate5m", queries[1])


def said_of_blocks(page: str) -> Iterator[tuple[str, str]]:
    """Every block of commands with the paragraph that says what is good and bad."""
    for found in BLOCK.finditer(page):
        yield found[2], page[found.end() :].strip().partition("\n\n")[0]


def test_the_page_of_the_dead_man_switch_calls_emptiness_bad() -> None:
    assert "Bad: empty" in PAGES["Watchdog"]


def test_every_block_is_followed_by_what_is_good_and_what_is_bad() -> None:
    for name, page in PAGES.items():
        assert all(re.match(r"Good: .+ Bad: .+", text) for _, text in said_of_blocks(page)), name


def test_the_files_of_the_daemon_are_read() -> None:
    assert len(DAEMON) > 20
    assert Path(REPO / "rollback" / "domain" / "reasons.py").read_text("utf-8") in DAEMON
