"""The process's tracer provider. It is made once: OpenTelemetry lets the global one be set once, and tracers keep what
they were made with. A later `instrument`, after a shutdown, renews it in place, so that tracers of before work on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.util.types import Attributes

from spanwise.tracing.exporter import SpanExporter
from spanwise.tracing.sampling import HeadSampler, HeadSampling

_log = logging.getLogger("spanwise")
_own: TracerProvider | None = None
_resource = Resource.get_empty()  # of _own; spans and tracers hold it
_exporter: SpanExporter | None = None


def provide(
    sampling: HeadSampling, attributes: Mapping[str, str], limits: SpanLimits, exporter: SpanExporter | None
) -> TracerProvider:
    """Our provider, global unless somebody has set another one: then that one's spans are exported too."""
    global _own, _resource, _exporter
    resource = Resource.create(dict(attributes))
    if _own is None:
        _own, _resource = _make(sampling, resource, limits), resource
        os.register_at_fork(after_in_child=name_process)  # after the SDK's own, which gives each child another id
    else:
        assert isinstance(_own.sampler, HeadSampler)
        _own.sampler.follow(sampling)
        _hand_out(_own, resource.attributes)
    _exchange(_own, _exporter, exporter)
    existing = trace.get_tracer_provider()
    if not isinstance(existing, TracerProvider):
        trace.set_tracer_provider(_own)
    elif existing is not _own:
        _log.warning(
            "spanwise: another tracer provider is set already; its spans are exported too, with its own sampling."
        )
        _exchange(existing, _exporter, exporter)
    _exporter = exporter
    return _own


def _make(sampling: HeadSampling, resource: Resource, limits: SpanLimits) -> TracerProvider:
    return TracerProvider(HeadSampler(sampling), resource, shutdown_on_exit=False, span_limits=limits)


def processor_of(provider: TracerProvider) -> SpanProcessor:
    """What takes every span of the provider, those of processors that a service adds later included."""
    return provider._active_span_processor


def name_process() -> None:
    """In a forked child: its spans say which process they are of, and are of the same instance as its siblings'."""
    if _own is not None:
        _hand_out(_own, Resource({**_resource.attributes, "process.pid": str(os.getpid())}).attributes)


def _hand_out(provider: TracerProvider, attributes: Attributes) -> None:
    """Into the resource that spans and tracers hold, which goes back to where a fork has put another."""
    _resource._attributes = attributes  # type: ignore[assignment]
    provider._resource = _resource
    for tracer in getattr(provider, "_tracers", {}).values():
        tracer.resource = _resource


def _exchange(provider: TracerProvider, old: SpanExporter | None, new: SpanExporter | None) -> None:
    processors = provider._active_span_processor
    processors._span_processors = tuple(each for each in processors._span_processors if each is not old)
    if new is not None:
        provider.add_span_processor(new)
