"""Variables of OpenTelemetry's specification that have no effect here, and why: said once at start, and in the docs.

Those that have one are rows of `spanwise.configuration`. What other instrumentation packages read (`OTEL_PYTHON_...`,
`OTEL_INSTRUMENTATION_...`) is theirs. (opentelemetry-specification, configuration/sdk-environment-variables.md
and protocol/exporter.md.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_METRICS = "metrics are Prometheus', served at /metrics"
_LOGS = "logs are not sent, only correlated"
_GRPC = "spans are sent by HTTP; the address says http or https"
_CODE = "instrument() puts the parts together itself"

# By name, or by how a name begins where it ends in `*`.
WITHOUT_EFFECT: Mapping[str, str] = {
    "OTEL_METRICS_EXPORTER": _METRICS,
    "OTEL_METRIC_EXPORT_*": _METRICS,
    "OTEL_METRICS_EXEMPLAR_FILTER": "exemplars are those of sampled requests",
    "OTEL_EXPORTER_OTLP_METRICS_*": _METRICS,
    "OTEL_EXPORTER_PROMETHEUS_*": "the address of /metrics is SPANWISE_ADMIN_HOST and SPANWISE_ADMIN_PORT",
    "OTEL_LOGS_EXPORTER": _LOGS,
    "OTEL_BLRP_*": _LOGS,
    "OTEL_LOGRECORD_*": _LOGS,
    "OTEL_EXPORTER_OTLP_LOGS_*": _LOGS,
    "OTEL_EXPORTER_OTLP_INSECURE": _GRPC,
    "OTEL_EXPORTER_OTLP_TRACES_INSECURE": _GRPC,
    "OTEL_EXPORTER_ZIPKIN_*": "spans are sent by OTLP; the collector takes Zipkin's format and serves its API",
    "OTEL_EXPORTER_JAEGER_*": "spans are sent by OTLP; the collector serves Jaeger's API",
    "OTEL_CONFIG_FILE": "settings are variables and arguments",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "settings are variables and arguments",
    "OTEL_ENTITIES": "resource attributes are OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "the stable conventions alone are written; other instrumentations do read it",
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "the known methods are the convention's, the same in every service",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_*": "headers are not recorded; other instrumentations do read it",
    "OTEL_PYTHON_ID_GENERATOR": "ids are random in the way that consistent sampling needs",
    "OTEL_PYTHON_TRACER_PROVIDER": _CODE,
    "OTEL_PYTHON_METER_PROVIDER": _CODE,
}
# Read by the OpenTelemetry SDK and by other packages, with their effect.
_READ_BY_OTHERS = ("OTEL_PYTHON_", "OTEL_INSTRUMENTATION_", "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS")


def without_effect(environ: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """What of the environment is set in vain: `["OTEL_LOGS_EXPORTER (logs are not sent, only correlated)"]`.

    `known` are the variables that the settings tables have.
    """
    rows = set(known)
    given = sorted(name for name, value in environ.items() if name.startswith("OTEL_") and value.strip())
    found = []
    for name in given:
        reason = _reason(name)
        if not reason and name not in rows and not name.startswith(_READ_BY_OTHERS):
            reason = "no variable of that name is known"
        if reason:
            found.append(f"{name} ({reason})")
    return found


def _reason(name: str) -> str:
    for pattern, reason in WITHOUT_EFFECT.items():
        if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
            return reason
    return ""
