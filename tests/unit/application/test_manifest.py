"""A manifest that is wrong is refused with everything that is wrong with it, each in a sentence."""

from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from roles.application.files import start
from roles.application.module_utils.mita_app.manifest import MODULES, OURS, OURS_TOO, complaints

GOOD: dict[str, Any] = {
    "name": "mita-backend",
    "version": "2.0.0",
    "rollback_safe": True,
    "start": ["/usr/bin/node", "server.js", "--port=$MITA_PORT", "$$5"],
    "environment": {"NODE_ENV": "production", "PATH": "$MITA_RELEASE/bin:${PATH}"},
    "socket": False,
}
FILES = {"server.js": False, "bin/server": True}


def said(files: dict[str, bool] = FILES, **changes: Any) -> list[str]:
    return complaints({**GOOD, **changes}, files, name="mita-backend", version="2.0.0")


def test_good_manifest_is_not_complained_about() -> None:
    assert said() == []
    assert said(start=["bin/server"]) == said(start=["./bin/server"]) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "shop"}, "name 'mita-backend', found 'shop'"),
        ({"version": "1"}, "version '2.0.0', found '1'"),
        ({"rollback_safe": "yes"}, "rollback_safe, whether this release may be left"),
        ({"start": "node server.js"}, "a list of words, found 'node server.js'"),
        ({"start": []}, "a list of words, found []"),
        ({"start": ["/bin/x", 8080]}, "a list of words"),
        ({"start": ["node", "server.js"]}, "such as /usr/bin/node, found 'node'"),
        ({"start": ["server.js"]}, "chmod +x server.js"),
        ({"start": ["/bin/x", "&&", "y"]}, "without a shell, found '&&'"),
        ({"start": ["/bin/x", "${PORT"]}, "$$ for a dollar, found '${PORT'"),
        ({"start": ["/bin/x", "a\nb"]}, "one line"),
        ({"environment": ["A=1"]}, "names with values, found ['A=1']"),
        ({"environment": {"MY-NAME": "1"}}, "a name such as LOG_LEVEL, found 'MY-NAME'"),
        ({"environment": {"MITA_PORT": "1"}}, "the host does not set itself, found MITA_PORT"),
        ({"environment": {"DATABASE_URL": "x"}}, "the host does not set itself, found DATABASE_URL"),
        ({"environment": {"WORKERS": 4}}, "text for WORKERS, found 4"),
        ({"environment": {"PRICE": "5$"}}, "environment: PRICE: expected $NAME"),
        ({"socket": "yes"}, "socket: expected true or false, found 'yes'"),
        ({"enviroment": {}}, "expected environment, found 'enviroment'"),
    ],
)
def test_each_mistake_is_one_sentence(changes: dict[str, Any], words: str) -> None:
    [sentence] = said(**changes)

    assert words in sentence


def test_all_mistakes_are_said_together() -> None:
    assert len(said(name="shop", rollback_safe=None, start=["node"], environment={"A B": 1})) == 5


def test_release_that_does_not_say_how_it_is_started_must_be_one_from_before() -> None:
    manifest = {name: value for name, value in GOOD.items() if name != "start"}

    def asked(files: dict[str, bool], *, deploying: bool = True) -> list[str]:
        return complaints(manifest, files, name="mita-backend", version="2.0.0", deploying=deploying)

    assert "expected start" in asked(FILES)[0]
    assert asked(FILES, deploying=False) == []
    assert asked({"app/application/__main__.py": False}) == asked({"app/target/__main__.py": False}) == []


def test_what_is_checked_and_what_starts_know_the_same_modules_from_before() -> None:
    assert start.MODULES == MODULES


def test_no_release_may_set_what_the_role_sets() -> None:
    role = read_yaml((REPO / "roles/application/vars/main.yml").read_text())

    names = role["__application_variables"]

    assert names and [name for name in names if not name.startswith(OURS) and name not in OURS_TOO] == []
