"""The shared server handler where no adapter's contract reaches: declarations, bounds and threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from spanwise import objectives
from spanwise.http import server
from spanwise.http.server import Request, split_host
from tests.instrument.pipeline import Pipeline


def begin(pipeline: Pipeline, path: str = "/x", method: str = "GET", traceparent: str | None = None) -> Request:
    return pipeline.server.begin({}, lambda source: {}, method, path, traceparent, None, None)


def finished(pipeline: Pipeline, **more: Any) -> Request:
    request = begin(pipeline, **more)
    request.status, request.route = "200", "/x"
    request.end()
    return request


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.org", ("example.org", 80)),
        ("example.org:8080", ("example.org", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        ("[::1]", ("::1", 80)),
        ("", ("", 80)),
        ("h:", ("h:", 80)),
        ("h:x", ("h:x", 80)),
        ("h:\xb2", ("h:\xb2", 80)),
        ("h:" + "9" * 5000, ("h:" + "9" * 5000, 80)),
    ],
)
def test_hosts(host: str, expected: tuple[str, int]) -> None:
    assert split_host(host, 80) == expected


def test_a_request_is_finished_once() -> None:
    pipeline = Pipeline()
    request = finished(pipeline)
    request.finish()
    request.end()
    request.failed(ValueError("too late"))
    request.end()
    assert sum(pipeline.counted().values()) == 1
    assert pipeline.active() == 0
    assert request.error is None  # a traceback would keep everything alive


def test_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MAX_SERIES", 10)
    pipeline = Pipeline(0.0)
    for number in range(50):
        request = begin(pipeline)
        request.status, request.route = "200", f"/{number}"
        request.end()
    assert len(pipeline.server._series) == 10
    assert sum(pipeline.counted().values()) == 50


def test_untraced_prefixes_add_up() -> None:
    pipeline = Pipeline(untraced=("/one",))
    pipeline.server.add_untraced(("/two", "/one"))
    for path in ("/one", "/two/x", "/three"):
        finished(pipeline, path=path)
    assert len(pipeline.spans) == 1
    assert sum(pipeline.counted().values()) == 3


def test_an_empty_prefix_would_be_everything() -> None:
    pipeline = Pipeline()
    pipeline.server.add_untraced(())
    finished(pipeline)
    assert len(pipeline.spans) == 1


def test_a_series_made_while_an_slo_is_declared_counts_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline(0.0)
    declared: list[Any] = []
    looked, go_on = threading.Event(), threading.Event()

    def slow_look(route: str) -> tuple[Any, ...]:
        found = tuple(declared)
        looked.set()
        go_on.wait(5)
        return found

    monkeypatch.setattr(server, "_counting", slow_look)
    first = threading.Thread(target=finished, args=(pipeline,))
    first.start()
    looked.wait(5)
    declared.append("it")  # while the new series has looked, and before it is stored
    declaring = threading.Thread(target=pipeline.server.forget_objectives)
    declaring.start()
    declaring.join(0.1)
    go_on.set()
    first.join(5)
    declaring.join(5)
    (series,) = pipeline.server._series.values()
    assert series.objectives == ("it",)
    assert objectives.objectives_for("/nothing") == ()


def test_many_threads_count_exactly() -> None:
    pipeline = Pipeline(0.3)
    threads = [threading.Thread(target=lambda: [finished(pipeline) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.counted() == {("GET", "/x", "200"): 800}
    assert pipeline.active() == 0
    assert len({span.context.trace_id for span in pipeline.spans}) == len(pipeline.spans) > 100


def test_nobody_is_current_after_a_request_that_could_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = Pipeline()
    monkeypatch.setattr(pipeline.server, "_root", lambda *_: 1 / 0)
    request = finished(pipeline)
    assert request.span is None
    assert sum(pipeline.counted().values()) == 1
