"""The envelope of Jaeger's legacy API: `{"data", "errors", "limit", "offset", "total"}`."""

from __future__ import annotations

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue


def envelope(data: Any, total: int) -> ResponseReturnValue:
    return jsonify(data=data, errors=None, limit=0, offset=0, total=total)


def failure(status: int, message: str, trace_id: str = "") -> ResponseReturnValue:
    error = {"code": status, "msg": message} | ({"traceID": trace_id} if trace_id else {})
    return jsonify(data=None, errors=[error], limit=0, offset=0, total=0), status


def bad_request(error: Exception) -> ResponseReturnValue:
    """What a blueprint of this API answers where a parameter cannot be used."""
    return failure(400, str(error))
