"""One chosen request: from the customer's trace id to every span of it in the collector."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

CARD = "4242424242424242"
# Every span of buying a record: service, kind, name, and the service and kind of its parent.
BUYING = [
    ("gateway", "server", "POST /orders", "customer", ""),
    ("gateway", "client", "GET", "gateway", "server"),
    ("catalog", "server", "GET /albums/<int:album_id>", "gateway", "client"),
    ("gateway", "client", "POST", "gateway", "server"),
    ("orders", "server", "POST /orders", "gateway", "client"),
    ("orders", "client", "POST", "orders", "server"),
    ("payments", "server", "POST /charges", "orders", "client"),
]
LIKING = [
    ("gateway", "server", "GET /recommendations/<int:album_id>", "customer", ""),
    ("gateway", "client", "GET", "gateway", "server"),
    ("recommendations", "server", "GET /recommendations/<int:album_id>", "gateway", "client"),
    ("recommendations", "client", "GET", "recommendations", "server"),
    ("recommendations", "client", "GET", "recommendations", "server"),
    ("catalog", "server", "GET /albums/<int:album_id>", "recommendations", "client"),
    ("catalog", "server", "GET /albums", "recommendations", "client"),
]


def chosen() -> tuple[str, str, dict[str, str]]:
    """A trace id, the customer's span id, and the header that says so: sampled (W3C Trace Context, level 1)."""
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    return trace_id, span_id, {"traceparent": f"00-{trace_id}-{span_id}-01"}


def with_parents(spans: list[dict[str, Any]], customer: str) -> list[tuple[str, str, str, str, str]]:
    by_id = {span["span_id"]: (span["service"], span["kind"]) for span in spans} | {customer: ("customer", "")}
    return [(span["service"], span["kind"], span["name"], *by_id[span["parent_span_id"]]) for span in spans]


def test_every_span_of_a_purchase_is_found_with_its_parent_and_service(
    stack: Any, wait_until: Callable[..., None]
) -> None:
    for _ in range(20):  # payments declines a few, and a service fails now and then
        trace_id, customer, header = chosen()
        body = {"album_id": 7, "quantity": 1, "card": CARD}
        answer = requests.post(f"{stack.app('gateway')}/orders", json=body, headers=header, timeout=10)
        if answer.status_code == 201:
            break
    assert answer.status_code == 201, answer.text

    wait_until(lambda: len(stack.trace(trace_id)) >= len(BUYING), 15, "the trace is not complete")
    spans = stack.trace(trace_id)
    assert {span["trace_id"] for span in spans} == {trace_id}
    assert sorted(with_parents(spans, customer)) == sorted(BUYING)
    for span in spans:
        assert span["duration_ns"] > 0
        assert span["status"]["code"] == "unset"
        attributes = {one["key"]: one["value"] for one in span["attributes"]}
        assert attributes["http.response.status_code"] in ("200", "201")
        resource = {one["key"]: one["value"] for one in span["resource"]["attributes"]}
        assert resource["service.name"] == span["service"]
        assert resource["service.version"] != "unknown"


def test_a_trace_through_three_services_has_its_page_and_its_place_in_the_search(
    stack: Any, wait_until: Callable[..., None]
) -> None:
    trace_id, customer, header = chosen()
    requests.get(f"{stack.app('gateway')}/recommendations/7", headers=header, timeout=10)
    wait_until(lambda: len(stack.trace(trace_id)) >= len(LIKING), 15, "the trace is not complete")
    assert sorted(with_parents(stack.trace(trace_id), customer)) == sorted(LIKING)
    assert requests.get(f"{stack.collector}/trace/{trace_id}", timeout=5).status_code == 200

    def found() -> dict[str, Any] | None:
        query = {"service": "recommendations", "limit": 200}
        page = requests.get(f"{stack.collector}/api/spanwise/traces", params=query, timeout=5).json()
        return next((trace for trace in page["traces"] if trace["trace_id"] == trace_id), None)

    wait_until(lambda: found() is not None, 10, "the trace is not listed")
    listed = found()
    assert listed is not None
    assert {service["name"] for service in listed["services"]} == {"gateway", "recommendations", "catalog"}
    assert listed["span_count"] == len(LIKING)


def test_the_loads_own_requests_are_there_too(stack: Any, wait_until: Callable[..., None]) -> None:
    """Nobody forced these: the default sampling rate and the first request of each route bring them."""

    def most_services() -> int:
        page = requests.get(f"{stack.collector}/api/spanwise/traces", params={"limit": 200}, timeout=5).json()
        return max((len(trace["services"]) for trace in page["traces"]), default=0)

    wait_until(lambda: most_services() >= 3, 60, "no trace crosses three services")
    names = requests.get(f"{stack.collector}/api/spanwise/services", timeout=5).json()["services"]
    assert {"gateway", "catalog", "orders", "payments", "recommendations"} <= {one["name"] for one in names}


def test_the_first_request_of_a_new_service_is_seen_within_two_seconds(
    stack: Any, process: Callable[..., Any], wait_until: Callable[..., None], tmp_path: Path
) -> None:
    """The README's few lines and one request. The open page asks the same address; 4 s are twice the promise."""
    port = stack.free_port()
    program = str(Path(__file__).parent / "first_service.py")
    variables = {"SPANWISE_ADMIN_HOST": "127.0.0.1", "SPANWISE_ADMIN_PORT": "0"}
    with process((sys.executable, program, str(port), stack.collector), tmp_path / "log", **variables):

        def answers() -> bool:
            try:
                return requests.get(f"http://127.0.0.1:{port}/", timeout=1).ok
            except requests.RequestException:
                return False

        wait_until(answers, 20, "the service does not answer")
        begin = time.monotonic()

        def seen() -> bool:
            query = {"service": "first"}
            page = requests.get(f"{stack.collector}/api/spanwise/traces", params=query, timeout=5).json()
            return any(trace["root_name"] == "GET /" for trace in page["traces"])

        wait_until(seen, 4, "the trace is not listed")
        assert time.monotonic() - begin < 4
