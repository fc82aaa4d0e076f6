from __future__ import annotations

import math
import subprocess
import threading
import time
from collections.abc import Iterable

import prometheus_client
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, UnknownMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Exemplar, Timestamp

from spanwise import exposition
from spanwise.exposition import render

IDENTITY = (("service_name", "checkout"), ("service_version", "1"), ("deployment_environment_name", "test"))


class Collected:
    """A third party's collector."""

    def __init__(self, *families: Metric) -> None:
        self.families = families

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        return self.families


def registry_of(*families: Metric) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Collected(*families))
    return registry


def text(registry: CollectorRegistry, **options) -> str:
    return b"".join(render(registry, **options)).decode()


def plain(families: Iterable[Metric]) -> list:
    """Families as values that can be compared, also where a number is NaN."""
    return [
        (
            family.name,
            family.type,
            family.documentation,
            family.unit,
            [
                (
                    sample.name,
                    sorted(sample.labels.items()),
                    repr(float(sample.value)),
                    None if sample.timestamp is None else float(sample.timestamp),
                    None
                    if sample.exemplar is None
                    else (sample.exemplar.labels, sample.exemplar.value, float(sample.exemplar.timestamp or 0)),
                )
                for sample in family.samples
            ],
        )
        for family in families
    ]


# prometheus-client's parser of exemplars stumbles over quotes and braces in their values.
trace_ids = st.text("0123456789abcdef", max_size=32)
label_values = st.text(st.characters(codec="utf-8"), max_size=12)
numbers = st.floats() | st.integers(-(2**60), 2**60)
amounts = st.floats(0, 1e300) | st.integers(0, 2**53)
documentation = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=20).filter(
    lambda words: words == words.strip()  # parsers trim
)


@st.composite
def registries(draw) -> CollectorRegistry:
    """One metric of each kind, with drawn labels, values and descriptions."""
    registry = CollectorRegistry()
    values = st.lists(label_values, min_size=1, max_size=3, unique=True)
    counter = Counter("requests", draw(documentation), ["a", "b"], registry=registry)
    for value in draw(values):
        exemplar = {"trace_id": draw(trace_ids)} if draw(st.booleans()) else None
        counter.labels(value, draw(label_values)).inc(draw(amounts), exemplar)
    gauge = Gauge(
        "temperature", draw(documentation), ["a"], registry=registry, unit=draw(st.sampled_from(["", "celsius"]))
    )
    for value in draw(values):
        gauge.labels(value).set(draw(numbers))
    histogram = Histogram("latency_seconds", draw(documentation), ["a"], registry=registry, buckets=(0.1, 1, 1e6))
    for value in draw(values):
        exemplar = {"trace_id": draw(trace_ids)} if draw(st.booleans()) else None
        histogram.labels(value).observe(draw(st.floats(0, 1e9)), exemplar)
    Summary("size_bytes", draw(documentation), registry=registry).observe(draw(st.floats(0, 1e9)))
    Info("build", draw(documentation), registry=registry).info({"x": draw(label_values)})
    Enum("phase", draw(documentation), states=["on", "off"], registry=registry).state("off")
    return registry


@settings(deadline=None, max_examples=60)
@given(registries())
def test_openmetrics_reads_back_as_what_was_collected(registry):
    assert plain(parse_openmetrics(text(registry, openmetrics=True))) == plain(registry.collect())
    theirs = generate_openmetrics(registry).decode()
    assert plain(parse_openmetrics(text(registry, openmetrics=True))) == plain(parse_openmetrics(theirs))


@settings(deadline=None, max_examples=60)
@given(registries())
def test_text_reads_back_as_prometheus_client_s_own_without_created(registry):
    ours = plain(parse_text(text(registry)))
    theirs = plain(
        family for family in parse_text(generate_latest(registry).decode()) if not family.name.endswith("_created")
    )
    assert ours == theirs


@settings(deadline=None, max_examples=60)
@given(registries(), st.booleans())
def test_identity_is_added_to_every_line_and_changes_nothing_else(registry, openmetrics):
    parse = parse_openmetrics if openmetrics else parse_text
    with_identity = text(registry, openmetrics=openmetrics, identity=IDENTITY)
    for line in with_identity.split("\n"):
        if line and not line.startswith("#"):
            assert line.partition("{")[2].startswith('service_name="checkout",service_version="1",')
    families = list(parse(with_identity))
    for family in families:
        for sample in family.samples:
            for name, value in IDENTITY:
                assert sample.labels.pop(name) == value
    assert plain(families) == plain(parse(text(registry, openmetrics=openmetrics)))


