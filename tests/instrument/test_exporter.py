"""From finished spans to the collector: nothing is lost without being counted, and nobody waits for it."""

from __future__ import annotations

import os
import statistics
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, TraceFlags

from spanwise.pace import Pace
from spanwise.tracing.exporter import ExportLimits
from spanwise.tracing.transport import FunctionTransport, HttpTransport, Sent
from tests.instrument.collector_sink import GARBAGE, HANG, Answer, CollectorSink, until
from tests.instrument.pipeline import Export

Make = Callable[..., Export]


@pytest.fixture
def make(sink: CollectorSink) -> Iterator[Make]:
    """An exporter to the sink; ended quickly whatever the test did."""
    made: list[Export] = []

    def make_export(**limits: Any) -> Export:
        transport = HttpTransport(f"{sink.url}/v1/traces", {}, compress=True, user_agent="test")
        made.append(Export(transport, **limits))
        return made[-1]

    yield make_export
    for export in made:
        export.exporter.shutdown(0.1)


def names(sink: CollectorSink) -> list[str]:
    return [span.name for span in sink.spans()]


def test_what_ends_arrives(sink: CollectorSink, make: Make) -> None:
    export = make()
    with export.tracer.start_as_current_span("parent", attributes={"a": 1}), export.tracer.start_as_current_span("x"):
        pass
    assert export.exporter.force_flush()
    assert names(sink) == ["x", "parent"]
    child, parent = sink.spans()
    assert child.parent_span_id == parent.span_id
    assert sink.resources()[0]["service.name"] == "under-test"
    assert export.exported == 2
    assert export.all_dropped == 0


def test_it_arrives_without_being_asked_for(sink: CollectorSink, make: Make) -> None:
    make(delay_s=0.05).make_spans(1)
    until(lambda: sink.exports)


def test_spans_wait_for_company(sink: CollectorSink, make: Make) -> None:
    export = make(delay_s=0.2)
    export.make_spans(5)
    time.sleep(0.01)
    export.make_spans(5)
    until(lambda: len(names(sink)) == 10)
    assert len(sink.exports) == 1


def test_requests_are_further_apart_while_spans_keep_coming() -> None:
    sent: list[float] = []
    export = Export(FunctionTransport(lambda body: sent.append(time.monotonic())), delay_s=0.1)
    export.make_spans(1)
    until(lambda: sent)
    export.make_spans(1)
    until(lambda: len(sent) == 2)
    export.exporter.shutdown(0.1)
    assert sent[1] - sent[0] >= 0.4


def test_what_ends_during_a_post_waits_for_company() -> None:
    sizes: list[int] = []
    export: Export

    def send(body: bytes) -> None:
        sizes.append(len(body))
        if len(sizes) < 20:
            export.make_spans(1)

    export = Export(FunctionTransport(send), delay_s=0.2)
    export.make_spans(1)
    until(lambda: sizes)
    time.sleep(0.1)
    assert len(sizes) == 1
    export.exporter.shutdown(0.1)


@pytest.mark.parametrize(("delay_s", "steady_s"), [(0.2, 1.0), (0.01, 0.05), (0.0, 0.0), (0.7, 1.0), (5.0, 5.0)])
def test_how_far_apart(delay_s: float, steady_s: float) -> None:
    assert ExportLimits(1, 1, delay_s, 1.0).steady_s == pytest.approx(steady_s)


def test_a_full_batch_does_not_wait(sink: CollectorSink, make: Make) -> None:
    export = make(delay_s=30, max_batch=10)
    export.make_spans(10)
    until(lambda: sink.exports)


def test_a_flush_does_not_wait(sink: CollectorSink, make: Make) -> None:
    export = make(delay_s=30)
    export.make_spans(1)
    began = time.monotonic()
    assert export.exporter.force_flush(5000)
    assert time.monotonic() - began < 3
    assert len(sink.exports) == 1


def test_no_batch_is_larger_than_allowed(sink: CollectorSink, make: Make) -> None:
    export = make(max_batch=7)
    export.make_spans(50)
    export.exporter.force_flush()
    sizes = [len(scope.spans) for m in sink.messages() for g in m.resource_spans for scope in g.scope_spans]
    assert sum(sizes) == 50
    assert max(sizes) == 7


def test_unsampled_spans_are_not_its_business(sink: CollectorSink, make: Make) -> None:
    export = make()
    export.exporter.on_end(ReadableSpan("x", SpanContext(1, 2, False, TraceFlags(0))))
    export.exporter.on_end(ReadableSpan("x", None))
    assert export.exporter.queue_size == 0


