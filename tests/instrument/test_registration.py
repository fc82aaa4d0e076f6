"""The heartbeat: what is registered, for how long, and that its failures stay its own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from spanwise import registration as module
from spanwise.registration import Registration, reachable_host
from spanwise.tracing.outage import Outage
from tests.instrument.collector_sink import GARBAGE, HANG, Answer, CollectorSink, until

INSTANCE = {"identity": {"service.name": "catalog"}, "metrics": "127.0.0.1:9990/metrics"}
Start = Callable[..., Registration]


@pytest.fixture
def start(sink: CollectorSink) -> Iterator[Start]:
    begun: list[Registration] = []

    def start_one(instance: Callable[[], Any] = lambda: INSTANCE, **more: Any) -> Registration:
        made = Registration(
            more.get("url", sink.url),
            more.get("instance_id", "id-1"),
            instance,
            more.get("headers", {"x-token": "secret"}),
            more.get("outage", Outage("http://collector.test")),
        )
        begun.append(made)
        made.start()
        return made

    yield start_one
    for one in begun:
        one.stop(0.2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(module, "_FIRST_RETRY_S", 0.02)


def test_what_is_put_where(sink: CollectorSink, start: Start) -> None:
    start(instance_id="a/b c")
    request = until(lambda: sink.requests)[0]
    assert (request.method, request.path) == ("PUT", "/api/spanwise/instances/a%2Fb%20c")
    assert json.loads(request.body) == INSTANCE
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-token"] == "secret"


def test_a_base_path_is_kept(sink: CollectorSink, start: Start) -> None:
    start(url=f"{sink.url}/behind/proxy")
    assert until(lambda: sink.requests)[0].path == "/behind/proxy/api/spanwise/instances/id-1"


def test_each_beat_says_what_is_true_then(sink: CollectorSink, start: Start) -> None:
    beats = iter(range(1000))
    start(lambda: {"beat": next(beats)})
    until(lambda: len(sink.requests) >= 3)
    assert [json.loads(request.body)["beat"] for request in sink.requests[:3]] == [0, 1, 2]


def test_goodbye(sink: CollectorSink, start: Start) -> None:
    registration = start()
    until(lambda: sink.requests)
    registration.stop()
    assert (sink.requests[-1].method, sink.requests[-1].path) == ("DELETE", "/api/spanwise/instances/id-1")
    registration.stop()
    assert [request.method for request in sink.requests].count("DELETE") == 1
    count = len(sink.requests)
    time.sleep(0.3)
    assert len(sink.requests) == count


def test_no_goodbye_where_nobody_knows_us(sink: CollectorSink, start: Start) -> None:
    sink.always = Answer(503)
    registration = start()
    until(lambda: sink.requests)
    registration.stop()
    assert "DELETE" not in {request.method for request in sink.requests}


def test_goodbye_comes_after_a_beat_that_is_under_way(sink: CollectorSink, start: Start) -> None:
    registration = start()
    until(lambda: sink.requests)
    sink.answers.append(HANG)
    until(lambda: not sink.answers)
    began = time.monotonic()
    registration.stop(0.5)
    assert time.monotonic() - began < 2


def test_back_when_the_collector_is(sink: CollectorSink, start: Start, said: list[str]) -> None:
    sink.stop()
    start()
    until(lambda: said)
    sink.start()
    until(lambda: sink.requests)
    until(lambda: len(said) == 2)
    assert "answers again" in said[1]


@pytest.mark.parametrize("answer", [Answer(400, body=b"no"), Answer(503), GARBAGE])
def test_a_refusal_is_said_once_and_tried_again(
    sink: CollectorSink, start: Start, said: list[str], answer: Answer
) -> None:
    sink.always = answer
    start()
    until(lambda: len(sink.requests) >= 3)
    assert len(said) == 1


def test_the_exporter_s_outage_and_ours_are_one(sink: CollectorSink, start: Start, said: list[str]) -> None:
    sink.always = Answer(503)
    outage = Outage("x")
    outage.failed("exporter", "no")
    start(outage=outage)
    until(lambda: len(sink.requests) >= 2)
    assert len(said) == 1


def test_what_cannot_be_told_does_not_end_the_heartbeat(sink: CollectorSink, start: Start, said: list[str]) -> None:
    beats = iter(range(1000))

    def instance() -> dict[str, Any]:
        if next(beats) < 2:
            raise RuntimeError("not now")
        return INSTANCE

    start(instance)
    assert json.loads(until(lambda: sink.requests)[0].body) == INSTANCE
    assert len([line for line in said if "not now" in line]) == 1


@pytest.mark.parametrize("headers", [{"x": "line\nbreak"}, {"x": "\u20ac"}])
def test_a_header_that_cannot_be_sent(start: Start, said: list[str], headers: dict[str, str]) -> None:
    registration = start(headers=headers)
    until(lambda: said)
    assert registration._thread.is_alive()


def test_a_name_that_cannot_be_resolved(start: Start, said: list[str]) -> None:
    registration = start(url=f"http://{'a' * 70}.invalid:1")
    until(lambda: said)
    assert registration._thread.is_alive()


def test_a_forked_child_does_not_say_goodbye_for_its_parent(sink: CollectorSink, start: Start) -> None:
    registration = start()
    until(lambda: sink.requests)
    child = os.fork()
    if child == 0:
        registration.stop()
        os._exit(0)
    os.waitpid(child, 0)
    assert "DELETE" not in {request.method for request in sink.requests}


@pytest.mark.parametrize("bound", ["127.0.0.1", "10.1.2.3", "::1", "example.org"])
def test_a_server_on_one_address_is_reached_there(bound: str) -> None:
    assert reachable_host(bound, "http://127.0.0.1:9411") == bound


@pytest.mark.parametrize("bound", ["", "0.0.0.0", "::"])
def test_a_server_on_all_addresses_is_reached_where_the_collector_is(bound: str) -> None:
    assert reachable_host(bound, "http://127.0.0.1:9411") == "127.0.0.1"
    assert reachable_host(bound, "http://127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize("url", [f"http://{'a' * 70}.invalid:1", "http://nowhere.invalid"])
def test_a_collector_that_cannot_be_resolved(url: str) -> None:
    assert reachable_host("0.0.0.0", url) == "127.0.0.1"
