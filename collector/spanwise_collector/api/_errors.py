"""Every error of the API is `{"error": "what happened, and what to do"}` with the fitting status."""

from __future__ import annotations

import logging

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from spanwise_collector.api._endpoint import NotFoundError
from spanwise_collector.keeping import StoreBehindError
from spanwise_collector.query import BadSearchError
from spanwise_collector.registry import InstanceError, RegistrationError, SamplingPolicyError
from spanwise_collector.store import (
    BadPatternError,
    NotOpenError,
    PinLimitError,
    QueryCancelledError,
    QueryMemoryError,
    QueryTimeoutError,
    QueryTooLargeError,
)

log = logging.getLogger(__name__)

_JSON_PATHS = ("/api/", "/sd/", "/v1/", "/health", "/livez", "/readyz")


def register(app: Flask) -> None:
    """Teaches the application to answer errors; only where pages are served does a fault stay a page."""

    @app.errorhandler(BadSearchError)
    @app.errorhandler(BadPatternError)
    @app.errorhandler(QueryTooLargeError)
    @app.errorhandler(RegistrationError)
    @app.errorhandler(SamplingPolicyError)
    def bad_request(error: Exception) -> ResponseReturnValue:
        return jsonify(error=str(error)), 400

    @app.errorhandler(NotFoundError)
    def not_found(error: NotFoundError) -> ResponseReturnValue:
        return jsonify(error=str(error)), 404

    @app.errorhandler(PinLimitError)
    def no_room(error: PinLimitError) -> ResponseReturnValue:
        return jsonify(error=str(error)), 409

    @app.errorhandler(InstanceError)
    def refused(error: InstanceError) -> ResponseReturnValue:
        return jsonify(error=str(error)), error.status

    @app.errorhandler(QueryTimeoutError)
    @app.errorhandler(QueryMemoryError)
    @app.errorhandler(QueryCancelledError)
    @app.errorhandler(NotOpenError)
    @app.errorhandler(StoreBehindError)
    def unavailable(error: Exception) -> ResponseReturnValue:
        return jsonify(error=str(error)), 503, {"Retry-After": "1"}

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> ResponseReturnValue:
        if not request.path.startswith(_JSON_PATHS):
            return error
        return jsonify(
            error=f"{error.name}: {request.method} {request.path}; docs/collector-api.md has every endpoint"
        ), (error.code or 500)

    @app.errorhandler(Exception)
    def fault(error: Exception) -> ResponseReturnValue:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        return (
            jsonify(error=f"the store did not answer: {' '.join(str(error).split())[:300]}"),
            503,
            {"Retry-After": "1"},
        )
