"""Every secret that a site lacks is told at once, before a host is asked."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.playbook import run_playbook
from monitoring.yaml_text import read_yaml
from playbooks.filter_plugins import mita_secrets

EXAMPLE = REPO / "inventories" / "production" / "group_vars"
SHORT = "vault_a: expected at least 10 characters for rollback_admin_secret, found 9"
NAME = re.compile(r"vault_\w+")
VAULT = EXAMPLE / "all" / "vault.example.yml"


class Hosts(dict[str, Mapping[str, Any]]):
    """What Ansible gives a filter, where nothing is templated."""

    def raw_get(self, host: str) -> Mapping[str, Any]:
        return self[host]


def told(**variables: Any) -> list[str]:
    return mita_secrets.secret_problems(Hosts(monitor=variables))


def listed() -> list[str]:
    return list(read_yaml(VAULT.read_text("utf-8")))


def test_the_example_lists_every_secret_that_its_inputs_name() -> None:
    inputs = [read_yaml(path.read_text("utf-8")) or {} for path in EXAMPLE.rglob("*.yml") if path != VAULT]
    used = {name for found in inputs for text in mita_secrets.strings(found) for name in NAME.findall(text)}

    assert set(listed()) == used


def test_a_site_without_secrets_is_told_of_all_of_them() -> None:
    run = run_playbook(REPO / "playbooks" / "check.yml", inventory=REPO / "inventories" / "production")

    assert run.returncode
    assert [name for name in listed() if f"{name}: expected a secret for" not in run.failure()] == []


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_secret_is_none(value: str | None) -> None:
    variables = {"vault_a": value} if value is not None else {}

    assert told(inputs=[{"password": "x{{ vault_a }}"}], **variables) == [
        "vault_a: expected a secret for inputs, found none"
    ]


@pytest.mark.parametrize(
    ("variables", "problems"),
    [
        (
            {"vault_a": "123456789"},
            [SHORT],
        ),
        ({"vault_a": "1234567890"}, []),
        ({"vault_a": "{{ lookup('env', 'A') }}"}, []),
    ],
)
def test_a_secret_is_as_long_as_the_daemon_wants_it(variables: dict[str, str], problems: list[str]) -> None:
    assert told(rollback_admin_secret="{{ vault_a }}", **variables) == problems


@pytest.mark.parametrize("value", [" planted", "planted\n", "planted "])
def test_space_around_a_secret_is_no_part_of_it(value: str) -> None:
    (problem,) = told(redis_password="{{ vault_a }}", vault_a=value)

    assert problem.startswith("vault_a: expected one line without space around it for redis_password")
    assert "planted" not in problem


def test_a_key_has_lines_and_a_secret_that_is_looked_up_is_not_known_here() -> None:
    variables = {"vault_a": "BEGIN\nEND\n", "vault_b": "{{ lookup('env', 'A') }}\n"}

    assert told(key="{{ vault_a }}", password="{{ vault_b }}", **variables) == []


def test_what_has_a_default_may_be_missing() -> None:
    assert told(rollback_reader_secret="{{ vault_a | default('') }}") == []


def test_a_word_that_only_begins_so_is_no_secret() -> None:
    assert told(path="/etc/vault_keys/a", note="ask whoever keeps vault_a") == []
    assert len(told(text="{% if vault_a %}x{% endif %}")) == 1


def test_each_host_has_its_own_secrets_and_one_sentence_is_enough() -> None:
    hosts = Hosts(
        a={"x": "{{ vault_a }}", "vault_a": "there"}, b={"x": "{{ vault_a }}"}, c={"x": "{{ vault_a }}"}
    )

    assert mita_secrets.secret_problems(hosts) == ["vault_a: expected a secret for x, found none"]
