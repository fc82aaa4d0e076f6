"""`spanwise.span` around functions, coroutines, generators and blocks: one span each, nothing left current, no log."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, get_current_span

import spanwise
from spanwise.tracing.spans import UnsampledSpan
from tests.instrument.pipeline import Pipeline


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, OpenTelemetry has nothing to complain of."""
    with caplog.at_level(logging.DEBUG, logger="opentelemetry"):
        yield
    assert [record.getMessage() for record in caplog.records if record.name.startswith("opentelemetry")] == []


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    made = Pipeline()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", made.provider)
    return made


def names(pipeline: Pipeline) -> list[str]:
    return [span.name for span in pipeline.spans]


def current_name() -> str:
    return getattr(get_current_span(), "name", "")


def assert_failed(span: ReadableSpan, kind: str) -> None:
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None and span.attributes["error.type"] == kind
    assert [event.name for event in span.events] == ["exception"]


def test_a_block(pipeline: Pipeline) -> None:
    with spanwise.span("outer", **{"order.id": 7, "name": "x"}) as outer:
        assert current_name() == "outer"
        with spanwise.span("inner"):
            assert current_name() == "inner"
        assert get_current_span() is outer
    assert current_name() == ""
    inner_span, outer_span = pipeline.spans
    assert (inner_span.name, outer_span.name) == ("inner", "outer")
    assert inner_span.parent is not None and inner_span.parent.span_id == outer_span.get_span_context().span_id
    assert dict(outer_span.attributes or {}) == {"order.id": 7, "name": "x"}
    assert outer_span.status.status_code is StatusCode.UNSET


def test_a_block_that_raises(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="secret"), spanwise.span("fails"):
        raise ValueError("secret")
    assert_failed(pipeline.span, "ValueError")
    assert "secret" not in (pipeline.span.status.description or "")
    assert current_name() == ""


def test_an_interrupt_is_no_error(pipeline: Pipeline) -> None:
    with pytest.raises(KeyboardInterrupt), spanwise.span("interrupted"):
        raise KeyboardInterrupt
    assert pipeline.span.status.status_code is StatusCode.UNSET


def test_a_function(pipeline: Pipeline) -> None:
    @spanwise.span("work", kind="test")
    def work(number: int) -> int:
        """Doc."""
        return number if number == 0 else work(number - 1)

    assert work(2) == 0
    assert (work.__name__, work.__doc__) == ("work", "Doc.")
    innermost, middle, outermost = pipeline.spans
    assert innermost.parent is not None and innermost.parent.span_id == middle.get_span_context().span_id
    assert outermost.parent is None
    assert dict(outermost.attributes or {}) == {"kind": "test"}


def test_a_coroutine(pipeline: Pipeline) -> None:
    @spanwise.span("fetch")
    async def fetch(name: str) -> str:
        await asyncio.sleep(0)
        with spanwise.span(name):
            await asyncio.sleep(0)
        return name

    async def both() -> list[str]:
        return await asyncio.gather(fetch("a"), fetch("b"))

    assert inspect.iscoroutinefunction(fetch)
    assert asyncio.run(both()) == ["a", "b"]
    parents = {span.get_span_context().span_id for span in pipeline.spans if span.name == "fetch"}
    assert {span.parent.span_id for span in pipeline.spans if span.name in "ab" and span.parent} == parents
    assert len(parents) == 2


def test_a_cancelled_coroutine_is_no_error(pipeline: Pipeline) -> None:
    @spanwise.span("waits")
    async def waits() -> None:
        await asyncio.sleep(60)

    async def cancel() -> None:
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert pipeline.span.status.status_code is StatusCode.UNSET


def test_a_generator_is_current_only_in_its_own_code(pipeline: Pipeline) -> None:
    seen = []

    @spanwise.span("numbers")
    def numbers() -> Iterator[int]:
        for number in range(2):
            seen.append(current_name())
            yield number
        seen.append(current_name())

    assert inspect.isgeneratorfunction(numbers)
    with spanwise.span("reader"):
        for _ in numbers():
            seen.append(current_name())
    assert seen == ["numbers", "reader", "numbers", "reader", "numbers"]
    assert names(pipeline) == ["numbers", "reader"]
    assert pipeline.spans[0].parent is not None


def test_a_block_around_a_yield_stays_with_the_generator(pipeline: Pipeline) -> None:
    seen = []

    @spanwise.span("numbers")
    def numbers() -> Iterator[int]:
        with spanwise.span("inner"):
            yield 1
            seen.append(current_name())
        seen.append(current_name())
        yield 2

    for _ in numbers():
        seen.append(current_name())
    assert seen == ["", "inner", "numbers", ""]
    assert names(pipeline) == ["inner", "numbers"]


