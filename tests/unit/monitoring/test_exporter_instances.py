"""Which exporters run on a host, and what each is told."""

from typing import Any

import pytest

from monitoring.endpoints.instances import endpoints, instances
from monitoring.errors import CatalogError
from monitoring.exporters import Exporter

KINDS = {
    "node": Exporter("node", {"node": {"groups": ["data"], "port": 9100}}, ()),
    "postgres": Exporter("postgres", {"postgres": {"groups": ["data"], "port": 9187}}, (), ("address",)),
}
GROUPS = {"monitoring": ["watch"], "data": ["data"], "other": ["bare"]}
REPORTS = {"kind": "postgres", "listen_address": "127.0.0.1:9188", "address": "127.0.0.1:5433/x"}


def found(host: str = "data", **variables: Any) -> dict[str, str]:
    """The port of each exporter by its name."""
    return {
        one.name: f"{where.listens}:{where.port}" for one, where in endpoints(KINDS, host, variables, GROUPS)
    }


def test_a_host_runs_what_its_groups_call_for() -> None:
    assert found() == {"node": "0.0.0.0:9100", "postgres": "0.0.0.0:9187"}
    assert found("bare") == {}


def test_a_host_runs_one_more_of_a_kind_that_the_inventory_adds() -> None:
    assert found(exporter_instances={"postgres-reports": REPORTS})["postgres-reports"] == "127.0.0.1:9188"
    assert found("bare", exporter_instances={"postgres-reports": REPORTS}) == {
        "postgres-reports": "127.0.0.1:9188"
    }


def test_a_kind_that_is_null_does_not_run() -> None:
    assert found(exporter_instances={"node": None}) == {"postgres": "0.0.0.0:9187"}


def test_what_is_said_of_one_does_not_reach_the_other() -> None:
    told = instances(KINDS, "data", {"exporter_instances": {"node": {"version": "1.9.0"}}}, ["data"])

    assert {one.name: dict(one.given) for one in told} == {"node": {"version": "1.9.0"}, "postgres": {}}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"exporter_instances": ["node"]}, "of data: expected the inputs of exporters by name"),
        ({"exporter_instances": {"Node 1": {}}}, "expected a name such as postgres-reports, found 'Node 1'"),
        ({"exporter_instances": {"nod": {}}}, "nod: expected kind to be one of node, postgres, found nod"),
        ({"exporter_instances": {"node": {"flags": []}}}, "node: expected some of .*, found 'flags'"),
        ({"exporter_instances": {"node": {"address": "x"}}}, "node: expected some of .*, found 'address'"),
        ({"exporter_instances": {"node": {"extra_flags": "x"}}}, "expected extra_flags as a list, found 'x'"),
        ({"exporter_instances": {"node": {"version": 1.9}}}, "expected version as a text, found 1.9"),
        (
            {"exporter_instances": {"pg2": {"kind": "postgres"}}},
            "pg2: expected the listen_address of one more postgres exporter, found none",
        ),
        (
            {"exporter_instances": {"pg2": {**REPORTS, "listen_address": "127.0.0.1:9187"}}},
            "expected a port for each exporter, found 9187 for postgres and for pg2",
        ),
        (
            {"exporter_extra_flags": ["--x"]},
            r"exporter_extra_flags of data: expected it where one exporter runs, found node, postgres; "
            r"say exporter_instances: {node: {extra_flags: ...}}",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        found(**given)


def test_an_input_for_all_is_taken_where_one_exporter_runs() -> None:
    only: dict[str, Any] = {"exporter_instances": {"node": None}, "exporter_listen_address": "10.0.0.1:9999"}

    assert found(**only) == {"postgres": "10.0.0.1:9999"}