def test_text_to_the_byte():
    registry = CollectorRegistry()
    Counter("c", 'Back\\slash, "quotes"\nand a line.', ["a"], registry=registry).labels('\\ " \n é').inc()
    Gauge("g", "Numbers.", ["n"], registry=registry)
    for name, value in (("nan", math.nan), ("inf", math.inf), ("minus", -math.inf), ("big", 1e21), ("int", 3)):
        registry._names_to_collectors["g"].labels(name).set(value)
    assert text(registry) == (
        '# HELP c_total Back\\\\slash, "quotes"\\nand a line.\n'
        "# TYPE c_total counter\n"
        'c_total{a="\\\\ \\" \\n é"} 1.0\n'
        "# HELP g Numbers.\n"
        "# TYPE g gauge\n"
        'g{n="nan"} NaN\n'
        'g{n="inf"} +Inf\n'
        'g{n="minus"} -Inf\n'
        'g{n="big"} 1e+21\n'
        'g{n="int"} 3.0\n'
    )


def test_openmetrics_to_the_byte():
    registry = CollectorRegistry()
    counter = Metric("c", 'A "counter".', "counter")
    counter.add_sample("c_total", {"a": "1"}, 2, 1700000000.5, Exemplar({"trace_id": "abc"}, 1.0, 1700000000.123))
    counter.add_sample("c_created", {"a": "1"}, 1600000000.0)
    gauge = Metric("g", "In seconds.", "gauge", "seconds")
    gauge.add_sample("g_seconds", {}, 1.5, Timestamp(1, 500), Exemplar({"not": "here"}, 1.0))
    registry.register(Collected(counter, gauge))
    assert text(registry, openmetrics=True) == (
        '# HELP c A \\"counter\\".\n'
        "# TYPE c counter\n"
        'c_total{a="1"} 2.0 1700000000.5 # {trace_id="abc"} 1.0 1700000000.123\n'
        'c_created{a="1"} 1600000000.0\n'
        "# HELP g_seconds In seconds.\n"
        "# TYPE g_seconds gauge\n"
        "# UNIT g_seconds seconds\n"
        "g_seconds 1.5 1.000000500\n"
        "# EOF\n"
    )


def test_an_empty_registry():
    assert text(CollectorRegistry()) == ""
    assert text(CollectorRegistry(), openmetrics=True) == "# EOF\n"


def test_a_gauge_histogram_in_both_formats():
    family = GaugeHistogramMetricFamily("queue", "Queued.", buckets=[("1.0", 2), ("+Inf", 4)], gsum_value=6)
    assert plain(parse_openmetrics(text(registry_of(family), openmetrics=True))) == plain([family])
    assert text(registry_of(family)) == (
        "# HELP queue Queued.\n# TYPE queue histogram\n"
        'queue_bucket{le="1.0"} 2.0\nqueue_bucket{le="+Inf"} 4.0\n'
        "# HELP queue_gcount Queued.\n# TYPE queue_gcount gauge\nqueue_gcount 4.0\n"
        "# HELP queue_gsum Queued.\n# TYPE queue_gsum gauge\nqueue_gsum 6.0\n"
    )


def test_unknown_is_untyped_in_text_and_timestamps_are_milliseconds():
    family = UnknownMetricFamily("u", "Unknown.")
    family.add_metric([], 1, timestamp=1700000000.25)
    assert text(registry_of(family)) == "# HELP u Unknown.\n# TYPE u untyped\nu 1.0 1700000000250\n"


def test_target_info_of_the_registry_is_served():
    registry = CollectorRegistry(target_info={"env": "prod"})
    assert 'target_info{env="prod"} 1.0\n' in text(registry)


def test_a_metric_s_own_label_beats_the_identity_and_is_not_doubled():
    registry = CollectorRegistry()
    Gauge("g", "d", ["service_name", "z"], registry=registry).labels("theirs", "1").set(1)
    line = text(registry, identity=IDENTITY).splitlines()[-1]
    assert line == 'g{service_name="theirs",service_version="1",deployment_environment_name="test",z="1"} 1.0'


def test_names_beyond_the_classic_characters_are_written_with_underscores():
    family = Metric("http.server-latency", "d", "gauge")
    family.add_sample("http.server-latency", {"a.b": "1", "a-b": "2", "9x": "3"}, 1)
    digits = Metric("9lives:left", "d", "gauge")
    digits.add_sample("9lives:left", {}, 9)
    lines = text(registry_of(family, digits)).splitlines()
    assert lines[2] == 'http_server_latency{a_b="2",_9x="3"} 1.0'
    assert lines[5] == "_9lives:left 9.0"


