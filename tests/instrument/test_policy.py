"""Sampling by route: what the collector may ask for, and counts that stay right whatever it asks."""

from __future__ import annotations

import json
from math import sqrt
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise.tracing.policy import (
    MAX_ROUTES,
    PolicyError,
    RoutePolicy,
    RouteRates,
    RouteSampling,
    SamplingPolicy,
    parse_policy,
    pattern,
)
from spanwise.tracing.sampling import MAX_THRESHOLD, RANDOMNESS_BITS
from tests.instrument.pipeline import Pipeline


def adjusted_count(state: str) -> float:
    """What a span with this trace state stands for (docs/contracts.md)."""
    if state.startswith("spanwise=kept:"):
        return 0.0
    assert state.startswith("ot=th:")
    return MAX_THRESHOLD / (MAX_THRESHOLD - int(state[6:].ljust(14, "0"), 16))


class Traffic:
    """Requests at a steady pace, decided one after the other, with a clock of their own."""

    def __init__(self, policy: RoutePolicy, service_rate: float = 0.1, seed: int = 1) -> None:
        self.now = 0.0
        self.sampling = RouteSampling(policy, service_rate, self.now)
        self.random = Random(seed)

    def send(self, per_second: float, seconds: float) -> list[str]:
        """The trace states of what was recorded."""
        decided = []
        for _ in range(int(per_second * seconds)):
            self.now += 1 / per_second
            decided.append(self.sampling.decide(self.random.getrandbits(RANDOMNESS_BITS), self.now))
        return [state for state in decided if state is not None]


