"""Log lines with the ids of their trace: text and JSON, and nothing on a record can keep a line from being written."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace

from spanwise import logs
from spanwise.tracing.spans import UnsampledSpan
from tests.instrument.conftest import Ran
from tests.instrument.pipeline import Pipeline

log = logging.getLogger("shop.basket")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the root logger writes, in a form chosen by `logs.configure(..., stream=stream)`."""
    root = logging.getLogger()
    level, handlers, factory = root.level, list(root.handlers), logging.getLogRecordFactory()
    yield io.StringIO()
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.setLogRecordFactory(factory)


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_service_name", "shop")


def record(message: Any = "hello", *args: Any, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop.basket", logging.WARNING, __file__, 7, message, args, None)
    vars(made).update(more)
    return made


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = logs.JsonFormatter().format(made)
    assert "\n" not in line
    line.encode("ascii")
    parsed = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert isinstance(parsed, dict)
    return parsed


def raised() -> Any:
    try:
        raise KeyError("x")
    except KeyError:
        return sys.exc_info()


def test_text_outside_of_a_span(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    log.warning("empty %s", "basket")
    date, time, rest = stream.getvalue().split(" ", 2)
    assert len(date) == 10 and len(time) == 12
    assert rest == "WARNING shop.basket: empty basket\n"


def test_text_inside_of_a_span(stream: io.StringIO) -> None:
    logs.configure("text", stream=stream)
    with Pipeline().tracer.start_as_current_span("x") as span:
        log.info("hello")
    context = span.get_span_context()
    assert stream.getvalue().endswith(f" hello [trace={context.trace_id:032x} span={context.span_id:016x}]\n")


def test_text_with_an_exception_and_a_stack() -> None:
    made = record(exc_info=raised(), stack_info="Stack (most recent call last): here")
    lines = logs.TextFormatter().format(made).splitlines()
    assert lines[0].endswith("hello")
    assert "KeyError: 'x'" in lines
    assert lines[-1] == "Stack (most recent call last): here"


def test_json(stream: io.StringIO) -> None:
    logs.configure("json", stream=stream)
    with Pipeline().tracer.start_as_current_span("x") as span:
        log.warning("hello %d", 5, extra={"basket": {"id": 7, "items": ["a", None]}, "paid": True})
    written = json.loads(stream.getvalue())
    context = span.get_span_context()
    assert written.pop("time").endswith("Z")
    assert written == {
        "level": "WARNING",
        "logger": "shop.basket",
        "message": "hello 5",
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "service_name": "shop",
        "basket": {"id": 7, "items": ["a", None]},
        "paid": True,
    }


def test_json_with_an_exception() -> None:
    exception = as_json(record(exc_info=raised()))["exception"]
    assert (exception["type"], exception["message"]) == ("KeyError", "'x'")
    assert exception["stacktrace"].startswith("Traceback (most recent call last):\n")


def test_an_unsampled_request_has_the_ids_that_its_span_would_have() -> None:
    request = UnsampledSpan(3, None)
    otel_context.attach(trace.set_span_in_context(request))
    assert as_json(record())["trace_id"] == f"{request.get_span_context().trace_id:032x}"


def test_outside_of_a_span_the_ids_are_empty() -> None:
    assert {key: as_json(record())[key] for key in ("trace_id", "span_id")} == {"trace_id": "", "span_id": ""}


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class BadMapping(dict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no items")


def odd_records() -> dict[str, logging.LogRecord]:
    circular: list[Any] = []
    circular.append(circular)
    error = ValueError(Unwritable())
    return {
        "too few arguments": record("%s and %s", "one"),
        "wrong arguments": record("%d", "text"),
        "a message that is no text": record(object()),
        "a message without a text": record(Unwritable()),
        "an argument without a text": record("%s", Unwritable()),
        "lone surrogates": record("\udcff", more="\ud800"),
        "not a number": record(value=float("nan"), other=[float("inf")]),
        "bytes": record(value=b"\xff", key_of={b"k": 1, None: 2}),
        "circular": record(value=circular),
        "a set": record(value={1}),
        "a bad mapping": record(value=BadMapping(a=1)),
        "an extra that hides ours": record(level="mine", time="mine"),
        "an exception without a text": record(exc_info=(ValueError, error, None)),
        "exc_info that is true": record(exc_info=True),
        "exc_info of nothing": record(exc_info=(None, None, None)),
        "a stack that is no text": record(stack_info=5),
    }


@pytest.mark.parametrize("name", odd_records())
def test_an_odd_record_still_makes_a_line(name: str) -> None:
    as_json(odd_records()[name])
    logs.TextFormatter().format(odd_records()[name]).encode("utf-8")


def test_what_extra_gives_never_replaces_what_we_say() -> None:
    assert as_json(record(level="mine"))["level"] == "WARNING"


@given(
    message=st.text(),
    extra=st.dictionaries(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
            max_leaves=8,
        ),
        max_size=4,
    ),
)
def test_any_record_makes_one_json_object(message: str, extra: dict[str, Any]) -> None:
    made = record(message.replace("%", "%%"))
    for key, value in extra.items():
        made.__dict__.setdefault(key, value)
    as_json(made)


def test_the_filter_serves_any_formatter(stream: io.StringIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(service_name)s|%(trace_id)s|%(message)s"))
    handler.addFilter(logs.TraceFilter())
    logging.getLogger().addHandler(handler)
    log.warning("hello")
    assert stream.getvalue() == "shop||hello\n"


def test_the_record_factory_notes_the_span_where_the_record_is_made(stream: io.StringIO) -> None:
    logs.install_record_factory()
    once = logging.getLogRecordFactory()
    logs.install_record_factory()
    assert logging.getLogRecordFactory() is once
    with Pipeline().tracer.start_as_current_span("x") as span:
        made = log.makeRecord("shop", logging.INFO, "", 1, "hello", (), None)
    logs.TraceFilter().filter(made)  # later, where nothing is current
    assert made.trace_id == f"{span.get_span_context().trace_id:032x}"  # type: ignore[attr-defined]


def test_configure_again_replaces_its_own_handler_alone(stream: io.StringIO) -> None:
    others = logging.NullHandler()
    logging.getLogger().addHandler(others)
    logs.configure("text", stream=stream)
    handler = logs.configure("json", level="ERROR", stream=stream)
    assert logging.getLogger().level == logging.ERROR
    assert others in logging.getLogger().handlers
    assert [h for h in logging.getLogger().handlers if hasattr(h, "_spanwise")] == [handler]


def test_another_format_is_an_error() -> None:
    with pytest.raises(ValueError, match="format='xml' is not 'text' or 'json'"):
        logs.configure("xml")


def test_importing_changes_nothing() -> None:
    program = (
        "import logging; before = (logging.root.handlers[:], logging.getLogRecordFactory()); import spanwise.logs;"
        " assert before == (logging.root.handlers, logging.getLogRecordFactory())"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_instrument_tells_the_service_name(run: Callable[..., Ran]) -> None:
    ran = run("""
        import logging, sys, spanwise, spanwise.logs
        spanwise.logs.configure("json", stream=sys.stdout)
        spanwise.instrument(service="shop", export=lambda body: None)
        logging.getLogger("x").info("hello")
    """)
    assert ran.json["service_name"] == "shop"