def test_a_full_queue_drops_and_counts(sink: CollectorSink, make: Make) -> None:
    sink.always = HANG
    export = make(max_queue=10, max_batch=5)
    export.make_spans(5)
    until(lambda: sink.requests)
    export.make_spans(25)
    assert export.exporter.queue_size == 10
    assert export.dropped("queue_full") == 15


def test_nobody_waits_while_the_collector_hangs(sink: CollectorSink, make: Make) -> None:
    sink.always = HANG
    export = make(max_queue=200)
    took = []
    for _ in range(500):
        span = export.tracer.start_span("x")
        began = time.perf_counter()
        span.end()
        took.append(time.perf_counter() - began)
    assert statistics.median(took) < 0.005
    assert max(took) < 1.0


@pytest.mark.parametrize("answer", [Answer(503, {"Retry-After": "0"}), Answer(429), Answer(502), GARBAGE])
def test_tried_again_until_it_is_taken(sink: CollectorSink, make: Make, answer: Answer) -> None:
    sink.answers.extend([answer, answer])
    export = make(delay_s=30)  # one batch, however slowly they come
    export.make_spans(3)
    assert export.exporter.force_flush(10_000)
    assert len(sink.exports) == 3
    assert {request.body for request in sink.exports} == {sink.exports[0].body}
    assert (export.exported, export.all_dropped) == (3, 0)


def test_retry_after_is_waited_for(sink: CollectorSink, make: Make) -> None:
    sink.answers.append(Answer(503, {"Retry-After": "0.7"}))
    export = make()
    export.make_spans(1)
    began = time.monotonic()
    assert export.exporter.force_flush(10_000)
    assert time.monotonic() - began >= 0.65


def test_refused_and_then_back(sink: CollectorSink, make: Make, said: list[str]) -> None:
    sink.stop()
    export = make()
    export.make_spans(4)
    until(lambda: said)
    sink.start()
    assert export.exporter.force_flush(10_000)
    assert len(names(sink)) == 4
    assert (export.exported, export.all_dropped) == (4, 0)
    assert len(said) == 2
    assert "does not take spans" in said[0]
    assert "answers again" in said[1]


def test_a_final_refusal_drops_that_batch_alone(sink: CollectorSink, make: Make) -> None:
    sink.answers.append(Answer(400))
    export = make()
    export.make_spans(3)
    export.exporter.force_flush()
    assert export.dropped("refused") == 3
    export.make_spans(2)
    export.exporter.force_flush()
    assert export.exported == 2
    assert len(sink.exports) == 2


def test_a_batch_is_given_up_after_a_while(sink: CollectorSink, make: Make) -> None:
    sink.always = Answer(503)
    export = make(patience_s=0.3)
    export.make_spans(3)
    assert export.exporter.force_flush(10_000)
    assert export.dropped("timeout") == 3


def test_an_outage_is_one_line_and_its_end_another(sink: CollectorSink, make: Make, said: list[str]) -> None:
    sink.answers.extend([Answer(503, {"Retry-After": "0"})] * 3)
    export = make(max_batch=1)
    export.make_spans(5)
    assert export.exporter.force_flush(20_000)
    assert len(said) == 2


def test_a_kept_connection_closed_in_between_loses_nothing(sink: CollectorSink, make: Make, said: list[str]) -> None:
    export = make()
    for number in range(5):
        export.make_spans(1, lambda _, number=number: f"span {number}")
        assert export.exporter.force_flush()
        sink.cut()
    assert names(sink) == [f"span {number}" for number in range(5)]
    assert said == []


@pytest.mark.parametrize(
    ("way", "timeout_s"), [("refusing", 0.5), ("hanging", 2.0), ("garbage", 0.5), ("unavailable", 0.5)]
)
def test_shutdown_is_bounded_and_what_is_left_is_counted(
    sink: CollectorSink, make: Make, way: str, timeout_s: float
) -> None:
    if way == "refusing":
        sink.stop()
    sink.always = {"hanging": HANG, "garbage": GARBAGE, "unavailable": Answer(503, {"Retry-After": "30"})}.get(
        way, Answer()
    )
    export = make(max_batch=10, timeout_s=10.0)
    export.make_spans(35)
    if way != "refusing":
        until(lambda: sink.requests)
    began = time.monotonic()
    export.exporter.shutdown(timeout_s)
    assert time.monotonic() - began < timeout_s + 0.5
    assert export.exporter.queue_size == 0
    assert export.dropped("shutdown") == 35
    assert export.exported == 0


