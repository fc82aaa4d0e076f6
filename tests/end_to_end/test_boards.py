"""What is generated for the running demo: alerts that are silent while all is well, and boards as one sees them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from spanwise.command import main
from spanwise.standard import Kind, ServiceKind
from spanwise_dashboards import slo
from spanwise_dashboards.alerts import BURN, Alert, alerts
from spanwise_dashboards.board import Board
from spanwise_dashboards.boards import all_boards, own_boards
from spanwise_dashboards.data_sources import TRACE_KINDS
from spanwise_dashboards.discovery import discover
from spanwise_dashboards.rules import recording_rules
from tests.browser import Browser

Kinds = dict[str, frozenset[ServiceKind]]
WAIT_S = 90
# Of each row its title and the y ranges of its charts, from left to right.
ROWS = """
[...document.querySelectorAll('.preview-row')].map(row => [row.previousElementSibling.textContent,
  [...row.querySelectorAll('svg.preview-chart')].map(svg => [svg.dataset.yMin, svg.dataset.yMax].join('..'))])
"""


def untrue(stack: Any, alert: Alert) -> list[dict[str, str]]:
    """What an alert returns now, but for budgets that truly burn: a machine that is busy with other things makes the
    demo's latency objectives fail, and the alert must say so."""
    returned = stack.series(alert.expr)
    if alert.name != BURN:
        return list(returned)
    window = dict(alert.labels)["long_window"]
    row = next(one for one in slo.BURN_ROWS if one.long == window)
    events = f"sum by (service_name, slo) (increase(slo_events_total[{window}]))"
    bad = events.replace("slo_events_total", 'slo_events_total{outcome="bad"}')
    burned = f"{bad} / {events} / (1 - max by (service_name, slo) (slo_objective_ratio)) >= 0.5 * {row.factor:f}"
    burning = [(labels["service_name"], labels["slo"]) for labels in stack.series(burned)]
    return [labels for labels in returned if (labels["service_name"], labels["slo"]) not in burning]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: "-".join((alert.name, *dict(alert.labels).values())))
def test_an_alert_evaluates_and_returns_nothing_while_all_is_well(
    stack: Any, wait_until: Callable[..., None], alert: Alert
) -> None:
    wait_until(lambda: untrue(stack, alert) == [], WAIT_S, f"{alert.name} returns {untrue(stack, alert)}")


def test_prometheus_has_loaded_every_rule_and_none_fails(stack: Any, wait_until: Callable[..., None]) -> None:
    def unwell() -> list[str]:
        groups = stack.ask_prometheus("rules")["groups"]
        return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"]

    wait_until(lambda: unwell() == [], WAIT_S, f"not evaluated, or failed: {unwell()}")
    loaded = [rule["name"] for group in stack.ask_prometheus("rules")["groups"] for rule in group["rules"]]
    ours = [rule.record for rule in recording_rules()] + [alert.name for alert in alerts()]
    assert sorted(loaded) == sorted(ours)


@pytest.fixture(scope="module")
def previews(stack: Any, wait_until: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every board, drawn from the demo's Prometheus once it has data of a while."""
    wait_until(
        lambda: (
            len(stack.series("slo:error_budget:burn_rate5m")) >= 5
            and len(stack.series("count by (service_name) (service:http_server_requests:rate5m > 0)")) >= 6
        ),
        WAIT_S,
        "there was not enough to draw",
    )
    for _ in range(15):  # a few scrapes more, so that lines are lines, and the collector has queries to show
        requests.get(f"{stack.collector}/api/services", timeout=10)
        time.sleep(1)
    out = tmp_path_factory.mktemp("previews")
    address = stack.app("prometheus")
    chosen = ("--var", "service_name=gateway", "--var", "other_service_name=orders")
    assert main(["dashboards", "preview", "--prometheus", address, "--out", str(out), "--range", "2m", *chosen]) == 0
    return out


def test_the_fleet_has_a_row_for_each_service_and_equal_axes_in_all_of_them(
    previews: Path, kinds: Kinds, browser: Browser
) -> None:
    """No board knows a service by name: who registers or is scraped appears without generating again."""
    assert not [name for name in kinds if name in json.dumps(fleet_without_its_collector_link())]
    with browser.open(f"file://{previews}/spanwise-fleet.html") as tab:
        rows = dict(tab.evaluate(ROWS))
    per_service = {name: rows[name] for name in kinds}
    ranges = list(per_service.values())
    assert len(ranges) == len(kinds) and len(ranges[0]) == 3
    assert all(one == ranges[0] for one in ranges), per_service
    assert all(one.startswith("0..") and not one.endswith("..0") for one in ranges[0])


def fleet_without_its_collector_link() -> dict[str, Any]:
    board = next(board.to_json() for board in all_boards() if board.uid == "spanwise-fleet")
    return {key: value for key, value in board.items() if key != "links"}


def may_be_empty(board: Board, kinds: Kinds) -> set[str]:
    """Titles of panels about what not every service that they are drawn for has; `gateway` is what is drawn where a
    board shows one service at a time."""
    if board.uid == "spanwise-collector":
        return set()
    one_at_a_time = not next(one for one in board.variables if one.name == "service_name").multi
    every, some = frozenset.intersection(*kinds.values()), frozenset.union(*kinds.values())
    titles: set[str] = set()
    for section in board.sections:
        had = every if section.repeat else kinds["gateway"] if one_at_a_time else some
        titles |= {panel.title for panel in section.panels if any(query.needs not in had for query in panel.queries)}
        if (
            section.repeat == "route"
        ):  # one that was asked once in the time drawn has a rate of 0, and a share of nothing
            titles |= {"Errors", "Latency"}
    return titles


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.uid)
def test_every_panel_is_drawn_with_data_where_the_service_has_any(
    previews: Path, kinds: Kinds, board: Board, browser: Browser
) -> None:
    with browser.open(f"file://{previews}/{board.uid}.html") as tab:
        drawn = tab.evaluate("document.querySelectorAll('.preview-panel').length")
        empty = tab.evaluate(
            "[...document.querySelectorAll('.preview-panel')].filter(one => one.textContent.includes('No data'))"
            ".map(one => one.querySelector('h3').textContent)"
        )
        assert drawn >= len(board.panels) and tab.errors == []
    # The store runs no tasks and holds no circuit breakers; everything else has something to show.
    assert set(empty) <= may_be_empty(board, kinds)


