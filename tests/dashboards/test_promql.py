"""Expressions know what they read, and are what they say."""

from __future__ import annotations

from typing import Any

import pytest

from spanwise import standard
from spanwise.standard import ServiceKind
from spanwise_dashboards import promql
from spanwise_dashboards.checks import check_expression
from spanwise_dashboards.promql import Scope

SERVER = standard.HTTP_SERVER_REQUEST_DURATION
CLIENT = standard.HTTP_CLIENT_REQUEST_DURATION
SCOPE = Scope(('service_name="a"',), "5m")
BY = ("service_name",)

EXPRESSIONS = [
    promql.rate(SERVER, SCOPE, BY),
    promql.rate(standard.SPANS_EXPORTED, SCOPE),
    promql.rate_or_zero(standard.SPANS_DROPPED, standard.SPANS_EXPORTED, SCOPE, BY),
    promql.ratio(SERVER, promql.SERVER_ERROR, SCOPE, BY),
    promql.ratio(CLIENT, promql.CLIENT_ERROR, SCOPE),
    promql.bucket_rate(SERVER, SCOPE, BY),
    promql.quantile(SERVER, 0.99, SCOPE, BY),
    promql.without_nan(promql.quantile(SERVER, 0.99, SCOPE)),
    promql.buckets(SERVER, SCOPE),
    promql.share_of_time(standard.PYTHON_GC_PAUSE, SCOPE, BY),
    promql.level(standard.PYTHON_THREADS, SCOPE, BY),
    promql.count(standard.TARGET_INFO, SCOPE),
    promql.count(standard.TARGET_INFO, Scope(), "service_name"),
    promql.info(standard.TARGET_INFO, SCOPE, ("instance", "spanwise_owner")),
    promql.age(standard.PROCESS_METRICS[-1], SCOPE, BY),
    promql.highest(promql.ratio(SERVER, promql.SERVER_ERROR, SCOPE, BY), at_least=0.01),
]


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=lambda expr: expr.text[:60])
def test_an_expression_is_sound_and_runs(prometheus: Any, expr: promql.Expr) -> None:
    assert check_expression(expr.text) == []
    prometheus.query(expr.text)  # a refused query fails the test


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=lambda expr: expr.text[:60])
def test_an_expression_names_every_metric_it_reads(expr: promql.Expr) -> None:
    named = {metric.name for metric in standard.METRICS if any(series in expr.text for series in metric.series)}
    assert named == {metric.name for metric in expr.metrics}


def test_who_must_have_data_follows_from_the_metrics() -> None:
    assert promql.rate(SERVER, SCOPE).needs is ServiceKind.HTTP_SERVER
    assert promql.level(standard.PYTHON_THREADS, SCOPE).needs is ServiceKind.EVERY
    both = promql.Expr("", (standard.PYTHON_THREADS, CLIENT))
    assert both.needs is ServiceKind.HTTP_CLIENT


def test_metrics_that_no_kind_of_service_has_both_of_are_refused() -> None:
    mixed = promql.Expr("", (SERVER, CLIENT))
    with pytest.raises(ValueError, match=r"no kind of service has all of http_client_.*http_server_"):
        _ = mixed.needs


def test_a_quantile_of_the_fleet_is_of_all_its_requests(prometheus: Any) -> None:
    """Two services with the same buckets: the fleet's quantile lies where each one's does."""
    scope = Scope(window="5m")
    (fleet,) = prometheus.query(promql.quantile(SERVER, 0.5, scope).text)
    each = prometheus.query(promql.quantile(SERVER, 0.5, scope, BY).text)
    assert [float(one["value"][1]) for one in each] == [pytest.approx(float(fleet["value"][1]))] * 2
