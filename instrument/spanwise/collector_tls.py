"""TLS to a collector, as OpenTelemetry's variables name the files: whom to trust, and what to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spanwise.settings import SettingError, Settings

if TYPE_CHECKING:
    import ssl

FILES = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")


def collector_tls(settings: Settings) -> ssl.SSLContext | None:
    """For everything that is asked of or told to the collector over https; None trusts whom the system trusts.

    Raises SettingError for files that cannot be used.
    """
    return context_of(*(settings[f"OTEL_EXPORTER_OTLP_{what}"] for what in FILES))


def context_of(trusted: str | None, shown: str | None, key: str | None) -> ssl.SSLContext | None:
    """From the paths of FILES, in their order. Raises SettingError."""
    if trusted is None and shown is None and key is None:
        return None
    import ssl  # only where it is asked for

    if key is not None and shown is None:
        raise SettingError("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not set: a client key needs its certificate.")
    try:
        context = ssl.create_default_context(cafile=trusted)
        if shown is not None:
            context.load_cert_chain(shown, key, password=lambda: b"")  # nobody is there to be asked for one
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
        named = ", ".join(path for path in (trusted, shown, key) if path)
        variables = "OTEL_EXPORTER_OTLP_CERTIFICATE, ..._CLIENT_CERTIFICATE or ..._CLIENT_KEY"
        raise SettingError(f"{variables} cannot be used: {reason} ({named}).") from None
    return context
