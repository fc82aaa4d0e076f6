"""Background jobs and queue workers: measured, traced, counted for SLOs, and never disturbed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

import spanwise
from spanwise import objectives, standard, tasks
from spanwise.metrics import DeclarationError, from_standard
from spanwise.tasks import JOB, TaskSpans, sent, task
from tests.instrument.collector_sink import CollectorSink
from tests.instrument.conftest import Ran
from tests.instrument.pipeline import Pipeline

DURATION = "messaging_process_duration_seconds"
TRACE = "80f198ee56343ba864fe8b2a57d3eff7"
SPAN = "e457b5a2e4d86bd1"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[CollectorRegistry]:
    """The metrics of this test alone, and no spans unless it asks for them."""
    made = CollectorRegistry()
    duration = from_standard(Histogram, standard.MESSAGING_PROCESS_DURATION, made)
    active = from_standard(Gauge, standard.MESSAGING_PROCESS_ACTIVE, made)
    counter = from_standard(Counter, standard.MESSAGING_SENT, made)
    events = from_standard(Counter, standard.SLO_EVENTS, made)
    targets = from_standard(Gauge, standard.SLO_OBJECTIVE, made)
    monkeypatch.setattr(tasks, "_duration", lambda: duration)
    monkeypatch.setattr(tasks, "_active", lambda: active)
    monkeypatch.setattr(tasks, "_sent", lambda: counter)
    monkeypatch.setattr(tasks, "_spans", None)
    monkeypatch.setattr(objectives, "_events", lambda: events)
    monkeypatch.setattr(objectives, "_targets", lambda: targets)
    monkeypatch.setattr(objectives, "_objectives", {})
    yield made


@pytest.fixture
def traced(registry: CollectorRegistry) -> Callable[..., Pipeline]:
    """`traced(0.1)`: a pipeline that gets the spans of tasks, sampled at this rate."""

    def trace_at(rate: float = 1.0, slower_than_s: float = 100.0) -> Pipeline:
        pipeline = Pipeline(rate)
        tasks.trace_with(TaskSpans(pipeline.sink, pipeline.sampling, slower_than_s))
        return pipeline

    return trace_at


def counted(registry: CollectorRegistry) -> dict[tuple[str, str, str], float]:
    row = standard.MESSAGING_PROCESS_DURATION
    return {
        (sample.labels[row.labels[0]], sample.labels[row.labels[1]], sample.labels[row.labels[2]]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == f"{DURATION}_count"
    }


def active(registry: CollectorRegistry, name: str) -> float | None:
    labels = {"messaging_system": JOB, "messaging_destination_name": name}
    return registry.get_sample_value("messaging_process_active_tasks", labels)


def state(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return context.trace_state.to_header()


def test_a_function(registry: CollectorRegistry) -> None:
    @spanwise.task("settle")
    def settle(number: int) -> int:
        """Doc."""
        assert active(registry, "settle") == 1
        return number + 1

    assert (settle(1), settle(2)) == (2, 3)
    assert (settle.__name__, settle.__doc__) == ("settle", "Doc.")
    assert counted(registry) == {(JOB, "settle", ""): 2}
    assert active(registry, "settle") == 0


def test_a_coroutine_and_its_cancellation(registry: CollectorRegistry) -> None:
    @task("fetch")
    async def fetch(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    async def run() -> None:
        assert await fetch(0) == "done"
        running = asyncio.create_task(fetch(60))
        await asyncio.sleep(0)
        assert active(registry, "fetch") == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    assert counted(registry) == {(JOB, "fetch", ""): 1, (JOB, "fetch", "asyncio.exceptions.CancelledError"): 1}
    assert active(registry, "fetch") == 0


def test_an_exception_is_an_outcome_and_goes_on(registry: CollectorRegistry) -> None:
    with pytest.raises(ValueError, match="no"), task("orders", system="kafka"):
        raise ValueError("no")
    assert counted(registry) == {("kafka", "orders", "ValueError"): 1}


def test_a_generator_cannot_be_a_task() -> None:
    with pytest.raises(TypeError, match="functions and coroutines; numbers is a generator"):

        @task("numbers")
        def numbers() -> Iterator[int]:
            yield 1


def test_a_decorated_function_runs_many_times_at_once(registry: CollectorRegistry) -> None:
    inside = threading.Barrier(4, timeout=5)

    @task("parallel")
    def parallel() -> None:
        inside.wait()

    threads = [threading.Thread(target=parallel) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(registry) == {(JOB, "parallel", ""): 4}
    assert active(registry, "parallel") == 0


def test_the_span_of_a_job(traced: Callable[..., Pipeline], registry: CollectorRegistry) -> None:
    pipeline = traced()
    with task("settle", tenant="acme") as span:
        assert get_current_span() is span
        with pipeline.tracer.start_as_current_span("query"):
            pass
    assert not get_current_span().get_span_context().is_valid
    query, job = pipeline.spans
    assert (job.name, job.kind, job.parent) == ("settle", SpanKind.INTERNAL, None)
    assert dict(job.attributes or {}) == {
        "tenant": "acme",
        "messaging.system": JOB,
        "messaging.destination.name": "settle",
        "messaging.operation.type": "process",
    }
    assert query.parent is not None and query.parent.span_id == job.get_span_context().span_id
    exemplars = [s.exemplar for f in registry.collect() for s in f.samples if s.exemplar]
    assert [exemplar.labels["trace_id"] for exemplar in exemplars] == [f"{job.get_span_context().trace_id:032x}"]


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": f"00-{TRACE}-{SPAN}-01", "other": object()},
        {"Traceparent": f"00-{TRACE}-{SPAN}-01".encode()},
        [("traceparent", f"00-{TRACE}-{SPAN}-01".encode()), ("x", None)],
    ],
)
def test_a_message_continues_its_sender_s_trace(traced: Callable[..., Pipeline], headers: Any) -> None:
    pipeline = traced(0.0)
    with task("orders", system="kafka", headers=headers):
        pass
    span = pipeline.span
    assert (span.name, span.kind) == ("process orders", SpanKind.CONSUMER)
    assert span.parent is not None and span.parent.is_remote
    assert f"{span.parent.span_id:016x}" == SPAN


def test_a_sender_that_did_not_sample_is_followed(traced: Callable[..., Pipeline]) -> None:
    pipeline = traced(1.0)
    with task("orders", system="kafka", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"}) as span:
        assert f"{span.get_span_context().trace_id:032x}" == TRACE
    assert pipeline.spans == []


def test_headers_that_say_nothing_start_a_trace(traced: Callable[..., Pipeline]) -> None:
    pipeline = traced(1.0)
    with pipeline.tracer.start_as_current_span("poll"), task("orders", system="kafka", headers={}):
        pass
    assert pipeline.spans[0].parent is None


def test_a_task_inside_of_a_request_is_its_child(traced: Callable[..., Pipeline]) -> None:
    pipeline = traced(1.0)
    with pipeline.tracer.start_as_current_span("request") as request, task("settle"):
        pass
    parent = pipeline.spans[0].parent
    assert parent is not None and not parent.is_remote
    assert parent.span_id == request.get_span_context().span_id


def test_the_first_of_each_name_is_kept_whole(traced: Callable[..., Pipeline]) -> None:
    pipeline = traced(0.000001)
    for name in ("a", "a", "b"):
        with task(name) as span, pipeline.tracer.start_as_current_span("child"):
            assert span.get_span_context().is_valid
    assert [span.name for span in pipeline.spans] == ["child", "a", "child", "b"]
    assert {state(span) for span in pipeline.spans} == {"spanwise=kept:first"}


def test_a_failed_task_leaves_its_span(traced: Callable[..., Pipeline]) -> None:
    pipeline = traced(0.0)
    with pytest.raises(ZeroDivisionError), task("settle", tenant="acme") as unsampled:
        _ = 1 / 0
    span = pipeline.span
    assert state(span) == "spanwise=kept:error"
    assert span.get_span_context().span_id == unsampled.get_span_context().span_id  # type: ignore[union-attr]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "ZeroDivisionError"
    assert (span.attributes or {})["tenant"] == "acme"
    assert [event.name for event in span.events] == ["exception"]


def test_a_slow_task_leaves_its_span_and_an_interrupted_one_does_not(traced: Callable[..., Pipeline]) -> None:
    pipeline = traced(0.0, slower_than_s=0.0)
    with task("slow"):
        pass
    assert state(pipeline.span) == "spanwise=kept:slow"
    pipeline = traced(0.0)
    with pytest.raises(KeyboardInterrupt), task("interrupted"):
        raise KeyboardInterrupt
    assert pipeline.spans == []


def test_an_slo_of_a_task(registry: CollectorRegistry) -> None:
    spanwise.slo("settled", task="settle", objective=0.9, latency=60)
    spanwise.slo("requests", objective=0.9)
    with task("settle"):
        pass
    with pytest.raises(ValueError), task("settle"):
        raise ValueError
    with task("another"):
        pass
    value = registry.get_sample_value
    assert value("slo_events_total", {"slo": "settled", "outcome": "good"}) == 1
    assert value("slo_events_total", {"slo": "settled", "outcome": "bad"}) == 1
    assert value("slo_events_total", {"slo": "requests", "outcome": "good"}) == 0
    assert objectives.objectives_for("/x") == (objectives._objectives["requests"],)


def test_an_slo_is_of_a_route_or_of_a_task(registry: CollectorRegistry) -> None:
    with pytest.raises(DeclarationError, match="not of both"):
        spanwise.slo("x", task="settle", route="/x", objective=0.9)
    spanwise.slo("y", task="settle", objective=0.9)
    with pytest.raises(DeclarationError, match="already declared"):
        spanwise.slo("y", objective=0.9)


def test_what_is_sent_carries_the_trace(registry: CollectorRegistry) -> None:
    with Pipeline().tracer.start_as_current_span("x") as span:
        headers = sent("orders", system="kafka")
    sent("orders", system="kafka", error=TimeoutError())
    assert headers["traceparent"].split("-")[1] == f"{span.get_span_context().trace_id:032x}"
    labels = {"messaging_system": "kafka", "messaging_destination_name": "orders"}
    value = registry.get_sample_value
    assert value("messaging_client_sent_messages_total", {**labels, "error_type": ""}) == 1
    assert value("messaging_client_sent_messages_total", {**labels, "error_type": "TimeoutError"}) == 1


def test_a_worker_sends_the_spans_of_its_tasks(run: Callable[..., Ran], sink: CollectorSink) -> None:
    ran = run(
        """
        import json, spanwise
        here = spanwise.instrument(service="worker")
        with spanwise.task("orders", system="kafka"):
            pass
        print(json.dumps(here.force_flush()))
        """,
        SPANWISE_COLLECTOR_URL=sink.url,
    )
    assert ran.json is True
    assert [span.name for span in sink.spans()] == ["process orders"]
