"""Exemplars lead from the merged metrics of a real server to the traces of each of its workers."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Callable
from secrets import token_hex

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.instrument.workers.conftest import Server, eventually

_GUNICORN = ("gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "--graceful-timeout", "5", "shop_wsgi:app")


def get(server: Server, trace_id: str) -> int:
    """One request of a sampled trace; the worker that answered."""
    headers = {"traceparent": f"00-{trace_id}-{token_hex(8)}-01"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/hello", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.read())


def exemplars(server: Server) -> set[str]:
    """The traces to which the scraped buckets of requests lead."""
    text = server.scrape(accept="application/openmetrics-text; version=1.0.0")
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        sample.exemplar.labels["trace_id"]
        for sample in samples
        if sample.name == "http_server_request_duration_seconds_bucket" and sample.exemplar
    }


def answers(server: Server) -> bool:
    try:
        return bool(server.get())
    except OSError:
        return False


def is_shown(server: Server, trace_id: str) -> int:
    """Asks once and waits until the scrape leads there: a request is counted when its answer is closed, which is after
    the client has it."""
    worker = get(server, trace_id)
    eventually(lambda: trace_id in exemplars(server))
    return worker


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    started = serve(*_GUNICORN)
    started.wait_for_workers(2)
    eventually(lambda: answers(started))
    return started


def test_of_every_worker_and_of_one_that_is_dead(server: Server) -> None:
    owner = server.owner
    shown: dict[int, str] = {}

    def both_are_shown() -> bool:
        trace_id = token_hex(16)
        shown[is_shown(server, trace_id)] = trace_id  # the newest of its bucket, whoever answers the scrape
        return len(shown) == 2

    eventually(both_are_shown, 30.0)
    (other,) = set(shown) - {owner}

    def the_other_is_last() -> bool:
        trace_id = token_hex(16)
        worker = is_shown(server, trace_id)
        shown[worker] = trace_id
        return worker == other

    eventually(the_other_is_last, 30.0)
    time.sleep(1.2)  # until the worker has saved what it counted
    os.kill(other, signal.SIGKILL)
    eventually(lambda: other not in server.living())
    assert shown[other] in exemplars(server)
