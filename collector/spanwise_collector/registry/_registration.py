"""What an instance may say of itself. Prometheus will connect to it and people will click on it, so it is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

MAX_BODY_BYTES = 4096
_MAX_IDENTITY = 32
_MAX_TEXT = 512
_FIELDS = frozenset({"identity", "metrics", "admin_url"})
_ID = re.compile(r"[A-Za-z0-9._:@-]{1,200}")
# An attribute name as in OpenTelemetry's conventions. It cannot begin with `_`, so it never becomes a `__*` label.
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_TARGET = re.compile(
    r"(?P<address>(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>\d{1,5}))"
    r"(?P<path>/[A-Za-z0-9/._~-]*)"
)


class RegistrationError(ValueError):
    """A registration that is refused: one line that names the field and what is allowed."""


@dataclass(frozen=True, slots=True)
class Registration:
    """`metrics` is `host:port/path`, `admin_url` an http(s) URL; both may be missing."""

    identity: Mapping[str, str] = field(default_factory=dict)
    metrics: str | None = None
    admin_url: str | None = None


def check_id(instance_id: str) -> str:
    """Raises RegistrationError."""
    if not _ID.fullmatch(instance_id):
        raise RegistrationError("the instance id may have letters, digits and . _ : @ - and be 1 to 200 long")
    return instance_id


def parse(body: bytes) -> Registration:
    """A registration from JSON. Raises RegistrationError."""
    if len(body) > MAX_BODY_BYTES:
        raise RegistrationError(f"a registration may have {MAX_BODY_BYTES} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise RegistrationError("the body is not JSON") from None
    if not isinstance(document, dict):
        raise RegistrationError("the body is not a JSON object")
    unknown = sorted(set(document) - _FIELDS)
    if unknown:
        raise RegistrationError(
            f"{unknown[0]!r} may not be in a registration; allowed are {', '.join(sorted(_FIELDS))}"
        )
    return Registration(
        identity=_identity(document.get("identity")),
        metrics=_metrics(document.get("metrics")),
        admin_url=_url(document.get("admin_url")),
    )


def _identity(given: Any) -> dict[str, str]:
    if not isinstance(given, dict) or not isinstance(given.get("service.name"), str) or not given["service.name"]:
        raise RegistrationError("identity must be an object with a service.name")
    if len(given) > _MAX_IDENTITY:
        raise RegistrationError(f"identity may have {_MAX_IDENTITY} attributes")
    for key, value in given.items():
        if not _ATTRIBUTE.fullmatch(key):
            raise RegistrationError(f"identity: {key!r} is not an attribute name such as service.version")
        if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
            raise RegistrationError(f"identity: {key} must be printable text of at most {_MAX_TEXT} characters")
    url = given.get("spanwise.admin.url")
    if url:
        _url(url)
    return dict(given)


def _metrics(given: Any) -> str | None:
    if given is None:
        return None
    match = _TARGET.fullmatch(given) if isinstance(given, str) else None
    if match is None or not 0 < int(match["port"]) < 65536:
        raise RegistrationError("metrics must be host:port/path, such as 127.0.0.1:9990/metrics")
    return match[0]


def split_target(metrics: str) -> tuple[str, str]:
    """`"127.0.0.1:9990/metrics"` -> `("127.0.0.1:9990", "/metrics")`."""
    address, slash, path = metrics.partition("/")
    return address, slash + path


def _url(given: Any) -> str | None:
    if given is None or given == "":
        return None
    problem = RegistrationError(
        "admin_url must be an http:// or https:// address without a user, such as http://10.0.0.7:9990"
    )
    if not isinstance(given, str) or len(given) > _MAX_TEXT or not given.isprintable() or " " in given:
        raise problem
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError:
        raise problem from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or "\\" in given:
        raise problem
    return given
