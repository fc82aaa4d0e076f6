"""traces_spanmetrics_* and traces_service_graph_*: named as Grafana asks for them, counted as the requests were."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from spanwise_collector.query import Minutes
from spanwise_collector.span_metrics import SpanMetrics
from spanwise_collector.span_metrics import _totals as totals_module
from spanwise_collector.span_metrics._totals import Total, Totals
from spanwise_collector.store import ClientPool, Store, insert
from spanwise_collector.store import _edges as edges
from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import SECOND, new_span_id, new_trace_id, payload, request, span
from tests.collector.running_collector import fetch, wait_for

SERVER, CLIENT, CONSUMER, PRODUCER = 2, 3, 5, 4
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    opened = store.client()
    yield opened
    opened.close()


@pytest.fixture
def metrics(pool: ClientPool) -> SpanMetrics:
    made = SpanMetrics(pool, 1000)
    made.begin()
    return made


def link_all(client: Any) -> None:
    for minute in edges.unlinked(client):
        edges.link(client, minute)


def text(metrics: SpanMetrics) -> str:
    metrics.refresh()
    registry = CollectorRegistry()
    registry.register(metrics)
    return generate_latest(registry).decode()


def samples(exposed: str, name: str, *labels: str) -> Samples:
    """`{(label values): value}` of the series of this name; the text is read by a strict parser."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
        if sample.name == name
    }


def test_names_labels_and_buckets(client: Any, metrics: SpanMetrics) -> None:
    shop, cart = (f"{word}-{uuid.uuid4().hex[:8]}" for word in ("shop", "cart"))
    trace_id, call = new_trace_id(), new_span_id()
    insert(client, payload(span(trace_id=trace_id, span_id=call, name="GET", kind=CLIENT), service=shop), call)
    served = span(trace_id=trace_id, parent=call, name="GET /cart", kind=SERVER, duration_ns=5_000_000, error=True)
    insert(client, payload(served, service=cart), trace_id)
    link_all(client)
    exposed = text(metrics)
    labels = ("service", "span_name", "span_kind", "status_code")
    calls = samples(exposed, "traces_spanmetrics_calls_total", *labels)
    assert calls[shop, "GET", "SPAN_KIND_CLIENT", "STATUS_CODE_UNSET"] == 1
    assert calls[cart, "GET /cart", "SPAN_KIND_SERVER", "STATUS_CODE_ERROR"] == 1
    buckets = samples(exposed, "traces_spanmetrics_latency_bucket", "service", "le")
    by_edge = {float(le): count for (service, le), count in buckets.items() if service == cart}
    assert (len(by_edge), min(by_edge), sorted(by_edge)[-2]) == (15, 2**21 / 1e9, 2**34 / 1e9)
    assert all(count == (edge > 0.005) for edge, count in by_edge.items())
    assert samples(exposed, "traces_spanmetrics_latency_sum", "service")[cart,] == pytest.approx(0.005)
    assert samples(exposed, "traces_spanmetrics_latency_count", "service")[cart,] == 1
    edge = ("client", "server", "connection_type")
    assert samples(exposed, "traces_service_graph_request_total", *edge)[shop, cart, ""] == 1
    assert samples(exposed, "traces_service_graph_request_failed_total", *edge)[shop, cart, ""] == 1
    graph = samples(exposed, "traces_service_graph_request_server_seconds_bucket", "client", "server", "le")
    assert {float(le): count for (a, b, le), count in graph.items() if (a, b) == (shop, cart)} == by_edge
    sums = samples(exposed, "traces_service_graph_request_server_seconds_sum", "client", "server")
    assert sums[shop, cart] == pytest.approx(0.005)


def test_exemplars_name_a_span_of_their_bucket(client: Any, metrics: SpanMetrics) -> None:
    service, trace_id, span_id = uuid.uuid4().hex[:8], new_trace_id(), new_span_id()
    one = span(trace_id=trace_id, span_id=span_id, duration_ns=100_000_000, start_ns=time.time_ns() - SECOND)
    insert(client, payload(one, service=service), trace_id)
    found = [
        (float(sample.labels["le"]), sample.exemplar)
        for family in text_string_to_metric_families(text(metrics))
        for sample in family.samples
        if sample.name == "traces_spanmetrics_latency_bucket" and sample.labels["service"] == service
        if sample.exemplar is not None
    ]
    [(edge, exemplar)] = found
    assert exemplar.labels == {"trace_id": trace_id, "span_id": span_id}
    assert exemplar.value == pytest.approx(0.1) and edge / 2 <= exemplar.value <= edge


