from __future__ import annotations

import time

from spanwise.diagnosis import failures
from spanwise.diagnosis.exchanges import exchanges
from spanwise.diagnosis.failures import Failure, Failures
from spanwise.http.wsgi import WSGIMiddleware
from tests.instrument.pipeline import Pipeline


def failure(reason: str) -> Failure:
    return Failure(time.time(), "GET", reason, 0.1, "")


def test_the_last_of_each_name_are_kept_newest_first() -> None:
    kept = Failures(max_names=2, kept=2)
    for reason in ("one", "two", "three"):
        kept.note("a", failure(reason))
    assert [each.reason for each in kept.of("a")] == ["three", "two"]
    kept.note("b", failure("four"))
    kept.note("a", failure("five"))
    kept.note("c", failure("six"))
    assert kept.of("b") == [], "the one that has not failed for longest goes"
    assert kept.of("a")[0].reason == "five"
    assert kept.of("nobody") == []


def serve(status: str, path: str) -> None:
    pipeline = Pipeline(1.0)

    def app(environ: object, start_response: object) -> list[bytes]:
        start_response(status, [])  # type: ignore[operator]
        return [b"x"]

    middleware = WSGIMiddleware(app, pipeline.server, pipeline.redaction, lambda environ: "/orders/{id}")
    environ = {"REQUEST_METHOD": "PATCH", "PATH_INFO": path, "QUERY_STRING": "token=hunter2", "SERVER_NAME": "shop"}
    list(middleware({**environ, "SERVER_PORT": "80"}, lambda *given: lambda data: None))


def test_a_request_that_failed_is_noted_with_its_trace() -> None:
    before = time.time()
    serve("503 Service Unavailable", "/orders/7")
    latest = failures.SERVED.of("PATCH /orders/{id}")[0]
    assert (latest.method, latest.reason, len(latest.trace_id)) == ("PATCH", "503", 32)
    assert before - 1 <= latest.at <= time.time() + 1


def test_recent_requests_have_no_query() -> None:
    serve("200 OK", "/orders/8")
    newest = exchanges()[0]
    assert (newest.method, newest.path, newest.route, newest.status) == ("PATCH", "/orders/8", "/orders/{id}", "200")
    assert abs(time.time() - newest.at) < 30 and newest.took_s >= 0
    assert not newest.failed
    assert "hunter2" not in repr(newest)
