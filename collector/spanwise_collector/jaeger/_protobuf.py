"""Whether a caller asks for protobuf: Grafana's tempo plugin asks for `/api/traces/{id}` too, and wants only that."""

from __future__ import annotations

from flask import request

PROTOBUF = "application/protobuf"
_TYPES = (PROTOBUF, "application/x-protobuf")


def wants_protobuf() -> bool:
    return request.accept_mimetypes.best in _TYPES
