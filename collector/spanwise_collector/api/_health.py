"""Whether the collector is up (`/livez`, `/health`), and whether it can answer questions (`/readyz`)."""

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
