"""An input that no role could read is named before any host is touched, without its content."""

from typing import Any

import pytest
from ansible.errors import AnsibleError
from jinja2 import StrictUndefined

from roles.program.filter_plugins.mita_inputs import misspelt_inputs, wrong_inputs

GROUPS = {group: ["watch"] for group in ("monitoring", "postgresql", "redis", "rollback", "grafana", "all")}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"prometheus_retention": None}, "expected a text, found nothing; leave the line out"),
        ({"prometheus_retention": ["15d"]}, "expected a text, found a list"),
        ({"prometheus_retention": True}, "expected a text, found true or false, which YAML makes"),
        ({"prometheus_version": 2.5}, 'expected a version in quotes, "2.5", found the number 2.5'),
        ({"prometheus_rule_files": "a"}, "expected a list, found a text"),
        ({"prometheus_rule_files": ["a", {}]}, ", item 2: expected a text, found a dictionary"),
        ({"prometheus_secrets": "planted"}, "expected a dictionary, found a text"),
        ({"prometheus_time_scale": "planted"}, "expected a number, found a text"),
        ({"rollback_listen_port": "planted"}, "expected a whole number, found a text"),
        ({"rollback_listen_port": 80.5}, "expected a whole number, found a number"),
        ({"prometheus_install_method": "docker"}, "expected one of 'package', 'archive', found 'docker'"),
        ({"prometheus_web_users": [{"nam": "planted"}]}, ", item 1: expected some of name, password"),
        ({"postgresql_roles": [{"name": "x"}]}, ", item 1: expected password, found only name"),
        (
            {"postgresql_roles": [{"name": "x", "password": None}]},
            ", password: expected a text, found nothing",
        ),
        ({"redis_port": 99999}, "expected a port from 1 to 65535, found 99999"),
        ({"redis_tls_cert": "planted"}, "expected it together with redis_tls_key, found one of them alone"),
        ({"alertmanager_mail": {"user": "x"}}, "expected some of to, from, smarthost, username, found user"),
    ],
)
def test_an_input_of_another_shape_is_named(given: dict[str, Any], says: str) -> None:
    (name,) = given

    found = wrong_inputs({"watch": given}, GROUPS)

    assert found[0].startswith(f"{name} of watch")
    assert says in found[0]
    assert "planted" not in "".join(found)


@pytest.mark.parametrize(
    "given",
    [
        {"prometheus_retention": "15d", "prometheus_verify_timeout": "60", "prometheus_time_scale": 1},
        {"redis_settings": {}, "redis_save": [], "redis_port": 6380, "redis_password": 12345678},
        {"prometheus_web_users": [{"name": "x", "password_hash": "y"}], "a_word_of_the_site": None},
        {"exporter_instances": {"blackbox": None}},
    ],
)
def test_inputs_that_roles_take_pass(given: dict[str, Any]) -> None:
    assert wrong_inputs({"watch": given}, GROUPS) == []


def test_a_misspelt_input_is_a_warning() -> None:
    hosts = {"watch": {"prometheus_retension": "1d", "prometheus_password_of_ours": "x", "colour": "red"}}

    assert misspelt_inputs(hosts) == ["no role reads prometheus_retension; is prometheus_retention meant?"]


def test_a_misspelt_group_is_named() -> None:
    groups = {"monitorin": ["watch"], "redis": [], "rediss": [], "all": ["watch"]}

    assert wrong_inputs({"watch": {}}, groups) == [
        "the group monitorin: expected a host in monitoring, found none; is monitoring meant?",
        "the group rediss: expected a host in redis, found none; is redis meant?",
    ]


def test_groups_of_a_site_may_be_called_as_it_likes() -> None:
    groups = {"application": ["app1"], "applications": ["app1"], "rollback": ["watch"], "shop": ["app1"]}

    assert wrong_inputs({"app1": {}, "watch": {}}, groups) == []


def test_an_expression_without_a_value_is_told_in_its_own_words() -> None:
    given = {"prometheus_rule_files": [StrictUndefined(name="no_such")]}

    assert wrong_inputs({"watch": given}, GROUPS) == [
        "prometheus_rule_files of watch: expected a list, found: 'no_such' is undefined",
    ]


def test_an_input_that_cannot_be_read_keeps_none_of_the_others_from_being_named() -> None:
    class Broken(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            if name == "prometheus_retention":
                raise AnsibleError("'no_such' is undefined")
            return super().__getitem__(name)

    given = Broken(prometheus_retention="{{ no_such }}", prometheus_rule_files="x")

    assert wrong_inputs({"watch": given}, GROUPS) == [
        "prometheus_retention of watch: expected a text, found: 'no_such' is undefined",
        "prometheus_rule_files of watch: expected a list, found a text",
    ]
