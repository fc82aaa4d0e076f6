"""The recording rules, judged by promtool and by the synthetic services on a real Prometheus."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spanwise.settings import resolve
from spanwise.standard import BY_SERIES
from spanwise_dashboards.alerts import alerts
from spanwise_dashboards.checks import check_expression
from spanwise_dashboards.rules import RecordingRule, recording_rules
from spanwise_dashboards.settings import SETTINGS
from spanwise_dashboards.tree import generate

Promtool = Callable[..., subprocess.CompletedProcess[str]]
COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"


@pytest.fixture
def rule_file(tmp_path: Path) -> Path:
    path = tmp_path / "spanwise.yml"
    path.write_text(generate(resolve(SETTINGS, environ={}))["prometheus/rules/spanwise.yml"])
    return path


def test_promtool_accepts_the_rules(promtool: Promtool, rule_file: Path) -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", rule_file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"SUCCESS: {len(recording_rules()) + len(alerts())} rules found" in checked.stdout


def test_promtool_refuses_a_broken_rule(promtool: Promtool, rule_file: Path) -> None:
    rule_file.write_text(rule_file.read_text().replace("histogram_quantile(", "histogram_quantil("))
    assert promtool("check", "rules", rule_file).returncode != 0


@pytest.mark.parametrize("rule", recording_rules(), ids=lambda rule: rule.record)
def test_a_rule_reads_only_what_the_standard_has(rule: RecordingRule) -> None:
    assert check_expression(rule.expr) == []


@pytest.mark.parametrize("rule", recording_rules(), ids=lambda rule: rule.record)
def test_a_rule_has_data_for_the_services_of_its_kind_alone(prometheus: Any, rule: RecordingRule) -> None:
    expected = {name for name, has in prometheus.kinds.items() if rule.needs in has}
    series = prometheus.query(rule.expr)
    assert {one["metric"]["service_name"] for one in series} == expected
    assert all(set(one["metric"]) <= set(rule.labels) for one in series)


def test_a_rule_is_named_by_level_metric_and_operation() -> None:
    names = [rule.record for rule in recording_rules()]
    assert len(set(names)) == len(names)
    for name in names:
        level, metric, operation = name.split(":")
        assert level in {"service", "service_server", "slo"}
        assert metric and ("rate" in operation or operation in {"ratio", "remaining_ratio"})
        assert name not in BY_SERIES


def labels(service: str, **more: str) -> str:
    every = {"deployment_environment_name": "prod", "service_name": service, **more}
    return "{" + ", ".join(f'{key}="{value}"' for key, value in every.items()) + "}"


def series(name: str, service: str, per_minute: int, **more: str) -> dict[str, str]:
    """A counter that grows evenly from 0 for an hour, as promtool writes it."""
    return {"series": name + labels(service, **more), "values": f"0+{per_minute}x60"}


def expects(expr: str, value: float | None, **wanted: str) -> dict[str, Any]:
    samples = [] if value is None else [{"labels": labels("", **wanted) if wanted else "{}", "value": value}]
    return {"expr": expr, "eval_time": "30m", "exp_samples": samples}


def passes(promtool: Promtool, rule_file: Path, inputs: list[dict[str, str]], cases: list[dict[str, Any]]) -> None:
    document = {
        "rule_files": [rule_file.name],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": inputs, "promql_expr_test": cases}],
    }
    path = rule_file.parent / "test.yml"
    path.write_text(yaml.safe_dump(document))
    tested = promtool("test", "rules", path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def ratio_of(service: str) -> str:
    """The recorded error ratio as one number, rounded to what can be written down."""
    return f'round(sum(service:http_server_errors:ratio_rate5m{{service_name="{service}"}}), 0.0001)'


def test_a_ratio_over_routes_is_weighted_by_traffic(promtool: Promtool, rule_file: Path) -> None:
    """A small route that fails half the time beside a big one that never does: 60 of 6120, not 25 %."""
    inputs = [
        series(COUNT, "a", 60, http_route="/small", http_response_status_code="200"),
        series(COUNT, "a", 60, http_route="/small", http_response_status_code="503"),
        series(COUNT, "a", 6000, http_route="/big", http_response_status_code="200"),
    ]
    passes(promtool, rule_file, inputs, [expects(ratio_of("a"), 0.0098)])


def test_the_fleets_ratio_is_weighted_by_traffic(promtool: Promtool, rule_file: Path) -> None:
    inputs = [
        series(COUNT, "a", 60, http_response_status_code="200"),
        series(COUNT, "a", 60, http_response_status_code="500"),
        series(COUNT, "b", 6000, http_response_status_code="200"),
    ]
    fleet = "sum(service:http_server_errors:rate5m) / sum(service:http_server_requests:rate5m)"
    average = "avg(service:http_server_errors:ratio_rate5m)"
    cases = [expects(f"round({fleet}, 0.0001)", 0.0098), expects(f"round({average}, 0.01)", 0.25)]
    passes(promtool, rule_file, inputs, cases)


def test_a_service_without_errors_records_zero(promtool: Promtool, rule_file: Path) -> None:
    inputs = [series(COUNT, "quiet", 60, http_response_status_code="200")]
    errors = 'sum(service:http_server_errors:rate5m{service_name="quiet"})'
    passes(promtool, rule_file, inputs, [expects(ratio_of("quiet"), 0), expects(errors, 0)])


def test_a_callers_fault_is_no_error_of_the_service(promtool: Promtool, rule_file: Path) -> None:
    inputs = [
        series(COUNT, "a", 60, http_response_status_code="200"),
        series(COUNT, "a", 60, http_response_status_code="404"),
    ]
    passes(promtool, rule_file, inputs, [expects(ratio_of("a"), 0)])


def test_a_service_without_requests_has_no_ratio_and_no_quantile(promtool: Promtool, rule_file: Path) -> None:
    """0/0 would be NaN, and NaN in one service makes NaN of every sum."""
    inputs = [
        series(COUNT, "idle", 0, http_response_status_code="200"),
        series(BUCKET, "idle", 0, le="0.1", http_response_status_code="200"),
        series(BUCKET, "idle", 0, le="+Inf", http_response_status_code="200"),
    ]
    cases = [
        expects("service:http_server_errors:ratio_rate5m", None),
        expects("service:http_server_request_duration_seconds:p99_rate5m", None),
        expects("sum(service:http_server_requests:rate5m)", 0),
    ]
    passes(promtool, rule_file, inputs, cases)


def test_a_quantile_comes_from_summed_buckets(promtool: Promtool, rule_file: Path) -> None:
    """990 fast requests on one route, 10 slow on another: the median is fast, whatever the average of medians is."""
    inputs = [
        series(BUCKET, "a", 990, le="0.1", http_route="/fast"),
        series(BUCKET, "a", 990, le="1", http_route="/fast"),
        series(BUCKET, "a", 990, le="+Inf", http_route="/fast"),
        series(BUCKET, "a", 0, le="0.1", http_route="/slow"),
        series(BUCKET, "a", 10, le="1", http_route="/slow"),
        series(BUCKET, "a", 10, le="+Inf", http_route="/slow"),
    ]
    median = "sum(service:http_server_request_duration_seconds:p50_rate5m)"
    high = "sum(service:http_server_request_duration_seconds:p99_rate5m)"
    cases = [expects(f"round({median}, 0.001)", 0.051), expects(f"round({high}, 0.001)", 0.1)]
    passes(promtool, rule_file, inputs, cases)


def test_environments_are_kept_apart(promtool: Promtool, rule_file: Path) -> None:
    test = series(COUNT, "a", 60, http_response_status_code="500")
    test["series"] = test["series"].replace('"prod"', '"test"')
    inputs = [series(COUNT, "a", 60, http_response_status_code="200"), test]
    in_prod = 'sum(service:http_server_errors:ratio_rate5m{deployment_environment_name="prod"})'
    passes(promtool, rule_file, inputs, [expects(in_prod, 0)])


def test_promtool_tells_a_wrong_expectation(promtool: Promtool, rule_file: Path) -> None:
    inputs = [series(COUNT, "quiet", 60, http_response_status_code="200")]
    with pytest.raises(AssertionError, match="exp"):
        passes(promtool, rule_file, inputs, [expects(ratio_of("quiet"), 0.5)])
