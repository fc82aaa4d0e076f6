"""OpenSLO files become the same records that declared SLOs have; what cannot be used is one clear line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spanwise.command import main
from spanwise.settings import resolve
from spanwise_dashboards import openslo, slo
from spanwise_dashboards.settings import SETTINGS
from spanwise_dashboards.tree import generate

Promtool = Callable[..., subprocess.CompletedProcess[str]]


def source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def document(**spec: Any) -> dict[str, Any]:
    ratio = {"counter": True, "good": source('shop_total{code="200"}'), "total": source("shop_total")}
    whole: dict[str, Any] = {
        "service": "shop",
        "indicator": {"metadata": {"name": "ok"}, "spec": {"ratioMetric": ratio}},
        "timeWindow": [{"duration": "30d", "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"target": 0.999}],
    }
    metadata = {"name": "availability", "labels": {"environment": "prod"}}
    return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": metadata, "spec": {**whole, **spec}}


def file(tmp_path: Path, *documents: Any) -> str:
    path = tmp_path / "slo.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    return str(path)


def test_its_budget_burns_like_any_other(promtool: Promtool, tmp_path: Path) -> None:
    """One request in a hundred fails where one in a thousand may: ten times too fast."""
    tree = generate(resolve(SETTINGS, {"SPANWISE_OPENSLO": file(tmp_path, document())}, environ={}))
    (tmp_path / "rules.yml").write_text(tree["prometheus/rules/spanwise.yml"])
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yml").returncode == 0
    labels = '{deployment_environment_name="prod", service_name="shop", slo="availability"}'
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": 'shop_total{code="200"}', "values": "0+990x60"},
                    {"series": 'shop_total{code="500"}', "values": "0+10x60"},
                ],
                "promql_expr_test": [
                    {
                        "expr": f"round({slo.burn_rate(window)}, 0.01)",
                        "eval_time": "50m",
                        "exp_samples": [{"labels": labels, "value": 10}],
                    }
                    for window in (*slo.WINDOWS, slo.PERIOD)
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    tested = promtool("test", "rules", tmp_path / "test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_an_expression_with_a_window_is_taken_as_it_is(tmp_path: Path) -> None:
    ratio = {"bad": source("rate(b[{{.window}}])"), "total": source("rate(t[{{ .window }}])")}
    spec = document(indicator={"spec": {"ratioMetric": ratio}}, objectives=[{"targetPercent": 99.9}])
    (group,) = openslo.load([file(tmp_path, spec)])
    exprs = {rule.record: rule.expr for rule in group.rules}
    assert exprs[slo.OBJECTIVE] == "vector(0.999)"
    assert exprs[slo.events("5m")] == "sum(rate(t[5m]))"
    assert exprs[slo.bad_events("3d")] == "clamp_min(sum(rate(b[3d])), 0) or 0 * sum(rate(t[3d]))"


def test_other_kinds_in_the_file_are_left_alone(tmp_path: Path) -> None:
    service = {"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "shop"}}
    assert len(openslo.load([file(tmp_path, service, document())])) == 1


THRESHOLD = {"spec": {"thresholdMetric": source("x")}}
UNWINDOWED = {"spec": {"ratioMetric": {"good": source("a"), "total": source("b")}}}
ELSEWHERE = {
    "spec": {"ratioMetric": {"counter": True, "total": {"metricSource": {"type": "Datadog", "spec": {"query": "q"}}}}}
}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "is not an OpenSLO file"),
        ({"apiVersion": "v2"}, "'v2' is not openslo/v1"),
        (document(service=""), "spec.service is ''"),
        (document(objectives=[]), "has 0 objectives"),
        (document(objectives=[{"target": 99.9}]), "no target between 0 and 1"),
        (document(objectives=[{"target": "high"}]), "no target between 0 and 1"),
        (document(budgetingMethod="Timeslices"), "'Timeslices' is not Occurrences"),
        (document(timeWindow=[{"duration": "1w", "isRolling": True}]), "is not rolling with one of"),
        (document(indicator=THRESHOLD), "must have total and one of good and bad"),
        (document(indicator=UNWINDOWED), "has no {{.window}}"),
        (document(indicator=ELSEWHERE), "only Prometheus"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, given: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(tmp_path, given)
    assert main(["dashboards", "generate", "--out", str(tmp_path / "out"), "--openslo", path]) == 2
    error = capsys.readouterr().err
    assert path in error and message in error and len(error.splitlines()) == 1


def test_two_of_one_name_and_no_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(openslo.OpenSloError, match="is there twice"):
        openslo.load([file(tmp_path, document(), document())])
    assert main(["dashboards", "generate", "--out", str(tmp_path), "--openslo", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(openslo.OpenSloError, match="is not YAML"):
        openslo.load([str(tmp_path / "bad.yaml")])
