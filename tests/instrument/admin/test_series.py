from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.core import GaugeHistogramMetricFamily

from spanwise import standard
from spanwise.admin.series import flat, series_name


def test_label_values_stand_in_the_standard_s_order_and_slashes_are_escaped():
    labels = {"http_route": "/a/b", "http_request_method": "GET", "more": "x"}
    order = standard.HTTP_SERVER_REQUEST_DURATION.labels
    assert series_name("m", labels, order) == "m/GET/%2Fa%2Fb/x"
    assert series_name("m", {}, order) == "m"
    assert series_name("m", {"b": "", "a": "1"}) == "m//1"


def test_a_histogram_has_twitter_server_s_suffixes(registry):
    numbers = flat(registry, standard.METRICS)
    name = "http_server_request_duration_seconds/GET/%2Forders%2F{id}/200"
    assert {key for key in numbers if key.startswith(name)} == {
        f"{name}{suffix}" for suffix in (".count", ".sum", ".avg", ".p50", ".p90", ".p95", ".p99", ".p9990", ".p9999")
    }
    assert numbers[f"{name}.count"] == 9
    assert isinstance(numbers[f"{name}.count"], int)
    assert 0.01 < numbers[f"{name}.p50"] < 0.025


def test_other_kinds_and_what_is_left_out():
    registry = CollectorRegistry()
    Counter("c", "c", ["a"], registry=registry).labels("x/y").inc(2)
    Gauge("nan", "n", registry=registry).set(math.nan)
    Gauge("infinite", "n", registry=registry).set(math.inf)
    Gauge("half", "h", registry=registry).set(0.5)
    Gauge("huge", "h", registry=registry).set(2.0**60)
    Summary("s", "s", registry=registry).observe(4)
    assert flat(registry, ()) == {"c_total/x%2Fy": 2, "half": 0.5, "huge": 2.0**60, "s.count": 1, "s.sum": 4}
    assert isinstance(flat(registry, ())["huge"], float)


def test_a_gauge_histogram_counts_too():
    class Collector:
        def collect(self):
            return [GaugeHistogramMetricFamily("g", "g", buckets=[("1.0", 2), ("+Inf", 4)], gsum_value=6)]

        def describe(self):
            return []

    registry = CollectorRegistry()
    registry.register(Collector())
    numbers = flat(registry, ())
    assert (numbers["g.sum"], numbers["g.p50"]) == (6, 1.0)


def test_an_empty_histogram_has_no_percentiles(registry):
    row = standard.HTTP_CLIENT_REQUEST_DURATION
    Histogram(row.name, "d", row.labels, registry=registry).labels("GET", "a", "80", "200", "")
    numbers = flat(registry, standard.METRICS)
    mine = {key: value for key, value in numbers.items() if key.startswith(row.name)}
    assert mine == {f"{row.name}/GET/a/80/200/.count": 0, f"{row.name}/GET/a/80/200/.sum": 0}
