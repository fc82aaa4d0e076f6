"""The Flask application: our JSON API, the query APIs that other tools speak, and the web pages."""

from __future__ import annotations

from flask import Flask, Response

from spanwise_collector import jaeger, tempo, zipkin
from spanwise_collector.api import (
    _asking,
    _attributes,
    _compression,
    _errors,
    _health,
    _keeping,
    _measures,
    _openapi,
    _reading,
    _registry,
)
from spanwise_collector.api._services import EXTENSION, Services
from spanwise_collector.web import blueprint as pages

# A query API is a room with a blueprint; this is the one place that knows them.
_QUERY_APIS = (*zipkin.blueprints, *jaeger.blueprints, tempo.blueprint)
_OUR_APIS = (_health, _reading, _measures, _attributes, _keeping, _registry, _openapi)
_BLUEPRINTS = (*(api.blueprint for api in _OUR_APIS), *_QUERY_APIS, pages)


def create_app(services: Services) -> Flask:
    """Pages and API over `services`; nothing here needs the store to be open yet."""
    app = Flask("spanwise_collector", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.compact = True  # type: ignore[attr-defined]
    app.extensions[EXTENSION] = services
    _asking.register(app)
    _errors.register(app)
    _compression.register(app)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)

    @app.after_request
    def _no_store(response: Response) -> Response:
        if not response.headers.get("Cache-Control") and response.mimetype == "application/json":
            response.headers["Cache-Control"] = "no-store"
        return response

    return app
