"""The generated site is what the rules read, and Prometheus would take it."""

from benchmarks import remote_write
from benchmarks.dataset import dataset
from benchmarks.series import STEP_S, Shape
from devtools.paths import REPO
from monitoring.durations import parse_duration
from monitoring.yaml_text import read_yaml
from ruletools.expressions import metrics_of
from ruletools.house.loading import load_files
from ruletools.ruleset import ALERT_SERIES

SERIES = list(dataset(instances=2, history_days=1))


def test_every_series_that_a_rule_reads_is_generated() -> None:
    files = load_files()
    recorded = {record for file in files for record in file.recordings}
    read = {metric for file in files for rule in file.rules for metric in metrics_of(rule["expr"])}

    assert read - recorded - set(ALERT_SERIES) - {each.labels["__name__"] for each in SERIES} == set()


def test_no_series_is_generated_twice_for_the_same_time() -> None:
    """Prometheus would refuse the second sample. What is compared with a week ago is there twice."""
    keys = [(tuple(sorted(each.labels.items())), each.last_s) for each in SERIES]

    assert len(keys) == len(set(keys))


def test_the_application_is_generated_with_its_own_buckets() -> None:
    bounds = {
        each.labels["le"]
        for each in SERIES
        if each.labels["__name__"] == "http_request_duration_seconds_bucket"
    }

    assert {"0.4", "1.0", "+Inf"} <= bounds


def test_a_counter_never_falls() -> None:
    values = [Shape(0.7, counter=True).at(step) for step in range(1_000)]

    assert values == sorted(values)
    assert values[-1] > values[0]


def test_a_measured_level_stays_near_its_value_and_a_state_is_exact() -> None:
    measured = Shape(100, counter=False, noise=0.01)
    assert all(99 <= measured.at(step) <= 101 for step in range(1_000))
    assert {Shape(1, counter=False).at(step) for step in range(1_000)} == {1}


def test_a_request_is_framed_as_the_protocol_says() -> None:
    """By hand from the specifications of protobuf and snappy: one series, one label, one sample."""
    body = remote_write.request([(remote_write.labels({"a": "b"}), remote_write.samples([(300, 1.0)]))])

    label = b"\x0a\x06\x0a\x01a\x12\x01b"
    sample = b"\x12\x0c\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xac\x02"
    message = b"\x0a\x16" + label + sample
    assert body == bytes([len(message), 63 << 2]) + bytes([len(message) - 1, 0, 0, 0]) + message


def test_labels_are_sorted_by_name() -> None:
    assert remote_write.labels({"b": "", "a": ""}) == remote_write.labels({"a": "", "b": ""})


def test_scrapes_are_as_far_apart_as_in_production() -> None:
    configuration = read_yaml((REPO / "monitoring" / "prometheus.yml").read_text())

    assert parse_duration(configuration["global"]["scrape_interval"]) == 1000 * STEP_S