def test_labels_that_are_not_text_are_made_text():
    family = Metric("m", "d", "gauge")
    family.add_sample("m", {"a": 1, "b": None}, 2)
    assert 'm{a="1",b="None"} 2.0\n' in text(registry_of(family))


def test_a_collector_that_raises_costs_only_itself_and_one_log_line(caplog):
    class Broken(Collected):
        def collect(self) -> Iterable[Metric]:
            raise RuntimeError("out of order")

    registry = CollectorRegistry()
    Counter("before", "d", registry=registry)
    registry.register(Broken())
    Gauge("raises", "d", registry=registry).set_function(lambda: 1 / 0)
    registry.register(Collected(bad := Metric("bad", "d", "gauge"), good := Metric("good", "d", "gauge")))
    bad.add_sample("bad", {}, "not a number")
    good.add_sample("good", {}, 1)
    Counter("after", "d", registry=registry)
    for _ in range(3):
        body = text(registry)
        assert "before_total 0.0" in body and "after_total 0.0" in body and "good 1.0" in body
        assert "bad" not in body
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert any("RuntimeError: out of order" in message for message in messages)
    assert any("ZeroDivisionError" in message for message in messages)


def test_a_restricted_registry_is_served():
    registry = CollectorRegistry()
    Counter("a", "d", registry=registry)
    Counter("b", "d", registry=registry)
    assert "b_total" not in text(registry.restricted_registry(["a_total"]))


def many_series(count: int) -> CollectorRegistry:
    registry = CollectorRegistry()
    for name in ("first", "second"):
        gauge = Gauge(name, "d", ["route"], registry=registry)
        for number in range(count // 2):
            gauge.labels(f"/a/rather/long/route/{number}").set(number)
    return registry


def test_it_comes_in_slices():
    slices = list(render(many_series(4000), identity=IDENTITY))
    assert len(slices) > 3
    assert max(map(len, slices)) < 70_000
    assert b"".join(slices).count(b"\n") == 4004


def test_beside_busy_threads_a_scrape_ends_in_time():
    registry = many_series(4000)
    stop = threading.Event()

    def burn() -> None:
        while not stop.is_set():
            sum(range(1000))

    threads = [threading.Thread(target=burn) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        begun = time.monotonic()
        body = text(registry, identity=IDENTITY)
        took_s = time.monotonic() - begun
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert body.count("\n") == 4004
    assert took_s < 8


@settings(deadline=None, max_examples=15)
@given(registries())
def test_promtool_can_read_it(registry):
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text(registry, identity=IDENTITY).encode(),
        capture_output=True,
        timeout=30,
    )
    # 3: it was read, and names of this test's metrics break a naming rule; 1: it could not be read.
    assert checked.returncode in (0, 3), checked.stderr


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1.0, "1.0"),
        (1e-7, "0.000000100"),
        (5, "5"),
        (1700000000.123, "1700000000.123"),
        (Timestamp(2, 5), "2.000000005"),
    ],
)
def test_openmetrics_timestamps_are_seconds_without_an_exponent(timestamp, expected):
    gauge = Metric("g", "d", "gauge")
    gauge.add_sample("g", {}, 1, timestamp)
    assert f"g 1.0 {expected}\n" in text(registry_of(gauge), openmetrics=True)


@pytest.mark.parametrize("labels", [(), ("route", "le_x")])
@pytest.mark.parametrize("bounds", [(0.005, 0.5, 1e7), (-1.0, 0.0, 2.5)])
@pytest.mark.parametrize("openmetrics", [False, True])
def test_histograms_from_their_numbers_are_those_from_their_samples(labels, bounds, openmetrics, monkeypatch):
    registry = CollectorRegistry()
    histogram = Histogram("took", "How long.", labels, unit="seconds", buckets=bounds, registry=registry)
    for value in (-2.0, 0.0, 0.004, 0.5, 3.0, 1e8, math.inf):
        child = histogram.labels(f'/a "b" {value > 1}', "x\\y") if labels else histogram
        child.observe(value, {"trace_id": "ab"} if value > 0 else None)
    fast = [text(registry, openmetrics=openmetrics) for _ in range(2)]
    monkeypatch.setattr(exposition._LiveFamily, "histograms", lambda family: None)
    assert fast == [text(registry, openmetrics=openmetrics)] * 2


def test_histograms_without_creation_times(monkeypatch):
    registry = CollectorRegistry()
    Histogram("took", "How long.", registry=registry)
    monkeypatch.setattr(prometheus_client.metrics, "_use_created", False)
    assert "_created" not in text(registry, openmetrics=True)