def test_a_policy_is_read() -> None:
    body = {
        "rate": 0.5,
        "routes": [{"route": "/a", "rate": 1, "max_per_second": 10}, {"route": "/b", "min_per_second": 0.5}],
        "later": True,
    }
    assert parse_policy(json.dumps(body)) == SamplingPolicy(
        0.5, (RoutePolicy("/a", 1.0, 10.0, None), RoutePolicy("/b", None, None, 0.5))
    )
    assert parse_policy(b'{"rate": null, "routes": []}') == SamplingPolicy()
    assert parse_policy(b"{}") == SamplingPolicy()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("nonsense", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not an object"),
        ({"rate": 2}, "rate must be a number from 0 to 1"),
        ({"rate": True}, "rate must be"),
        ({"rate": "0.5"}, "rate must be"),
        ({"routes": {"/a": 1}}, "routes must be a list"),
        ({"routes": [{}] * (MAX_ROUTES + 1)}, "at most 500"),
        ({"routes": [{"rate": 1}]}, r"routes\[0\]\.route must be a text"),
        ({"routes": ["/a"]}, "route must be a text"),
        ({"routes": [{"route": "/a", "max_per_second": -1}]}, r"routes\[0\]\.max_per_second"),
    ],
)
def test_what_is_wrong_is_said(body: Any, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        parse_policy(body if isinstance(body, str) else json.dumps(body))


@pytest.mark.parametrize(
    ("route", "yes", "no"),
    [
        ("/a/<id>", ["/a/1"], ["/a", "/a/", "/a/1/2", "/b/1"]),
        ("/a/<int:id>/b", ["/a/1/b"], ["/a/1", "/a/1/2/b"]),
        ("/f/<path:name>", ["/f/x", "/f/x/y"], ["/f/", "/g/x"]),
        ("/items/{item_id}", ["/items/x"], ["/items/x/y"]),
        ("/f/{rest:path}", ["/f/x/y"], ["/f"]),
        ("/a.b/{x}", ["/a.b/1"], ["/aXb/1"]),
        ("/v/{a}-{b}", ["/v/1-2"], ["/v/12"]),
    ],
)
def test_a_template_finds_its_paths(route: str, yes: list[str], no: list[str]) -> None:
    template = pattern(route)
    assert [path for path in yes if not template.fullmatch(path)] == []
    assert [path for path in no if template.fullmatch(path)] == []


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_template(route: str, path: str) -> None:
    RouteRates([RoutePolicy(route)], 0.1).of(path)


def test_a_literal_route_comes_first_then_the_policy_s_order() -> None:
    rates = RouteRates([RoutePolicy("/a/<x>", 0.1), RoutePolicy("/a/<path:x>", 0.2), RoutePolicy("/a/new", 0.3)], 0.5)
    assert [found and found._rate for found in map(rates.of, ("/a/new", "/a/old", "/a/b/c", "/z"))] == [
        0.3,
        0.1,
        0.2,
        None,
    ]


def test_without_a_rate_of_its_own_a_route_has_the_service_s() -> None:
    kept = Traffic(RoutePolicy("/a"), service_rate=0.5).send(1000, 10)
    assert {adjusted_count(state) for state in kept} == {2.0}
    assert 4600 < len(kept) < 5400


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_all_and_nothing(rate: float) -> None:
    kept = Traffic(RoutePolicy("/a", rate)).send(100, 5)
    assert kept == (["ot=th:0"] * 500 if rate else [])


@pytest.mark.parametrize("per_second", [5.0, 200.0, 5000.0])
def test_the_upper_bound_holds_and_the_counts_stay_right(per_second: float) -> None:
    """Each run's estimate of the requests from the spans, beside the truth, over many runs."""
    seconds, runs = 20, 12
    estimates, most = [], 0.0
    for seed in range(runs):
        traffic = Traffic(RoutePolicy("/a", 1.0, max_per_second=10.0), seed=seed)
        kept = traffic.send(per_second, seconds)
        estimates.append(sum(adjusted_count(state) for state in kept))
        most = max(most, len(kept) / seconds)
    truth = per_second * seconds
    mean = sum(estimates) / runs
    spread = sqrt(sum((one - mean) ** 2 for one in estimates) / (runs - 1))
    assert abs(mean - truth) <= 4 * spread / sqrt(runs) + 1e-9
    assert most <= (5.0 if per_second == 5.0 else 25.0)  # halving lets a little more through than the bound
    if per_second == 5.0:
        assert spread == 0.0  # under the bound everything is kept


def test_a_burst_is_held_too_and_counted_right() -> None:
    estimates = []
    for seed in range(30):
        traffic = Traffic(RoutePolicy("/a", 1.0, max_per_second=10.0), seed=seed)
        kept = [*traffic.send(5, 5), *traffic.send(20_000, 1), *traffic.send(5, 5)]
        assert len(kept) < 250
        estimates.append(sum(adjusted_count(state) for state in kept))
    mean = sum(estimates) / len(estimates)
    spread = sqrt(sum((one - mean) ** 2 for one in estimates) / (len(estimates) - 1))
    assert abs(mean - 20_050) <= 4 * spread / sqrt(len(estimates))


def test_the_lower_bound_keeps_traces_that_count_nothing() -> None:
    kept = Traffic(RoutePolicy("/a", 0.0, min_per_second=2.0)).send(100, 50)
    assert {adjusted_count(state) for state in kept} == {0.0}
    assert 90 <= len(kept) <= 102


def test_the_lower_bound_of_a_rare_route_keeps_its_first_request() -> None:
    traffic = Traffic(RoutePolicy("/a", 0.0, min_per_second=0.1))
    assert traffic.send(0.01, 100) == ["spanwise=kept:minimum"]
    assert len(traffic.send(10, 100)) in range(8, 13)


def test_the_lower_bound_is_no_more_when_probability_gives_enough() -> None:
    kept = Traffic(RoutePolicy("/a", 0.5, min_per_second=1.0)).send(100, 50)
    assert sum(1 for state in kept if adjusted_count(state) == 0.0) <= 5
    assert abs(sum(adjusted_count(state) for state in kept) - 5000) < 400


def test_bounds_on_both_sides() -> None:
    kept = Traffic(RoutePolicy("/a", 1.0, max_per_second=1.0, min_per_second=1.0)).send(500, 40)
    assert 30 < len(kept) < 300


def request(pipeline: Pipeline, path: str, traceparent: str | None = None) -> None:
    started = pipeline.server.begin({}, lambda source: {}, "GET", path, traceparent, None, None)
    started.status = "200"
    started.end()


def states(pipeline: Pipeline) -> list[str]:
    return [span.get_span_context().trace_state.to_header() for span in pipeline.spans]  # type: ignore[union-attr]


def test_requests_are_decided_by_their_route() -> None:
    pipeline = Pipeline(0.0)
    pipeline.sampling.routes = RouteRates([RoutePolicy("/a/<x>", 1.0), RoutePolicy("/b", 0.25)], 0.0)
    for number in range(100):
        request(pipeline, f"/a/{number}")
        request(pipeline, "/c")
    assert states(pipeline) == ["ot=th:0"] * 100
    pipeline.spans.clear()
    for _ in range(2000):
        request(pipeline, "/b")
    assert set(states(pipeline)) == {"ot=th:c"}
    assert 400 < len(pipeline.spans) < 600


def test_a_caller_s_decision_beats_the_route() -> None:
    pipeline = Pipeline(0.0)
    pipeline.sampling.routes = RouteRates([RoutePolicy("/a", 1.0)], 0.0)
    request(pipeline, "/a", f"00-{'1' * 32}-{'2' * 16}-00")
    assert pipeline.spans == []


def test_the_lower_bound_keeps_whole_traces() -> None:
    """Sampled from the start, so that callees are there too."""
    pipeline = Pipeline(0.0)
    pipeline.sampling.routes = RouteRates([RoutePolicy("/a", 0.0, min_per_second=1.0)], 0.0)
    started = pipeline.server.begin({}, lambda source: {}, "GET", "/a", None, None, None)
    call = pipeline.client.begin("GET", "http://b/")
    assert call.headers["traceparent"].endswith("-03")
    assert call.headers["tracestate"] == "spanwise=kept:minimum"
    call.finish(200)
    started.end()
    assert states(pipeline) == ["spanwise=kept:minimum"] * 2