def test_counters_begin_at_zero_and_go_up(client: Any, pool: ClientPool) -> None:
    service = uuid.uuid4().hex[:8]

    def send() -> None:
        insert(client, payload(span(), service=service), uuid.uuid4().hex)

    send()
    metrics = SpanMetrics(pool, 1000)
    metrics.begin()
    name, label = "traces_spanmetrics_calls_total", "service"
    assert samples(text(metrics), name, label)[service,] == 0
    seen = []
    for _ in range(3):
        send()
        seen.append(samples(text(metrics), name, label)[service,])
    assert seen == [1, 2, 3]
    insert(client, payload(span(start_ns=time.time_ns() - 1800 * SECOND), service=service), uuid.uuid4().hex)
    assert samples(text(metrics), name, label)[service,] == 4, "one that comes half an hour late"


def test_the_anchor_moves_on_and_nothing_is_lost(client: Any, pool: ClientPool) -> None:
    service, now = uuid.uuid4().hex[:8], time.time()
    metrics = SpanMetrics(pool, 1000, clock=lambda: now)
    metrics.begin()
    first = metrics._anchor_s
    for hours in range(4):
        now = time.time() + hours * 3600
        insert(client, payload(span(start_ns=int(now * 1e9)), service=service), uuid.uuid4().hex)
        assert samples(text(metrics), "traces_spanmetrics_calls_total", "service")[service,] == hours + 1
    assert metrics._anchor_s >= first + 2 * 3600


def test_a_peer_that_answers_late_is_no_edge_of_its_own(client: Any, metrics: SpanMetrics) -> None:
    shop, base = uuid.uuid4().hex[:8], f"db-{uuid.uuid4().hex[:8]}"
    now = time.time_ns()
    for at in (now, now - 300 * SECOND):
        call = span(kind=CLIENT, start_ns=at, attributes={"peer.service": base})
        insert(client, payload(call, service=shop), uuid.uuid4().hex)
    link_all(client)
    labels = ("client", "server", "connection_type")
    found = samples(text(metrics), "traces_service_graph_request_total", *labels)
    assert found[shop, base, "virtual_node"] == 1, "the older one; the other's spans may still come"


def test_a_sum_that_shrinks_holds_its_counter() -> None:
    totals = Totals("test", 10)
    key = ("a", "b", "")
    totals.begin({})
    for seconds, shown in ((3.0, 3.0), (1.0, 3.0), (2.5, 3.0), (4.0, 4.0)):
        totals.update({key: Total(seconds=seconds, buckets={21: seconds})})
        assert (totals.shown[key].seconds, totals.shown[key].buckets[21]) == (shown, shown)


def test_labels_are_bounded_and_what_is_beyond_is_still_counted(caplog: pytest.LogCaptureFixture) -> None:
    totals = Totals("test", 100)
    totals.begin({})
    sent = {(f"s{n % 400}", f"name {n}", "k", "ok"): Total(buckets={21: 1.0}) for n in range(10_000)}
    for _ in range(3):
        totals.update(sent)
    assert len(totals.shown) <= 2 * 100 + 1
    assert sum(total.buckets[21] for total in totals.shown.values()) == 10_000
    assert (totals_module.OTHER, totals_module.OTHER, "k", "ok") in totals.shown
    assert len([record for record in caplog.records if "SPANWISE_COLLECTOR_SPAN_METRICS_MAX" in record.message]) == 1


def test_the_admin_port_has_them(new_collector: CollectorFactory) -> None:
    # One of its own: the shared one may hold as many combinations of labels as are told apart.
    collector = new_collector().start()
    service = f"metrics-{uuid.uuid4().hex[:8]}"

    def scrape() -> str:
        return fetch(
            f"{collector.admin_url}/metrics", accept="application/openmetrics-text; version=1.0.0"
        ).body.decode()

    scrape()
    collector.send(payload(span(name="GET /x"), service=service))

    def series() -> list[str]:
        lines = scrape().splitlines()
        return [line for line in lines if line.startswith("traces_spanmetrics_calls_total{") and service in line]

    found = wait_for(series, 60, "the metric")
    assert 'span_kind="SPAN_KIND_SERVER"' in found[0] and 'span_name="GET /x"' in found[0]


# --- a million requests


