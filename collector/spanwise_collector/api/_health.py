"""Whether the collector is up (`/livez`, `/health`), and can answer questions (`/readyz`, Tempo's `/ready`)."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from spanwise_collector.api._services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
@blueprint.get("/health")
def alive() -> ResponseReturnValue:
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    problems = services().health.problems()
    if problems:
        return jsonify(status="not ready", problems=problems), 503, {"Retry-After": "1"}
    return jsonify(status="ready")


@blueprint.get("/ready")
def ready_as_tempo() -> ResponseReturnValue:
    problems = services().health.problems()
    status, text = (503, f"not ready: {'; '.join(problems)}\n") if problems else (200, "ready\n")
    return text, status, {"Content-Type": "text/plain; charset=utf-8"}
