"""Rates and traces of single routes, set by hand above the collector's policy."""

from __future__ import annotations

import threading

from spanwise.http.wsgi import WSGIMiddleware
from spanwise.tracing import by_hand
from spanwise.tracing.policy import RoutePolicy, SamplingPolicy
from spanwise.tracing.policy_fetch import PolicyInForce
from spanwise.tracing.sampling import HeadSampling
from tests.instrument.pipeline import Pipeline

HIGH, LOW = (1 << 56) - 1, 0


def rate_of(sampling: HeadSampling, path: str) -> float | None:
    route = sampling.routes.of(path) if sampling.routes is not None else None
    return None if route is None else route._rate


def test_a_rate_by_hand_lies_above_the_policy_and_survives_a_new_one() -> None:
    sampling = HeadSampling(0.1)
    in_force = PolicyInForce(sampling)
    in_force(SamplingPolicy(None, (RoutePolicy("/a/{id}", 0.5), RoutePolicy("/b", 0.2))))
    by_hand.set_rate(sampling, "/a/{id}", 1.0)
    assert (rate_of(sampling, "/a/7"), rate_of(sampling, "/b")) == (1.0, 0.2)
    in_force(SamplingPolicy(None, (RoutePolicy("/b", 0.3),)))
    assert (rate_of(sampling, "/a/7"), rate_of(sampling, "/b")) == (1.0, 0.3)
    by_hand.forget_rate(sampling, "/a/{id}")
    assert (rate_of(sampling, "/a/7"), rate_of(sampling, "/b")) == (None, 0.3)
    in_force(SamplingPolicy())
    assert sampling.routes is None, "requests pay nothing for it any more"


def test_the_next_requests_of_a_route_are_counted_exactly() -> None:
    sampling = HeadSampling(0.0)
    by_hand.want(sampling, "/a/{id}", 50)
    by_hand.want(sampling, "/b", 1)
    [wanted, other] = sampling.wanted
    assert not wanted.takes("/c")
    taken: list[bool] = []

    def ask() -> None:
        taken.extend(wanted.takes(f"/a/{number}") for number in range(40))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(taken), wanted.left, other.left) == (50, 0, 1)
    by_hand.want(sampling, "/a/{id}", 3)
    assert [each.left for each in sampling.wanted] == [1, 3]
    by_hand.want_no_more(sampling, "/a/{id}")
    by_hand.want_no_more(sampling, "/b")
    assert sampling.wanted == ()


def test_a_wanted_request_is_traced_though_its_caller_did_not_sample_it() -> None:
    pipeline = Pipeline(0.0)
    app = WSGIMiddleware(lambda environ, start: [], pipeline.server, pipeline.redaction, lambda environ: "/a/{id}")
    unsampled = {"HTTP_TRACEPARENT": f"00-{'ab' * 16}-{'cd' * 8}-00"}
    by_hand.want(pipeline.sampling, "/a/{id}", 2)
    for path, more in (("/a/1", unsampled), ("/b", {}), ("/a/2", {}), ("/a/3", {})):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "shop", "SERVER_PORT": "80", **more}
        list(app(environ, lambda *given: lambda data: None))
    assert [span.attributes["url.path"] for span in pipeline.spans] == ["/a/1", "/a/2"]
    assert pipeline.spans[0].context.trace_id == int("ab" * 16, 16)
