from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from spanwise.admin.histograms import Buckets
from spanwise.admin.series import histograms

INF = math.inf


@pytest.mark.parametrize(
    ("cumulative", "share", "expected"),
    [
        ({}, 0.5, math.nan),
        ({1.0: 0, INF: 0}, 0.5, math.nan),
        ({1.0: 10, INF: 10}, 0.5, 0.5),
        ({1.0: 10, 2.0: 20, INF: 20}, 0.5, 1.0),
        ({1.0: 10, 2.0: 20, INF: 20}, 0.75, 1.5),
        ({1.0: 0, 2.0: 20, INF: 20}, 0.0, 1.0),
        ({1.0: 10, INF: 20}, 0.99, 1.0),
        ({-1.0: 10, 1.0: 20, INF: 20}, 0.25, -1.0),
        ({INF: 5}, 0.5, 0.0),
    ],
)
def test_quantiles_as_prometheus_has_them(cumulative, share, expected):
    assert Buckets(cumulative).quantile(share) == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.floats(0.0, 9.9), min_size=1, max_size=50), st.floats(0.01, 1.0))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values, share):
    registry = CollectorRegistry()
    histogram = Histogram("h", "h", registry=registry, buckets=(1.0, 2.5, 5.0, 10.0))
    for value in values:
        histogram.observe(value)
    [(labels, buckets)] = histograms(next(iter(registry.collect())))
    true = sorted(values)[math.ceil(share * len(values) - 1e-9) - 1]
    bounds = [0.0, 1.0, 2.5, 5.0, 10.0]
    index = next(index for index, bound in enumerate(bounds[1:]) if true <= bound)
    assert bounds[index] - 1e-6 <= buckets.quantile(share) <= bounds[index + 1] + 1e-6
    assert labels == {}
    assert (buckets.count, buckets.average) == (len(values), pytest.approx(sum(values) / len(values)))


def test_series_of_one_metric_join():
    total = Buckets()
    assert math.isnan(total.average)
    total.add(Buckets({1.0: 1, INF: 2}, 2, 5.0))
    total.add(Buckets({1.0: 3, INF: 3}, 3, 1.0))
    assert total == Buckets({1.0: 4, INF: 5}, 5, 6.0)
