"""The collector's own JSON API, as the terminal asks it."""

from __future__ import annotations

import json
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from spanwise.admin.client import Client, ClientError
from spanwise.collector_tls import collector_tls
from spanwise.command import fail
from spanwise.settings import Settings

Json = dict[str, Any]
_TIMEOUT_S = 60.0


def client(settings: Settings) -> Client:
    """Raises CommandError for a token's file that cannot be read, SettingError for certificates that cannot be used."""
    token, path = settings["SPANWISE_COLLECTOR_READ_TOKEN"], settings["SPANWISE_COLLECTOR_READ_TOKEN_FILE"]
    if path and not token:
        try:
            token = next(iter(Path(path).expanduser().read_text(encoding="utf-8").split()), None)
        except (OSError, UnicodeDecodeError):
            fail(f"the token file {path} cannot be read (--token-file).")
    return Client(settings["SPANWISE_COLLECTOR_URL"], timeout_s=_TIMEOUT_S, token=token, tls=collector_tls(settings))


def in_words(error: ClientError, url: str) -> str:
    """One line: what the collector said, or that nobody answers, and what to do."""
    if not error.status:
        if "certificate verify failed" in str(error):
            return f"{error} Name whom to trust with --ca-file (OTEL_EXPORTER_OTLP_CERTIFICATE)."
        return f"{error} Is a collector running there? `spanwise collector` starts one; --collector names another."
    said = str(error)
    if error.status == 401:
        return f"{url} asks for a token: set SPANWISE_COLLECTOR_READ_TOKEN, or --token-file."
    _, brace, rest = said.partition("{")
    try:
        return str(json.loads(brace + rest)["error"])
    except (ValueError, KeyError, TypeError):
        return said


def unknown_service(asked: Client, service: str) -> str | None:
    """What to say of a service that is not there; None where it is."""
    names = [entry["name"] for entry in asked.json("/api/spanwise/services")["services"]]
    if service in names:
        return None
    close = get_close_matches(service, names, n=1)
    if close:
        return f"there is no service {service!r}: did you mean {close[0]!r}?"
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"there is no service {service!r}" + (f"; there are {shown}." if names else ": nothing was sent yet.")