class Population:
    """A million requests of a page to a shop, some of them failed, of which a share is sampled consistently.

    What is kept for its own sake besides (failed ones, the first of a route) weighs nothing.
    """

    REQUESTS = 1_000_000
    ERROR_SHARE = 0.01

    def __init__(self, rates: tuple[float, ...], seed: int) -> None:
        self.page, self.shop = f"page-{uuid.uuid4().hex[:8]}", f"shop-{uuid.uuid4().hex[:8]}"
        self.errors = 0
        self.variance = self.error_variance = 0.0
        self.bodies: list[bytes] = []
        draw = random.Random(seed)
        # Ten minutes, all of them over.
        begins = (time.time_ns() // (60 * SECOND) - 12) * 60 * SECOND
        self._kept: list[tuple[int, bool, str, int]] = []
        thresholds = [round((1 - rate) * 2**56) for rate in rates]
        states = [f"ot=th:{threshold:014x}" for threshold in thresholds]
        weights = [2**56 / (2**56 - threshold) for threshold in thresholds]
        for number in range(self.REQUESTS):
            which = number % len(rates)
            failed = draw.random() < self.ERROR_SHARE
            self.errors += failed
            at = begins + number * 600 * SECOND // self.REQUESTS
            if draw.getrandbits(56) >= thresholds[which]:
                variance = weights[which] * (weights[which] - 1)
                self.variance += variance
                self.error_variance += variance * failed
                self._take(at, failed, states[which], number)
            elif failed:
                self._take(at, failed, "spanwise=kept:error", number)
            elif number < 100:
                self._take(at, failed, "spanwise=kept:first", number)
        self._send()

    def _take(self, at: int, failed: bool, state: str, number: int) -> None:
        self._kept.append((at, failed, state, number))
        if len(self._kept) == 10_000:
            self._send()

    def _send(self) -> None:
        message = ExportTraceServiceRequest()
        parts = (request(service=self.page).resource_spans[0], request(service=self.shop).resource_spans[0])
        message.resource_spans.extend(parts)
        callers, callees = (one.scope_spans[0].spans for one in message.resource_spans)
        for at, failed, state, number in self._kept:
            ids = random.randbytes(16)
            caller, callee = number.to_bytes(8, "big"), (number + 2**40).to_bytes(8, "big")
            for spans, own, parent, kind in ((callers, caller, b"", CLIENT), (callees, callee, caller, SERVER)):
                one = spans.add(trace_id=ids, span_id=own or b"\x01" * 8, parent_span_id=parent, name="call",
                                kind=kind, start_time_unix_nano=at, end_time_unix_nano=at + 7_000_000,
                                trace_state=state)  # fmt: skip
                if failed:
                    one.status.code = 2
        self.bodies.append(message.SerializeToString())
        self._kept.clear()


@pytest.mark.parametrize("rates", [(0.01,), (0.1,), (0.01, 0.1, 0.2)], ids=["1 %", "10 %", "mixed"])
def test_a_million_requests_are_counted_as_a_million(
    client: Any, pool: ClientPool, tmp_path: Path, rates: tuple[float, ...]
) -> None:
    metrics = SpanMetrics(pool, 5000)
    metrics.begin()
    sent = Population(rates, seed=20_26)
    for body in sent.bodies:
        insert(client, body, uuid.uuid4().hex)
    link_all(client)
    error, error_of_errors = 3 * sqrt(sent.variance), 3 * sqrt(sent.error_variance)
    exposed = text(metrics)
    labels = ("service", "span_kind", "status_code")
    calls = samples(exposed, "traces_spanmetrics_calls_total", *labels)
    for service, kind in ((sent.page, "SPAN_KIND_CLIENT"), (sent.shop, "SPAN_KIND_SERVER")):
        failed = calls[service, kind, "STATUS_CODE_ERROR"]
        assert calls[service, kind, "STATUS_CODE_UNSET"] + failed == pytest.approx(sent.REQUESTS, abs=error)
        assert failed == pytest.approx(sent.errors, abs=error_of_errors)
    edge = (sent.page, sent.shop)
    graph = samples(exposed, "traces_service_graph_request_total", "client", "server")
    assert graph[edge] == pytest.approx(sent.REQUESTS, abs=error)
    failed_graph = samples(exposed, "traces_service_graph_request_failed_total", "client", "server")
    assert failed_graph[edge] == pytest.approx(sent.errors, abs=error_of_errors)
    seconds = samples(exposed, "traces_service_graph_request_server_seconds_sum", "client", "server")
    assert seconds[edge] == pytest.approx(sent.REQUESTS * 0.007, abs=error * 0.007)
    now = int(time.time())
    [series] = Minutes(pool).of_services([sent.shop], ["server"], now - 3600, now, by_operation=False)
    assert sum(minute.calls for minute in series.minutes.values()) == pytest.approx(sent.REQUESTS, abs=error)
    assert sum(minute.errors for minute in series.minutes.values()) == pytest.approx(sent.errors, abs=error_of_errors)
