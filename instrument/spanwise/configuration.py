"""The library's settings table: OpenTelemetry's variables, and `SPANWISE_*` for what it has no name for."""

from __future__ import annotations

from spanwise.admin.settings import ADMIN_SETTINGS
from spanwise.settings import DURATION, FLAG, INTEGER, LIST, NUMBER, PAIRS, PATH, TEXT, URL, Kind, Setting

_LOWER = Kind("text", "text", str.lower)


def _certificates(of: str) -> tuple[Setting, ...]:
    """The three files of TLS to the collector, in general or for spans alone."""
    alone = ", for spans alone" if of else ""
    return (
        Setting(f"OTEL_EXPORTER_OTLP_{of}CERTIFICATE", PATH, None, f"Whom to trust over https, in PEM{alone}."),
        Setting(f"OTEL_EXPORTER_OTLP_{of}CLIENT_CERTIFICATE", PATH, None, f"Our own certificate, in PEM{alone}."),
        Setting(f"OTEL_EXPORTER_OTLP_{of}CLIENT_KEY", PATH, None, f"The key of our own certificate, in PEM{alone}."),
    )


OTEL_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "OTEL_SERVICE_NAME", TEXT, None, "The service's name; derived from the project, package or program if unset."
    ),
    Setting("OTEL_RESOURCE_ATTRIBUTES", PAIRS, None, "Resource attributes, such as service.version=1.2,team=payments."),
    Setting("OTEL_SDK_DISABLED", FLAG, "false", "No spans at all; metrics and /admin stay."),
    Setting(
        "OTEL_TRACES_SAMPLER",
        TEXT,
        "parentbased_traceidratio",
        "How traces are sampled; the parentbased ones follow the caller's decision.",
        choices=(
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ),
    ),
    Setting("OTEL_TRACES_SAMPLER_ARG", NUMBER, "0.1", "The share of new traces that is kept.", low=0, high=1),
    Setting(
        "OTEL_TRACES_EXPORTER", TEXT, "otlp", "Where spans go: otlp, or none for nowhere.", choices=("otlp", "none")
    ),
    Setting("OTEL_PROPAGATORS", LIST, "tracecontext,baggage", "The formats of trace context on requests, in and out."),
    Setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", URL, None, "Base of the OTLP/HTTP receiver; /v1/traces is appended to its path."
    ),
    Setting("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", URL, None, "The full address that spans are sent to."),
    Setting("OTEL_EXPORTER_OTLP_HEADERS", PAIRS, None, "Headers for the collector, such as a token.", secret=True),
    Setting(
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        PAIRS,
        None,
        "Headers for spans alone, beside the general ones.",
        secret=True,
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        INTEGER,
        "10000",
        "Milliseconds that one request to the collector may take.",
        low=1,
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
        INTEGER,
        None,
        "Milliseconds that one request with spans may take, in place of the general time.",
        low=1,
    ),
    Setting("OTEL_EXPORTER_OTLP_COMPRESSION", TEXT, "gzip", "How requests are compressed.", choices=("gzip", "none")),
    Setting(
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
        TEXT,
        None,
        "How requests with spans are compressed, in place of the general setting.",
        choices=("gzip", "none"),
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        TEXT,
        "http/protobuf",
        "How spans are sent; grpc and http/json are not in the library.",
        choices=("http/protobuf",),
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        TEXT,
        None,
        "How spans are sent, in place of the general setting.",
        choices=("http/protobuf",),
    ),
    *_certificates(""),
    *_certificates("TRACES_"),
    Setting(
        "OTEL_BSP_SCHEDULE_DELAY",
        INTEGER,
        "200",
        "Milliseconds that a span may wait for a batch; while spans keep coming five times that, at most a second.",
        low=0,
    ),
    Setting(
        "OTEL_BSP_EXPORT_TIMEOUT",
        INTEGER,
        "60000",
        "Milliseconds that a batch is tried again while the collector is away; then it is dropped.",
        low=1,
    ),
    Setting("OTEL_BSP_MAX_QUEUE_SIZE", INTEGER, "8192", "Finished spans that may wait; more are dropped.", low=1),
    Setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", INTEGER, "2048", "Spans in one request at most.", low=1),
    Setting("OTEL_ATTRIBUTE_COUNT_LIMIT", INTEGER, "128", "Attributes of a span, event or link at most.", low=0),
    Setting("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", INTEGER, None, "Characters of an attribute's text at most.", low=0),
    Setting("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", INTEGER, None, "Attributes of a span, in place of the general.", low=0),
    Setting(
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        INTEGER,
        None,
        "Characters of the text of a span's attribute, in place of the general limit.",
        low=0,
    ),
    Setting("OTEL_SPAN_EVENT_COUNT_LIMIT", INTEGER, "128", "Events of a span at most.", low=0),
    Setting("OTEL_SPAN_LINK_COUNT_LIMIT", INTEGER, "128", "Links of a span at most.", low=0),
    Setting(
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", INTEGER, None, "Attributes of an event, in place of the general.", low=0
    ),
    Setting("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", INTEGER, None, "Attributes of a link, in place of the general.", low=0),
    Setting(
        "OTEL_LOG_LEVEL",
        _LOWER,
        None,
        "How much this library and the OpenTelemetry SDK say for themselves; unset leaves it to logging.",
        choices=("trace", "debug", "info", "warn", "warning", "error", "fatal", "critical", "none"),
    ),
)
SPANWISE_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "SPANWISE_COLLECTOR_URL",
        URL,
        None,
        "The collector, such as http://127.0.0.1:9411: for registration, and for spans unless an OTLP endpoint is set.",
    ),
    Setting(
        "SPANWISE_KEEP_SLOWER_THAN",
        DURATION,
        "1s",
        "A request that took longer leaves its span even when its trace is not sampled.",
    ),
    Setting(
        "SPANWISE_MAX_LABEL_SETS",
        INTEGER,
        "1000",
        "Label sets of one metric at most; further ones are counted together as _other.",
        low=1,
    ),
    Setting("SPANWISE_REDACT", LIST, None, "Further URL query parameters whose values are never recorded."),
)
INSTRUMENT_SETTINGS: tuple[Setting, ...] = (*OTEL_SETTINGS, *SPANWISE_SETTINGS, *ADMIN_SETTINGS)