@pytest.mark.parametrize("source", ["collector", "prometheus"])
def test_what_services_declare_is_discovered_and_gets_a_sound_board(
    stack: Any, wait_until: Callable[..., None], source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wait_until(lambda: stack.series('orders_placed_total{service_name="orders"}'), WAIT_S, "no order was counted")
    found = {one.name: one for one in discover(source, stack.collector, stack.app("prometheus"))}
    orders = found["orders"]
    placed = next(metric for metric in orders.metrics if metric.name == "orders_placed_total")
    assert placed.kind is Kind.COUNTER and placed.description
    assert orders.versions and orders.owner
    assert orders.slos == (("checkout-latency",) if source == "prometheus" else ())
    addresses = ("--collector-url", stack.collector, "--prometheus-url", stack.app("prometheus"))
    assert main(["dashboards", "check", "--services", source, *addresses]) == 0
    boards = len(all_boards()) + len(list(own_boards(found.values())))
    assert f"{boards} boards" in capsys.readouterr().err and boards > len(all_boards())


def test_a_trace_source_of_grafana_is_answered(stack: Any, wait_until: Callable[..., None]) -> None:
    """What Grafana's "Save & test" asks of each kind, with the header that it sends where there is no token."""
    text = (stack.folder / "dashboards/grafana/provisioning/datasources/spanwise.yaml").read_text()
    sources = {one["type"]: one for one in yaml.safe_load(text)["datasources"]}
    asked = {
        "jaeger": ("/api/services", "gateway"),
        "zipkin": ("/api/v2/services", "gateway"),
        "tempo": ("/api/echo", ""),
    }
    assert set(asked) == set(TRACE_KINDS)

    def answered(kind: str) -> bool:
        path, expected = asked[kind]
        answer = requests.get(sources[kind]["url"] + path, headers={"Authorization": "Bearer "}, timeout=10)
        return answer.status_code == 200 and expected in answer.text

    for kind in asked:
        wait_until(lambda kind=kind: answered(kind), WAIT_S, f"{kind} is not answered, or knows no gateway")


def test_the_search_for_a_services_newest_traces_finds_them(stack: Any, wait_until: Callable[..., None]) -> None:
    """What the panel on Service asks of the Tempo data source, asked of the collector."""
    document = next(board.to_json() for board in all_boards() if board.uid == "spanwise-service")
    (panel,) = (one for one in document["panels"] if one["title"] == "Newest traces")
    (target,) = panel["targets"]
    assert target["datasource"] == panel["datasource"] == {"type": "tempo", "uid": "${traces}"}
    asked = {"q": target["query"].replace("$service_name", "payments"), "limit": target["limit"]}

    def found() -> list[str]:
        answer = requests.get(f"{stack.collector}/api/search", params=asked, timeout=20)
        assert answer.status_code == 200, answer.text
        return [trace["traceID"] for trace in answer.json()["traces"]]

    wait_until(lambda: found(), WAIT_S, "no trace of payments was found")
    spans = stack.trace(found()[0].rjust(32, "0"))
    assert "payments" in {span["service"] for span in spans}
