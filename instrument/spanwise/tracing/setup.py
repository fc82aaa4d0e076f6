"""From settings to how spans are sampled, bounded and sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.sdk.trace import SpanLimits
from prometheus_client import Counter

from spanwise import __version__
from spanwise.collector_tls import FILES, context_of
from spanwise.redaction import Redaction
from spanwise.settings import Settings
from spanwise.tracing.exporter import ExportLimits, SpanExporter
from spanwise.tracing.outage import Outage
from spanwise.tracing.sampling import HeadSampling
from spanwise.tracing.transport import FunctionTransport, HttpTransport, Transport

# Takes one encoded ExportTraceServiceRequest in place of HTTP.
Export = Callable[[bytes], None]
_LEVELS = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL", "NONE": "CRITICAL"}


def span_limits(settings: Settings) -> SpanLimits:
    """What a span may hold. The SDK fills in its own defaults for what is None."""
    return SpanLimits(
        max_attributes=settings["OTEL_ATTRIBUTE_COUNT_LIMIT"],
        max_attribute_length=settings["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
        max_span_attributes=settings["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"],
        max_span_attribute_length=settings["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"],
        max_events=settings["OTEL_SPAN_EVENT_COUNT_LIMIT"],
        max_links=settings["OTEL_SPAN_LINK_COUNT_LIMIT"],
        max_event_attributes=settings["OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"],
        max_link_attributes=settings["OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"],
    )


def set_log_level(settings: Settings) -> None:
    """OTEL_LOG_LEVEL: how much this library and the SDK say for themselves."""
    wanted = settings["OTEL_LOG_LEVEL"]
    if wanted is not None:
        level = _LEVELS.get(wanted.upper(), wanted.upper())
        for name in ("spanwise", "opentelemetry"):
            logging.getLogger(name).setLevel(level)


def traces_url(settings: Settings) -> str | None:
    """Where spans go by HTTP, None for nowhere."""
    if settings["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]:
        return str(settings["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
    base = settings["OTEL_EXPORTER_OTLP_ENDPOINT"] or settings["SPANWISE_COLLECTOR_URL"]
    return f"{base}/v1/traces" if base else None


def collector_address(settings: Settings) -> str:
    """As it may be written into the log."""
    return Redaction().url(
        settings["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        or settings["OTEL_EXPORTER_OTLP_ENDPOINT"]
        or settings["SPANWISE_COLLECTOR_URL"]
        or ""
    )


def collector_headers(settings: Settings) -> Mapping[str, str]:
    """For everything that is asked of or told to the collector, such as a token."""
    return settings["OTEL_EXPORTER_OTLP_HEADERS"] or {}


def exports(settings: Settings, export: Export | None) -> bool:
    """Whether spans go anywhere."""
    if settings["OTEL_SDK_DISABLED"] or settings["OTEL_TRACES_EXPORTER"] == "none":
        return False
    return export is not None or traces_url(settings) is not None


def sampling_from(settings: Settings, *, exports: bool) -> HeadSampling:
    kind: str = settings["OTEL_TRACES_SAMPLER"]
    rate: float = settings["OTEL_TRACES_SAMPLER_ARG"]
    if settings.source("OTEL_TRACES_SAMPLER_ARG") != "argument" and kind.endswith(("always_on", "always_off")):
        rate = 1.0 if kind.endswith("always_on") else 0.0  # an argument of `instrument` beats the environment
    return HeadSampling(rate if exports else 0.0, parent_based=kind.startswith("parentbased"))


def transport_from(settings: Settings, export: Export | None) -> Transport | None:
    """None where spans go nowhere. Raises SettingError for certificates that cannot be used."""
    if not exports(settings, export):
        return None
    if export is not None:
        return FunctionTransport(export)
    return HttpTransport(
        traces_url(settings) or "",
        {**collector_headers(settings), **(settings["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] or {})},
        compress=_of_traces(settings, "COMPRESSION") == "gzip",
        user_agent=f"spanwise/{__version__}",
        tls=context_of(*(_of_traces(settings, what) for what in FILES)),
    )


def exporter_from(
    settings: Settings,
    transport: Transport | None,
    outage: Outage,
    exported: Counter,
    dropped: Counter,
    redaction: Redaction,
) -> SpanExporter | None:
    if transport is None:
        return None
    limits = ExportLimits(
        max_queue=settings["OTEL_BSP_MAX_QUEUE_SIZE"],
        max_batch=settings["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"],
        delay_s=settings["OTEL_BSP_SCHEDULE_DELAY"] / 1000,
        timeout_s=_of_traces(settings, "TIMEOUT") / 1000,
        patience_s=settings["OTEL_BSP_EXPORT_TIMEOUT"] / 1000,
    )
    return SpanExporter(transport, limits, outage, exported, dropped, redaction)


def _of_traces(settings: Settings, what: str) -> Any:
    """The variable for spans alone beats the general one."""
    own = settings[f"OTEL_EXPORTER_OTLP_TRACES_{what}"]
    return own if own is not None else settings[f"OTEL_EXPORTER_OTLP_{what}"]
