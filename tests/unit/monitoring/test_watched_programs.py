"""The programs that a site names for the process exporter: what the exporter reads, and what is refused."""

from typing import Any

import pytest

from monitoring.errors import CatalogError
from monitoring.watched_programs import config, problems
from monitoring.yaml_text import read_yaml

DATABASES = {"name": "databases", "comm": ["mariadbd"]}
QUEUE = {"name": "queue", "exe": ["/usr/bin/python3"], "cmdline": ["shop"]}


def test_programs_arrive_as_they_are_said() -> None:
    assert read_yaml(config([DATABASES, QUEUE])) == {"process_names": [DATABASES, QUEUE]}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "expected each program as .* found none"),
        ("mariadbd", "found 'mariadbd'"),
        (["mariadbd"], "found 'mariadbd'"),
        ([{"comm": ["x"]}], "found {'comm'"),
        ([{"name": "x"}], "found {'name': 'x'}"),
        ([{"name": "x", "command": ["x"]}], "found {'name': 'x', 'command'"),
        ([{"name": "x", "comm": "x"}], "expected comm of x as a list of texts, found 'x'"),
        ([{"name": "x", "comm": []}], "expected comm of x as a list of texts, found \\[\\]"),
        ([{"name": "x", "comm": [1]}], "expected comm of x as a list of texts, found \\[1\\]"),
        ([{"name": "{{.Comm}}", "comm": ["x"]}], "expected a fixed name, found '{{.Comm}}'"),
        ([DATABASES, {**QUEUE, "name": "databases"}], "each name once, found databases twice"),
    ],
)
def test_what_the_exporter_could_not_tell_apart_is_refused(names: Any, says: str) -> None:
    with pytest.raises(CatalogError, match=f"exporter_process_names: .*{says}"):
        config(names)


def test_a_host_of_the_group_that_names_no_program_is_told_and_no_other() -> None:
    groups = {"process": ["data", "app1"], "application": ["app2"]}
    hosts = {"data": {"exporter_process_names": [DATABASES]}, "app1": {}, "app2": {}}

    (said,) = problems(groups, hosts)

    assert said.startswith("app1: exporter_process_names: expected each program")
