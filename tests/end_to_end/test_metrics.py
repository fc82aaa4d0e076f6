"""What Prometheus finds, scrapes and records, and that every generated query finds data in it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from spanwise.standard import METRICS, ServiceKind
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.rules import recording_rules
from spanwise_dashboards.variables import fill_variables

Kinds = dict[str, frozenset[ServiceKind]]
Question = tuple[str, str]  # which query, about which service ("" for all of them at once)

RATE_INTERVAL = "30s"
RANGE = "1m"
WAIT_S = 45
# The queries that return nothing although the standard says that the service has the metric, and why.
EMPTY: dict[Question, str] = {}


def services_with(kind: ServiceKind, kinds: Kinds) -> set[str]:
    return {service for service, has in kinds.items() if kind in has}


def panel_questions(kinds: Kinds) -> Iterator[tuple[Question, str, set[str]]]:
    """Each query of each panel as it must be asked: its name, PromQL, and the services that must be in the answer."""
    for board in all_boards():
        for panel in board.panels:
            for query in panel.queries:
                name = f"{board.uid}/{panel.key}/{query.ref_id}"
                needed = services_with(query.needs, kinds)
                if "$service_name" not in query.expr:
                    filled = fill_variables(query.expr, rate_interval=RATE_INTERVAL, range=RANGE)
                    yield (name, ""), filled, needed if "service_name" in query.labels else set()
                    continue
                for service in sorted(needed):
                    filled = fill_variables(query.expr, rate_interval=RATE_INTERVAL, range=RANGE, service_name=service)
                    yield (name, service), filled, {service} if "service_name" in query.labels else set()


def rule_questions(kinds: Kinds) -> Iterator[tuple[Question, str, set[str]]]:
    for rule in recording_rules():
        yield (rule.record, ""), rule.record, services_with(rule.needs, kinds)


def without_data(stack: Any, questions: list[tuple[Question, str, set[str]]]) -> dict[Question, str]:
    """Those that return nothing, or nothing about a service that must be in the answer, with the query."""
    empty: dict[Question, str] = {}
    for (name, service), promql, needed in questions:
        series = stack.series(promql)
        missing = needed - {labels.get("service_name", "") for labels in series}
        if not series and not needed:
            empty[name, service] = promql
        for one in missing:
            empty[name, one] = promql
    return empty


def settle(stack: Any, questions: list[tuple[Question, str, set[str]]]) -> dict[Question, str]:
    """What stays empty, `EMPTY` aside, although there was time for every route to be asked and scraped twice."""
    until = time.monotonic() + WAIT_S
    while True:
        empty = without_data(stack, questions)
        unexpected = {question: promql for question, promql in empty.items() if question not in EMPTY}
        if not unexpected or time.monotonic() > until:
            return unexpected
        time.sleep(1)


def test_prometheus_finds_the_store_by_the_registry_and_the_others_by_name(
    stack: Any, plain_admin_port: int, wait_until: Callable[..., None]
) -> None:
    def up() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for target in stack.ask_prometheus("targets", state="active")["activeTargets"]:
            if target["health"] == "up":
                found.setdefault(target["labels"]["job"], set()).add(target["labels"].get("service_name", ""))
        return found

    store = {"gateway", "catalog", "orders", "payments", "recommendations"}
    wait_until(lambda: store <= up().get("spanwise", set()), 30, f"not all are scraped: {up()}")
    # The static ones carry their names on every line; as a target Prometheus knows them by address alone.
    wait_until(lambda: {"spanwise-static", "spanwise-collector"} <= set(up()), 30, f"not all are scraped: {up()}")
    for selector, service in (("job='spanwise-static'", "plain"), ("job='spanwise-collector'", "spanwise-collector")):
        names = {labels["service_name"] for labels in stack.series(f"target_info{{{selector}}}")}
        assert names == {service}


def test_each_process_has_one_identity_and_no_label_was_renamed(stack: Any, kinds: Kinds) -> None:
    """`exported_...` is what Prometheus makes of a label that a scrape and a target both want."""
    identities = stack.series("count by (service_name) (target_info)")
    assert {labels["service_name"] for labels in identities} >= set(kinds)
    assert stack.series('{exported_service_name!=""}') == []
    assert stack.series('{exported_instance!=""}') == []


def test_each_process_is_scraped_once(stack: Any) -> None:
    """Whoever is scraped twice counts double in every sum."""
    assert stack.series("count by (service_name) (target_info) > 1") == []


def metric_questions(kinds: Kinds) -> Iterator[tuple[Question, str, set[str]]]:
    for metric in METRICS:
        if not services_with(metric.had_by, kinds):
            continue  # nobody in the demo runs tasks, for example
        promql = f"count by (service_name) ({{__name__=~'{'|'.join(metric.series)}'}})"
        yield (metric.name, ""), promql, services_with(metric.had_by, kinds)


def test_each_metric_of_the_standard_is_there_for_whoever_must_have_it(stack: Any, kinds: Kinds) -> None:
    assert settle(stack, list(metric_questions(kinds))) == {}


def test_what_is_listed_as_empty_is_empty(stack: Any, kinds: Kinds) -> None:
    """So that the list does not outlive its reasons."""
    questions = [*metric_questions(kinds), *panel_questions(kinds), *rule_questions(kinds)]
    assert set(EMPTY) <= set(without_data(stack, questions))


def test_each_panel_has_data_for_whoever_must_have_it(stack: Any, kinds: Kinds) -> None:
    questions = list(panel_questions(kinds))
    assert len(questions) > 100
    assert settle(stack, questions) == {}


def test_each_recording_rule_has_data_for_whoever_must_have_it(stack: Any, kinds: Kinds) -> None:
    assert settle(stack, list(rule_questions(kinds))) == {}


def test_a_services_own_metrics_and_objectives_are_there(stack: Any, wait_until: Callable[..., None]) -> None:
    wait_until(lambda: stack.series('orders_placed_total{service_name="orders"} > 0'), 30, "no order was counted")
    objectives = {(labels["service_name"], labels["slo"]) for labels in stack.series("slo_objective_ratio")}
    assert ("orders", "checkout-latency") in objectives
    assert ("gateway", "availability") in objectives


def test_the_trace_of_each_exemplar_opens_in_the_collector(stack: Any, wait_until: Callable[..., None]) -> None:
    def exemplars() -> set[tuple[str, str]]:
        now = time.time()
        found = stack.ask_prometheus(
            "query_exemplars",
            query="http_server_request_duration_seconds_bucket",
            start=now - 300,
            end=now - 3,  # the spans of a request are stored within a second or two of its exemplar
        )
        return {
            (one["seriesLabels"]["service_name"], exemplar["labels"]["trace_id"])
            for one in found
            for exemplar in one["exemplars"]
        }

    store = {"gateway", "catalog", "orders", "payments", "recommendations"}
    wait_until(lambda: store <= {service for service, _ in exemplars()}, 30, "not every service has exemplars")
    looked_at = sorted(exemplars())[:: max(1, len(exemplars()) // 40)]
    for service, trace_id in looked_at:
        spans = stack.trace(trace_id)
        assert any(span["service"] == service for span in spans), (service, trace_id)
        assert requests.get(f"{stack.collector}/trace/{trace_id}", timeout=5).status_code == 200


@pytest.mark.parametrize(
    "arguments", [("check", "config", "prometheus/prometheus.yml"), ("check", "rules", "prometheus/rules/spanwise.yml")]
)
def test_promtool_accepts_what_the_demo_generated(stack: Any, arguments: tuple[str, ...]) -> None:
    binary = shutil.which("promtool")
    assert binary is not None, "promtool comes with Debian's package prometheus"
    *command, path = arguments
    checked = subprocess.run(
        (binary, *command, str(stack.folder / "dashboards" / path)), capture_output=True, text=True, timeout=30
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
