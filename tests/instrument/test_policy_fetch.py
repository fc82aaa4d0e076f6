"""The policy from the collector: again and again, with an ETag, and the local default where there is none."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from spanwise.tracing.policy import SamplingPolicy
from spanwise.tracing.policy_fetch import PolicyFetch, PolicyInForce, PolicyWatch
from spanwise.tracing.sampling import HeadSampling
from tests.instrument.collector_sink import GARBAGE, Answer, CollectorSink, free_port
from tests.instrument.conftest import Ran


def policy_answer(etag: str = '"one"', **policy: Any) -> Answer:
    return Answer(200, {"ETag": etag}, json.dumps(policy).encode())


class Fetched:
    def __init__(self, url: str, service: str = "shop & co") -> None:
        self.policies: list[SamplingPolicy] = []
        self.fetch = PolicyFetch(url, service, {"Authorization": "Bearer x"}, self.policies.append).fetch


def test_an_unchanged_policy_is_asked_for_by_its_etag(sink: CollectorSink) -> None:
    fetched = Fetched(f"{sink.url}/base")
    sink.answers.extend([policy_answer(rate=0.5), Answer(304), policy_answer('"two"', rate=0.6)])
    for _ in range(3):
        fetched.fetch()
    assert [policy.rate for policy in fetched.policies] == [0.5, 0.6]
    assert [request.path for request in sink.requests] == ["/base/api/spanwise/sampling?service=shop%20%26%20co"] * 3
    assert [request.headers.get("if-none-match") for request in sink.requests] == [None, '"one"', '"one"']
    assert sink.requests[0].headers["authorization"] == "Bearer x"


@pytest.mark.parametrize("answer", [Answer(404), Answer(503), Answer(200, {}, b"<html>"), GARBAGE])
def test_what_is_no_policy_changes_nothing(sink: CollectorSink, answer: Answer) -> None:
    fetched = Fetched(sink.url)
    sink.answers.extend([answer, policy_answer(rate=0.5)])
    fetched.fetch()
    assert fetched.policies == []
    fetched.fetch()
    assert [policy.rate for policy in fetched.policies] == [0.5]


def test_nobody_there_changes_nothing() -> None:
    fetched = Fetched(f"http://127.0.0.1:{free_port()}")
    fetched.fetch()
    assert fetched.policies == []


def test_a_policy_that_cannot_be_used_is_said_once(sink: CollectorSink, caplog: pytest.LogCaptureFixture) -> None:
    fetched = Fetched(sink.url)
    sink.always = policy_answer(rate=5)
    with caplog.at_level(logging.WARNING, logger="spanwise"):
        fetched.fetch()
        fetched.fetch()
    assert [record.getMessage() for record in caplog.records] == [
        "spanwise: the collector's sampling policy is not used: rate must be a number from 0 to 1."
    ]


def test_a_policy_comes_into_force_and_goes() -> None:
    sampling = HeadSampling(0.1)
    in_force = PolicyInForce(sampling)
    in_force(SamplingPolicy(0.5))
    assert (sampling.rate, sampling.routes) == (0.5, None)
    sampling.override(1.0)  # somebody looks closely for a while
    in_force(SamplingPolicy(0.5))
    assert sampling.rate == 1.0
    in_force(SamplingPolicy(None))
    assert sampling.rate == 0.1


def test_it_is_asked_for_again_until_there_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Semaphore(0)
    answers = iter([False, True])

    def fetch() -> bool:
        asked.release()
        answer = next(answers)
        if not answer:
            raise RuntimeError("never mind")
        return answer

    watch = PolicyWatch(fetch)
    watch.start()
    watch.start()
    assert asked.acquire(timeout=5) and asked.acquire(timeout=5)
    assert not asked.acquire(timeout=0.2)


def test_a_forked_worker_asks_for_itself(run: Callable[..., Ran], sink: CollectorSink) -> None:
    sink.always = policy_answer(rate=0.75)
    ran = run(
        """
        import json, os, spanwise, threading, time
        here = spanwise.instrument(service="shop")
        child = os.fork()
        if child == 0:
            until = time.monotonic() + 10
            while time.monotonic() < until:
                if "spanwise-sampling-policy" in [thread.name for thread in threading.enumerate()]:
                    break
                time.sleep(0.01)
            os._exit(0 if time.monotonic() < until else 1)
        print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
        """,
        SPANWISE_COLLECTOR_URL=sink.url,
    )
    assert ran.json == 0


def test_a_service_takes_its_policy_when_it_starts(run: Callable[..., Ran], sink: CollectorSink) -> None:
    sink.always = policy_answer(rate=0.75, routes=[{"route": "/a", "rate": 1.0}])
    ran = run(
        """
        import json, spanwise, time
        here = spanwise.instrument(service="shop")
        until = time.monotonic() + 10
        while here.sampling.routes is None and time.monotonic() < until:
            time.sleep(0.01)
        print(json.dumps([here.sampling.rate, here.sampling.routes is not None]))
        """,
        SPANWISE_COLLECTOR_URL=sink.url,
    )
    assert ran.json == [0.75, True]


def test_a_service_that_is_told_to_keep_everything_does(run: Callable[..., Ran], sink: CollectorSink) -> None:
    ran = run(
        """
        import json, spanwise, time
        here = spanwise.instrument(service="shop")
        time.sleep(0.5)
        print(json.dumps(here.sampling.rate))
        """,
        SPANWISE_COLLECTOR_URL=sink.url,
        OTEL_TRACES_SAMPLER="always_on",
    )
    assert ran.json == 1.0
    assert [request for request in sink.requests if "sampling" in request.path] == []
