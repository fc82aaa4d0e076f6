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
        current.attach(Context({current.SPAN_KEY: SPAN}))
        assert trace.get_current_span() is SPAN
        assert current.get_context() is otel_context.get_current()
        assert current.get_context().get(current.SPAN_KEY) is SPAN
    finally:
        otel_context.attach(before)
    assert current.get_context() is before


def test_such_a_context_is_what_opentelemetry_would_make() -> None:
    others = baggage.set_baggage("tenant", "acme", trace.set_span_in_context(INVALID_SPAN, Context()))
    made = Context({**others, current.SPAN_KEY: SPAN})
    assert made == trace.set_span_in_context(SPAN, others)


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