def test_a_generator_takes_what_is_sent_and_thrown_and_returns(pipeline: Pipeline) -> None:
    @spanwise.span("echo")
    def echo() -> Any:
        got = []
        while len(got) < 3:
            try:
                got.append((yield len(got)))
            except KeyError as error:
                got.append(error)
        return got

    generator = echo()
    assert [next(generator), generator.send("a"), generator.throw(KeyError("b"))] == [0, 1, 2]
    with pytest.raises(StopIteration) as stop:
        generator.send("c")
    assert [str(item) for item in stop.value.value] == ["a", "'b'", "c"]
    assert pipeline.span.status.status_code is StatusCode.UNSET


def test_a_generator_that_raises(pipeline: Pipeline) -> None:
    @spanwise.span("fails")
    def fails() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(fails())
    assert_failed(pipeline.span, "ZeroDivisionError")


@pytest.mark.parametrize("how", ["close", "thread", "context", "garbage"])
def test_a_generator_that_is_left_early(pipeline: Pipeline, how: str) -> None:
    cleaned = []

    @spanwise.span("endless")
    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            cleaned.append(current_name())

    generator: Any = endless()
    contextvars.copy_context().run(next, generator)
    if how == "close":
        generator.close()
    elif how == "thread":
        thread = threading.Thread(target=generator.close)
        thread.start()
        thread.join()
    elif how == "context":
        contextvars.Context().run(generator.close)
    else:
        del generator
        gc.collect()
    assert cleaned == ["endless"]
    assert pipeline.span.status.status_code is StatusCode.UNSET
    assert current_name() == ""


def test_an_async_generator(pipeline: Pipeline) -> None:
    seen = []

    @spanwise.span("pages")
    async def pages() -> AsyncIterator[int]:
        for page in range(2):
            await asyncio.sleep(0)
            seen.append(current_name())
            yield page

    async def read() -> list[int]:
        with spanwise.span("reader"):
            result = []
            async for page in pages():
                seen.append(current_name())
                result.append(page)
            return result

    assert inspect.isasyncgenfunction(pages)
    assert asyncio.run(read()) == [0, 1]
    assert seen == ["pages", "reader", "pages", "reader"]
    assert names(pipeline) == ["pages", "reader"]


@pytest.mark.parametrize("rate", [1.0, 0.0])
def test_an_async_generator_takes_what_is_sent_and_thrown(monkeypatch: pytest.MonkeyPatch, rate: float) -> None:
    pipeline = Pipeline(rate)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", pipeline.provider)

    @spanwise.span("echo")
    async def echo() -> Any:
        got = "nothing"
        while True:
            try:
                got = yield got
            except KeyError:
                got = "thrown"

    async def talk() -> list[Any]:
        generator = echo()
        answers = [await generator.asend(None), await generator.asend("a"), await generator.athrow(KeyError())]
        await generator.aclose()
        return answers

    assert asyncio.run(talk()) == ["nothing", "a", "thrown"]
    assert names(pipeline) == (["echo"] if rate else [])


def test_an_async_generator_that_raises(pipeline: Pipeline) -> None:
    @spanwise.span("fails")
    async def fails() -> AsyncIterator[int]:
        yield 1
        raise LookupError

    async def read() -> None:
        async for _ in fails():
            pass

    with pytest.raises(LookupError):
        asyncio.run(read())
    assert_failed(pipeline.span, "LookupError")


def test_an_abandoned_async_generator_is_finalised_by_the_loop(pipeline: Pipeline) -> None:
    """The loop closes it from another task, where a token of attaching would not be accepted."""
    cleaned = []

    @spanwise.span("endless")
    async def endless() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
            cleaned.append(current_name())

    async def leave() -> None:
        async for _ in endless():
            break
        assert current_name() == ""
        while not cleaned:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(leave(), 5))
    assert cleaned == ["endless"]
    assert names(pipeline) == ["endless"]


def test_a_block_that_ends_in_another_context(pipeline: Pipeline) -> None:
    block = spanwise.span("handed over")
    contextvars.copy_context().run(block.__enter__)
    with spanwise.span("here"):
        block.__exit__(None, None, None)
        assert current_name() == "here"
    assert names(pipeline) == ["handed over", "here"]


def test_inside_of_an_unsampled_request_nothing_is_made(pipeline: Pipeline) -> None:
    request = UnsampledSpan(5, None)
    otel_context.attach(trace.set_span_in_context(request))

    @spanwise.span("numbers")
    def numbers() -> Iterator[int]:
        yield from (1, 2)

    with spanwise.span("block") as given, spanwise.span("inner"):
        assert given is request
        assert list(numbers()) == [1, 2]
    assert pipeline.spans == []
    assert pipeline.memory.started == 0
    assert request._context is None  # not even its ids


def test_an_unsampled_root_decides_for_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline(0.0)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", pipeline.provider)
    with spanwise.span("root") as root:
        pipeline.sampling.set_rate(1.0)
        with spanwise.span("child") as child:
            assert child is root
    assert pipeline.spans == []


def test_without_a_provider_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    with spanwise.span("nobody listens") as span:
        assert not span.is_recording()
