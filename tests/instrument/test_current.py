"""The current context in one step each is OpenTelemetry's own."""

from __future__ import annotations

import subprocess
import sys

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext

from spanwise.tracing import current

SPAN = NonRecordingSpan(SpanContext(1, 2, False))


def test_what_is_attached_here_is_current_there_and_back() -> None:
    before = otel_context.get_current()
    try:
        current.attach(current.context_with(SPAN, Context()))
        assert trace.get_current_span() is SPAN
        assert current.get_context() is otel_context.get_current()
        assert current.get_context().get(current.SPAN_KEY) is SPAN
    finally:
        otel_context.attach(before)
    assert current.get_context() is before


def test_a_context_keeps_what_else_it_holds() -> None:
    others = baggage.set_baggage("tenant", "acme", trace.set_span_in_context(INVALID_SPAN, Context()))
    made = current.context_with(SPAN, others)
    assert trace.get_current_span(made) is SPAN
    assert baggage.get_baggage("tenant", made) == "acme"
    assert made == trace.set_span_in_context(SPAN, others)
    assert trace.get_current_span(others) is INVALID_SPAN


def test_another_runtime_context_is_asked_by_its_own_functions() -> None:
    script = (
        "from opentelemetry import context\n"
        "class Other:\n"
        "    _current_context = None\n"
        "context._RUNTIME_CONTEXT = Other()\n"
        "from spanwise.tracing import current\n"
        "assert current.get_context is context.get_current and current.attach is context.attach\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