def test_what_shutdown_gave_up_is_not_counted_again(sink: CollectorSink, make: Make) -> None:
    sink.always = HANG
    export = make(timeout_s=0.8)
    export.make_spans(3)
    until(lambda: sink.requests)
    export.exporter.shutdown(0.1)
    assert export.dropped("shutdown") == 3
    thread = export.exporter._thread
    assert thread is not None
    thread.join(5)
    assert (export.all_dropped, export.exported) == (3, 0)


def test_shutdown_sends_what_is_left(sink: CollectorSink, make: Make) -> None:
    export = make(delay_s=30)
    export.make_spans(250)
    began = time.monotonic()
    export.exporter.shutdown()
    assert time.monotonic() - began < 2
    assert len(names(sink)) == 250
    assert export.all_dropped == 0
    export.exporter.shutdown()  # twice does nothing
    export.make_spans(2)
    assert export.dropped("shutdown") == 2


def test_shutdown_without_a_span_is_immediate(make: Make) -> None:
    began = time.monotonic()
    make().exporter.shutdown()
    assert time.monotonic() - began < 0.5


def test_no_thread_before_the_first_span(make: Make) -> None:
    export = make()
    assert export.exporter._thread is None
    assert export.exporter.force_flush()


def test_a_span_that_cannot_be_encoded_is_dropped_alone(sink: CollectorSink, make: Make, said: list[str]) -> None:
    export = make(delay_s=0.2)
    export.make_spans(2)
    export.tracer.start_span("seconds in place of nanoseconds", start_time=time.time()).end()  # type: ignore[arg-type]
    export.make_spans(2)
    export.exporter.force_flush()
    assert len(names(sink)) == 4
    assert (export.exported, export.dropped("refused")) == (4, 1)
    assert len(said) == 1
    assert "seconds in place of nanoseconds" in said[0]


def test_spans_are_let_go_one_by_one(make: Make) -> None:
    """Thousands that die in one step of the interpreter hold up every request."""
    alive: list[weakref.ref[ReadableSpan]] = []
    left: list[int] = []

    class Watching(HttpTransport):
        def pack(self, parts: Iterable[bytes], pace: Pace) -> bytes:
            left.append(sum(span() is not None for span in alive))
            return super().pack(parts, pace)

    export = Export(Watching("http://127.0.0.1:1/", {}, compress=True, user_agent="test"), max_batch=50, delay_s=30)
    for _ in range(50):
        span = export.tracer.start_span("x")
        alive.append(weakref.ref(span))  # type: ignore[arg-type]
        span.end()
    del span
    until(lambda: left)
    assert left[0] <= 1
    export.exporter.shutdown(0.1)


def test_a_transport_that_breaks_its_promise_does_not_end_the_thread(make: Make) -> None:
    class Broken:
        calls = 0

        def pack(self, parts: Iterable[bytes], pace: Pace) -> bytes:
            return b"".join(parts)

        def send(self, body: bytes, timeout_s: float) -> Sent:
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError("a bug")
            return Sent(True)

        def close(self) -> None:
            pass

    export = Export(Broken())
    export.make_spans(1)
    export.exporter.force_flush()
    export.make_spans(2)
    assert export.exporter.force_flush()
    assert (export.exported, export.dropped("refused")) == (2, 1)
    export.exporter.shutdown()


def test_many_threads_lose_nothing() -> None:
    taken: list[bytes] = []
    export = Export(FunctionTransport(taken.append), max_queue=10_000, max_batch=64, delay_s=0.0)
    threads = [threading.Thread(target=export.make_spans, args=(500,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert export.exporter.force_flush(10_000)
    assert export.exported == 2000
    export.exporter.shutdown()


def test_a_forked_child_sends_its_own_spans_only(sink: CollectorSink, make: Make) -> None:
    export = make(delay_s=0.3)
    export.make_spans(1, lambda _: "before")
    export.exporter.force_flush()  # the connection is open now
    export.make_spans(1, lambda _: "parent")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            export.make_spans(1, lambda _: "child")
            code = 0 if export.exporter.force_flush(5000) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert export.exporter.force_flush()
    export.make_spans(1, lambda _: "after")
    assert export.exporter.force_flush()
    assert sorted(names(sink)) == ["after", "before", "child", "parent"]
