"""The alerts, judged by promtool with the tests that are generated with them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spanwise.settings import resolve
from spanwise_dashboards.alerts import ABSENT, BURN, FEWEST_BAD_EVENTS, alerts
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.checks import check_expression
from spanwise_dashboards.output import write
from spanwise_dashboards.settings import SETTINGS
from spanwise_dashboards.tree import generate

Promtool = Callable[..., subprocess.CompletedProcess[str]]
TESTS = "prometheus/tests/spanwise_test.yml"
RULES = "prometheus/rules/spanwise.yml"


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    write(generate(resolve(SETTINGS, environ={})), tmp_path)
    return tmp_path


def test_promtool_runs_the_generated_tests(promtool: Promtool, generated: Path) -> None:
    """At 14.4 times the burn rate it fires, at 14.3 it does not, and it ends when the burning does; the others
    alike."""
    tested = promtool("test", "rules", generated / TESTS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_test_in_which_it_fires(generated: Path) -> None:
    document = yaml.safe_load((generated / TESTS).read_text())
    fired = [
        check["expr"]
        for case in document["tests"]
        for check in case["promql_expr_test"]
        if check["exp_samples"] and "ALERTS" in check["expr"]
    ]
    for alert in alerts():
        window = dict(alert.labels).get("long_window", "")
        assert any(alert.name in expr and window in expr for expr in fired), alert.name
    names = [case["name"] for case in document["tests"]]
    assert {"budget burn over 1h: at 14.4x", "budget burn over 1h: not at 14.3x"} <= set(names)
    assert {"a ratio over services is weighted by traffic", "a service without errors records zero"} <= set(names)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (">= 14.4 ", ">= 14.5 "),
        (">= 14.4 ", ">= 14.3 "),
        (f">= {FEWEST_BAD_EVENTS}\n", ">= 1\n"),
        ("for: 2m", "for: 20m"),
        (" == 0\n", " == 1\n"),
        (" unless ", " and "),
        ("burns {{ $value", "burnt {{ $value"),
        (
            " or 0 * sum by (deployment_environment_name, service_name) (rate(http_server",
            " or 1 * sum by (deployment_environment_name, service_name) (rate(http_server",
        ),
        (
            " or 0 * sum by (deployment_environment_name, service_name, slo)",
            " or 1 * sum by (deployment_environment_name, service_name, slo)",
        ),
    ],
)
def test_the_generated_tests_notice_a_wrong_rule(promtool: Promtool, generated: Path, old: str, new: str) -> None:
    path = generated / RULES
    text = path.read_text()
    assert old in text
    quick = yaml.safe_load((generated / TESTS).read_text())
    # The rows of hours take seconds each; what is broken here, the others notice.
    quick["tests"] = [case for case in quick["tests"] if "budget burn" not in case["name"] or "over 1h" in case["name"]]
    (generated / TESTS).write_text(yaml.safe_dump(quick))
    assert promtool("test", "rules", generated / TESTS).returncode == 0
    path.write_text(text.replace(old, new))
    assert promtool("test", "rules", generated / TESTS).returncode != 0


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: f"{alert.name}-{'-'.join(v for _, v in alert.labels)}")
def test_an_alert_says_what_to_do_and_where_to_look(alert: Any) -> None:
    rule = alert.to_json("http://grafana:3000")
    assert rule["for"] and rule["labels"]["severity"] in ("page", "ticket")
    annotations = rule["annotations"]
    assert len(annotations["runbook"]) > 100
    assert all(annotations[key] for key in ("summary", "description"))
    uid = annotations["dashboard"].removeprefix("http://grafana:3000/d/").partition("?")[0]
    assert uid in {board.uid for board in all_boards()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.expr[:60])
def test_an_alert_reads_only_what_is_known_and_is_silent_while_all_is_well(prometheus: Any, alert: Any) -> None:
    assert check_expression(alert.expr) == []
    healthy = {"gateway", "catalog", "worker", "traces"}
    assert prometheus.kinds.keys() == healthy
    if alert.name in (BURN, ABSENT):
        assert prometheus.query(alert.expr) == []
    else:
        prometheus.query(alert.expr)  # evaluates; the synthetic fleet loses spans and has half its limits used
