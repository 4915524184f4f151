"""Mail goes where the site says, and nowhere where it does not."""

from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.catalog import CatalogError, render_alertmanager
from monitoring.yaml_text import read_yaml

TEXT = (REPO / "monitoring" / "alertmanager.yml").read_text("utf-8")
MAIL = {"to": "ops@example.org", "from": "alerts@example.org", "smarthost": "mail.example.org:587"}
SEED = ("mita.finance", "sendgrid", "apikey")


def rendered(mail: dict[str, Any], absent: Any = None) -> tuple[str, Any]:
    said = {"alertmanager_mail": mail, "alertmanager_without": {"dead_man": "a test", **(absent or {})}}
    text = render_alertmanager(TEXT, said=said)
    return text, read_yaml(text)


def mails(config: Any) -> list[Any]:
    return [mail for receiver in config["receivers"] for mail in receiver.get("email_configs", [])]


def test_every_mail_goes_to_the_site_through_its_own_server() -> None:
    text, config = rendered(MAIL)

    assert {mail["to"] for mail in mails(config)} == {"ops@example.org"}
    assert config["global"]["smtp_from"] == "alerts@example.org"
    assert config["global"]["smtp_smarthost"] == "mail.example.org:587"
    assert not [word for word in SEED if word in text]


def test_only_who_has_a_name_at_the_server_logs_in() -> None:
    assert not [name for name in rendered(MAIL)[1]["global"] if name.startswith("smtp_auth")]

    named = rendered({**MAIL, "username": "robot"})[1]["global"]

    assert named["smtp_auth_username"] == "robot"
    assert named["smtp_auth_password_file"].endswith("/smtp_password")


@pytest.mark.parametrize("lacking", ["to", "from", "smarthost"])
def test_a_site_that_leaves_an_address_out_is_refused(lacking: str) -> None:
    with pytest.raises(CatalogError, match=f"found no {lacking}; set alertmanager_mail"):
        rendered({name: value for name, value in MAIL.items() if name != lacking})


@pytest.mark.parametrize(
    ("mail", "found"),
    [
        ("ops@example.org", "found 'ops@example.org'"),
        (["ops@example.org"], r"found \['ops@example.org'\]"),
        ({**MAIL, "to": ["ops"]}, r"found to: \['ops'\]"),
        ({**MAIL, "user": "robot"}, "found user: 'robot'"),
        ({**MAIL, "smarthost": "mail.example.org"}, "as HOST:PORT, found 'mail.example.org'"),
    ],
)
def test_a_site_that_says_something_else_is_refused(mail: Any, found: str) -> None:
    with pytest.raises(CatalogError, match=found):
        rendered(mail)


def test_several_people_are_written_to_at_once() -> None:
    assert {mail["to"] for mail in mails(rendered({**MAIL, "to": ["a@x.org", "b@x.org"]})[1])} == {
        "a@x.org, b@x.org"
    }


def test_a_site_without_mail_says_so() -> None:
    assert mails(rendered({}, {"mail": "nobody reads it"})[1]) == []


def test_the_addresses_of_the_repository_stay_where_no_site_is_meant() -> None:
    assert render_alertmanager(TEXT) == TEXT


def test_the_example_site_writes_out_the_addresses_of_the_requirements() -> None:
    example = read_yaml((REPO / "inventories/production/group_vars/monitoring.yml").read_text("utf-8"))

    assert rendered(example["alertmanager_mail"])[0] == TEXT
