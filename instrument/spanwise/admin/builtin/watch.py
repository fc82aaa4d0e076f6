"""Metrics as they change: charts in a browser, `name, delta, value` for scripts, a stream for both."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from html import escape
from typing import Any

from spanwise.admin.builtin.metrics_json import chosen, only_grows
from spanwise.admin.messages import Answer, Page, Request, Response, Tier
from spanwise.admin.rendering import json_response
from spanwise.admin.routes import UNLISTED, route
from spanwise.admin.sampler import PERIOD_S, SAMPLER, Sample
from spanwise.admin.templates import template

# A stream holds a worker thread: half of them may, and whoever comes later asks again each second instead.
_MOST_STREAMS = 2
_STREAM_S = 600.0
_MOST_SERIES = 50
_streams = threading.BoundedSemaphore(_MOST_STREAMS)


@route(
    "/admin/metrics",
    title="Watch",
    group="Metrics",
    tier=Tier.OPEN,
    parameters=("m=…",),
    example="/admin/metrics?m=python_threads",
)
def watch(request: Request) -> Answer:
    """Charts of chosen metrics, live; for scripts with `m`: name, change since the sample before, and value."""
    names = request.query.get("m", ())
    if names and not request.wants_html:
        return json_response(_changes(request, names), pretty=False)
    latest, _ = SAMPLER.look(request.process)
    html = template("watch.html").substitute(
        options="".join(f'<option value="{escape(name)}">' for name in sorted(latest.numbers)),
        stream="/admin/metrics/stream",
    )
    text = "".join(f"{name}\n" for name in sorted(latest.numbers))
    return Page(
        "Watch",
        text,
        html,
        sorted(latest.numbers),
        subtitle="Each chart shows the last two minutes; totals are shown as their change a second.",
        scripts=("watch.js",),
    )


@route(
    "/admin/metrics/stream",
    title="Stream of metrics",
    group=UNLISTED,
    tier=Tier.OPEN,
    parameters=("m=…",),
    example="/admin/metrics/stream?m=python_threads",
)
def stream(request: Request) -> Response:
    """Server-sent events, one a second: the values of the series named by `m`, and which of them are totals."""
    names = tuple(request.query.get("m", ()))[:_MOST_SERIES]
    holds = request.own_port and _streams.acquire(blocking=False)
    body = _events(request, names) if holds else iter((_event(request, names),))
    return Response(body=body, content_type="text/event-stream;charset=UTF-8")


def _changes(request: Request, names: Any) -> list[dict[str, Any]]:
    latest, before = SAMPLER.look(request.process)
    return [
        {"name": name, "delta": float(value - _number(before, name, value)), "value": float(value)}
        for name, value in chosen(latest.numbers, names).items()
    ]


def _number(sample: Sample | None, name: str, default: float) -> float:
    """A series that is new has not changed."""
    return default if sample is None else sample.numbers.get(name, default)


def _events(request: Request, names: tuple[str, ...]) -> Iterator[bytes]:
    try:
        ends = time.monotonic() + _STREAM_S
        while time.monotonic() < ends:
            yield _event(request, names)
            time.sleep(PERIOD_S)
    finally:
        _streams.release()


def _event(request: Request, names: tuple[str, ...]) -> bytes:
    """One event; `retry` has the browser ask again in a second, should the stream end here."""
    latest, _ = SAMPLER.look(request.process)
    rows = {row.name: row for row in request.process.metrics()}
    found = dict(list(chosen(latest.numbers, names).items())[:_MOST_SERIES])
    data = {"at": latest.at, "values": found, "totals": [name for name in found if only_grows(name, rows)]}
    return f"retry: 1000\ndata: {json.dumps(data)}\n\n".encode()
