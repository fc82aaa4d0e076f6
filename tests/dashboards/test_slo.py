"""Burn rates and budgets: exact factors, sums over sums, and a whole period of history."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from spanwise.settings import resolve
from spanwise_dashboards import slo
from spanwise_dashboards.settings import SETTINGS
from spanwise_dashboards.tree import generate

Promtool = Callable[..., subprocess.CompletedProcess[str]]
DAY_S = 86_400
STEP_S = 300
END_S = 1_760_000_400 // 600 * 600


def test_a_factor_is_an_exact_decimal() -> None:
    assert [f"{row.factor:f}" for row in slo.BURN_ROWS] == ["14.4", "6", "3", "1"]
    assert slo.BURN_ROWS[0].factor == Decimal("14.4")


@pytest.mark.parametrize(
    ("objective", "budget"), [("0.999", 0.001), ("0.9995", 0.0005), ("0.9", 0.1), ("0.99999", 1e-5)]
)
def test_a_budget_is_an_exact_decimal(prometheus: Any, objective: str, budget: float) -> None:
    expr = dict(slo.fast_rules())[slo.BUDGET].text.replace(slo.OBJECTIVE, f"vector({objective})")
    (series,) = prometheus.query(expr)
    assert float(series["value"][1]) == budget
    (plain,) = prometheus.query("1 - vector(0.999)")
    assert float(plain["value"][1]) != 0.001


def test_windows_are_read() -> None:
    assert [slo.seconds(window) for window in ("5m", "1h", "3d")] == [300, 3600, 3 * DAY_S]


def history() -> list[str]:
    """Thirty days: 29 quiet ones with few events, half of them bad, and a busy day in between with none.

    9,000 events with 4,500 bad ones in 29 days and 8,991,000 good ones in one: 0.05 % bad, half of the budget of 99.9
    %.
    """
    lines = ["# TYPE slo_objective_ratio gauge"]
    identity = 'deployment_environment_name="test",service_name="checkout",instance="a:1",slo="availability"'
    ticks = [END_S - 30 * DAY_S + tick * STEP_S for tick in range(30 * DAY_S // STEP_S + 1)]
    lines += [f"slo_objective_ratio{{{identity}}} 0.999 {at}" for at in ticks]
    lines.append("# TYPE slo_events counter")
    for outcome in ("good", "bad"):
        count = 0.0
        for at in ticks:
            busy = 10 <= (at - ticks[0]) // DAY_S < 11
            if busy and outcome == "good":
                count += 8_991_000 * STEP_S / DAY_S
            if not busy:
                count += 4_500 * STEP_S / (29 * DAY_S)
            lines.append(f'slo_events_total{{{identity},outcome="{outcome}"}} {count:.6f} {at}')
    return lines


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "spanwise.yml"
    path.write_text(generate(resolve(SETTINGS, environ={}))["prometheus/rules/spanwise.yml"])
    return path


def backfill(promtool: Promtool, data: Path, lines: list[str]) -> None:
    path = data.parent / "history.om"
    path.write_text("\n".join([*lines, "# EOF", ""]))
    filled = promtool("tsdb", "create-blocks-from", "--max-block-duration=720h", "openmetrics", path, data)
    assert filled.returncode == 0, filled.stderr


def recorded(server: Any, record: str, expr: str) -> Iterator[str]:
    """What Prometheus records of `expr` in thirty days, every ten minutes, as OpenMetrics."""
    yield f"# TYPE {record} gauge"
    for series in server.query_range(expr, seconds=30 * DAY_S, step=600, end=END_S):
        labels = ",".join(f'{key}="{value}"' for key, value in series["metric"].items())
        yield from (f"{record}{{{labels}}} {value} {at}" for at, value in series["values"])


def test_a_budget_of_thirty_days_is_weighted_by_traffic(
    promtool: Promtool, start_prometheus: Any, tmp_path: Path
) -> None:
    """On thirty days of back-filled events: half the budget is left, although nearly every day spent it many times."""
    data = tmp_path / "data"
    backfill(promtool, data, history())
    rules = dict([*slo.fast_rules(), *slo.slow_rules()])
    lines = []
    with start_prometheus(data, tmp_path) as server:
        for record in (slo.OBJECTIVE, slo.events("2h"), slo.bad_events("2h")):
            lines += recorded(server, record, rules[record].text)
        lines += recorded(server, slo.BUDGET, rules[slo.BUDGET].text.replace(slo.OBJECTIVE, rules[slo.OBJECTIVE].text))
    backfill(promtool, data, lines)
    with start_prometheus(data, tmp_path) as server:
        (burned,) = server.query(rules[slo.burn_rate(slo.PERIOD)].text, at=END_S)
        (daily,) = server.query(f"avg_over_time((({slo.bad_events('2h')} / {slo.events('2h')}))[30d:2h])", at=END_S)
    assert float(burned["value"][1]) == pytest.approx(0.5, rel=0.01)
    assert float(daily["value"][1]) > 0.4, "an average of ratios would say that the budget is spent 400 times"
    assert burned["metric"]["slo"] == "availability"


def test_a_service_without_a_bad_event_has_its_whole_budget(promtool: Promtool, rules: Path) -> None:
    labels = 'deployment_environment_name="test", service_name="a", slo="s"'
    document = {
        "rule_files": [rules.name],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f"slo_objective_ratio{{{labels}}}", "values": "0.99x60"},
                    {"series": f'slo_events_total{{{labels}, outcome="good"}}', "values": "0+60x60"},
                ],
                "promql_expr_test": [
                    {"expr": f"sum({record})", "eval_time": "1h", "exp_samples": [{"labels": "{}", "value": value}]}
                    for record, value in ((slo.REMAINING, 1), (slo.burn_rate("5m"), 0), (slo.burn_rate("3d"), 0))
                ],
            }
        ],
    }
    path = rules.parent / "zero_test.yml"
    path.write_text(yaml.safe_dump(document))
    tested = promtool("test", "rules", path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_rules_over_hours_are_evaluated_more_rarely_but_never_too_rarely() -> None:
    for interval, slow in (("15s", "120s"), ("5s", "40s"), ("60s", "120s"), ("100ms", "800ms")):
        tree = generate(resolve(SETTINGS, {"SPANWISE_SCRAPE_INTERVAL": interval}, environ={}))
        groups = yaml.safe_load(tree["prometheus/rules/spanwise.yml"])["groups"]
        assert {group["name"]: group.get("interval") for group in groups}["spanwise_slo_long"] == slow
