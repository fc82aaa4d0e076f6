"""A web server with the collector's pages and a made-up JSON API behind them, for tests of the pages alone.

Its answers have the shapes of docs/collector-api.md. Traces are added while it runs; it can be told to fail.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Flask, Response, request
from werkzeug.serving import make_server

from spanwise_collector.query import Analysis
from spanwise_collector.web import blueprint

MS = 1_000_000  # nanoseconds
RESOURCE = {"attributes": [], "dropped_attributes_count": 0, "schema_url": ""}
SCOPE = {"name": "spanwise", "version": "0.1.0", "attributes": [], "dropped_attributes_count": 0, "schema_url": ""}


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span(number: int, parent: int = 0, **given: Any) -> dict[str, Any]:
    """A span whose id is `number`; `start_ms` counts from the trace's start, which is `at` (ns since 1970)."""
    start = given.pop("at", 1_763_712_000_000_000_000) + int(given.pop("start_ms", 0) * MS)
    made = {
        "trace_id": trace_id(given.pop("trace", 1)),
        "span_id": f"{number:016x}",
        "parent_span_id": f"{parent:016x}" if parent else "",
        "trace_state": "",
        "flags": 1,
        "service": "gateway",
        "name": f"GET /{number}",
        "kind": "server",
        "start_unix_nano": str(start),
        "duration_ns": int(given.pop("duration_ms", 10) * MS),
        "status": {"code": "error" if given.get("error") else "unset", "message": given.pop("error", "")},
        "attributes": [],
        "resource": RESOURCE,
        "scope": SCOPE,
        "events": [],
        "links": [],
        "dropped_attributes_count": 0,
        "dropped_events_count": 0,
        "dropped_links_count": 0,
        "adjusted_count": 1.0,
    }
    return made | given


def attribute(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


def summary(spans: list[dict[str, Any]]) -> dict[str, Any]:
    start = min(int(one["start_unix_nano"]) for one in spans)
    end = max(int(one["start_unix_nano"]) + one["duration_ns"] for one in spans)
    root = next((one for one in spans if not one["parent_span_id"]), spans[0])
    failed = [one for one in spans if one["status"]["code"] == "error"]
    services = sorted({one["service"] for one in spans})
    return {
        "trace_id": spans[0]["trace_id"],
        "root_service": root["service"],
        "root_name": root["name"],
        "start_unix_nano": str(start),
        "duration_ns": end - start,
        "span_count": len(spans),
        "error_count": len(failed),
        "services": [{"name": name, "span_count": 1, "error_count": 0} for name in services],
    }


class CannedCollector:
    """Serves on a free loopback port from construction to `close()`."""

    def __init__(self) -> None:
        self.traces: dict[str, list[dict[str, Any]]] = {}
        self.queries: list[dict[str, str]] = []  # of the list of traces, in the order they came
        self.headers: list[dict[str, str]] = []  # of every API request
        self.failing = False  # when true, every API request is answered 503
        self._app = Flask(__name__)
        self._app.register_blueprint(blueprint)
        self._add_api()
        self._server = make_server("127.0.0.1", 0, self._app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def clear(self) -> None:
        """As if it had just been started."""
        self.traces.clear()
        self.queries.clear()
        self.headers.clear()
        self.failing = False

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def add(self, *spans: dict[str, Any]) -> str:
        """Adds spans to their trace; returns the address of the trace's page."""
        for one in spans:
            self.traces.setdefault(one["trace_id"], []).append(one)
        return f"{self.url}/trace/{spans[0]['trace_id']}"

    def add_request(self, number: int, *, service: str = "gateway", seconds_ago: float = 0, **given: Any) -> str:
        """Adds a trace of one span that began so long ago."""
        at = time.time_ns() - int(seconds_ago * 1e9)
        return self.add(span(1, trace=number, service=service, at=at, **given))

    def _add_api(self) -> None:
        routes = {
            "services": self._services,
            "operations": self._operations,
            "traces": self._search,
            "traces/<wanted>": self._trace,
        }
        for path, view in routes.items():
            self._app.add_url_rule(f"/api/spanwise/{path}", view.__name__, view)

        @self._app.before_request
        def note() -> tuple[dict[str, str], int] | None:
            if not request.path.startswith("/api/"):
                return None
            self.headers.append(dict(request.headers))
            if self.failing:
                return {"error": "the store is away; it is tried again"}, 503
            return None

    def _services(self) -> dict[str, Any]:
        names = {one["service"] for spans in list(self.traces.values()) for one in spans}
        return {"services": [{"name": name} for name in sorted(names)]}

    def _operations(self) -> dict[str, Any]:
        every = [one for spans in list(self.traces.values()) for one in spans]
        seen = {(one["service"], one["name"], one["kind"]) for one in every}
        return {"operations": [{"service": a, "name": b, "kind": c} for a, b, c in sorted(seen)]}

    def _search(self) -> dict[str, Any]:
        self.queries.append(dict(request.args))
        found = [summary(spans) for spans in list(self.traces.values())]
        if service := request.args.get("service"):
            found = [one for one in found if any(has["name"] == service for has in one["services"])]
        if request.args.get("error") == "true":
            found = [one for one in found if one["error_count"]]
        found.sort(key=lambda one: (-int(one["start_unix_nano"]), one["trace_id"]))
        first = int(request.args.get("page", "0"))
        last = first + int(request.args.get("limit", "20"))
        return {"traces": found[first:last], "next_page": str(last) if last < len(found) else None}

    def _trace(self, wanted: str) -> dict[str, Any] | tuple[dict[str, str], int] | Response:
        if wanted not in self.traces:
            return {"error": "there is no such trace"}, 404
        spans = list(self.traces[wanted])
        analysis = Analysis()
        for one in spans:
            analysis.add(one)
        return {"trace_id": wanted, "spans": spans, "analysis": analysis.result()}
