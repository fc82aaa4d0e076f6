"""Where `spanwise traces` asks, and what opens the door there."""

from __future__ import annotations

from spanwise.settings import PATH, TEXT, URL, Setting

SETTINGS: tuple[Setting, ...] = (
    Setting("SPANWISE_COLLECTOR_URL", URL, "http://127.0.0.1:9411", "The collector to ask.", flag="--collector"),
    Setting("SPANWISE_COLLECTOR_READ_TOKEN", TEXT, None, "The token that the collector asks for.", secret=True),
    Setting(
        "SPANWISE_COLLECTOR_READ_TOKEN_FILE",
        PATH,
        None,
        "A file whose first line is that token.",
        flag="--token-file",
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        PATH,
        None,
        "Whom to trust over https, in PEM; unset trusts whom the system trusts.",
        flag="--ca-file",
    ),
    Setting("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", PATH, None, "Our own certificate, in PEM."),
    Setting("OTEL_EXPORTER_OTLP_CLIENT_KEY", PATH, None, "The key of our own certificate, in PEM."),
)
