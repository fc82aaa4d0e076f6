"""One process of the demo after another is killed with -9; whatever does not need it goes on as before."""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from spanwise_samples.settings import STORES

CARD = "4242424242424242"
OUTAGE = "does not take spans"
# What customers can do, and which services it takes beside the gateway.
WISHES: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("GET", "/albums", frozenset({"catalog"})),
    ("GET", "/search?q=harbour", frozenset({"catalog"})),
    ("GET", "/recommendations/7", frozenset({"recommendations", "catalog"})),
    ("GET", "/orders", frozenset({"orders"})),
    ("POST", "/orders", frozenset({"orders", "catalog", "payments"})),
)
FIRST_LOST = ("load", "prometheus", "collector")
THEN_LOST = ("recommendations", "payments", "orders", "catalog")


def ask(stack: Any, method: str, path: str) -> requests.Response:
    """One sampled request, so that its spans look for the collector."""
    header = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
    body = {"album_id": 7, "card": CARD} if method == "POST" else None
    return requests.request(method, f"{stack.app('gateway')}{path}", json=body, headers=header, timeout=10)


def check_wishes(stack: Any, lost: set[str]) -> None:
    """Every wish that needs nobody lost is fulfilled; every other is refused politely."""
    for method, path, needs in WISHES:
        answer = ask(stack, method, path)
        if needs & lost:
            assert answer.status_code == 503, (lost, path, answer.text)
            assert answer.json()["error"]
        else:
            assert answer.status_code in (200, 201), (lost, path, answer.text)


def check_the_others(stack: Any, lost: set[str]) -> None:
    running = set(stack.children())
    assert running == {"load", "prometheus", "collector", *(store.name for store in STORES)} - lost
    for store in STORES:
        if store.name not in lost:
            assert requests.get(f"{stack.app(store.name)}/", timeout=5).status_code == 200
            assert requests.get(f"{stack.admin(store.name)}/readyz", timeout=5).status_code == 200
    if "collector" not in lost:
        assert requests.get(f"{stack.collector}/api/spanwise/services", timeout=5).status_code == 200


def test_a_killed_process_breaks_nobody_else(
    prometheus_binary: str, running_demo: Callable[..., Any], wait_until: Callable[..., None], tmp_path: Path
) -> None:
    quiet = {"SAMPLES_ERROR_RATE": "0", "SAMPLES_DECLINE_RATE": "0", "SAMPLES_LATENCY_MS": "1"}
    with running_demo(tmp_path, "--rate=10", **quiet) as stack:
        lost: set[str] = set()
        for name in (*FIRST_LOST, *THEN_LOST):
            os.kill(stack.children()[name], signal.SIGKILL)
            lost.add(name)
            said = f"{name} ended by itself (killed by SIGKILL); the others go on"
            wait_until(lambda: said in stack.output.read_text(), 10, f"the demo did not say: {said}")
            check_the_others(stack, lost)
            check_wishes(stack, lost)
            if name == "collector":
                check_outage_is_said_once(stack, wait_until)
        assert "Traceback" not in "".join(stack.log(store.name) for store in STORES)
        assert stack.demo.poll() is None


def check_outage_is_said_once(stack: Any, wait_until: Callable[..., None]) -> None:
    """Each service says on one line of its log that the collector is gone, however many spans it cannot send."""
    names = [store.name for store in STORES]

    def all_have_said_so() -> bool:
        check_wishes(stack, set())
        return all(stack.log(name).count(OUTAGE) for name in names)

    wait_until(all_have_said_so, 20, "not every service noticed")
    until = time.monotonic() + 3  # several retries of the exporter and of the registration
    while time.monotonic() < until:
        check_wishes(stack, set())
    assert {name: stack.log(name).count(OUTAGE) for name in names} == dict.fromkeys(names, 1)


def test_without_the_gateway_the_services_behind_it_go_on(
    running_demo: Callable[..., Any], wait_until: Callable[..., None], tmp_path: Path
) -> None:
    quiet = {"SAMPLES_ERROR_RATE": "0", "SAMPLES_DECLINE_RATE": "0", "SAMPLES_LATENCY_MS": "1"}
    with running_demo(tmp_path, "--no-prometheus", "--rate=10", **quiet) as stack:
        os.kill(stack.children()["gateway"], signal.SIGKILL)
        wait_until(lambda: "gateway ended by itself" in stack.output.read_text(), 10)
        check_the_others(stack, {"gateway", "prometheus"})
        order = {"album_id": 7, "title": "A title", "price_cents": 999, "card": CARD}
        assert requests.post(f"{stack.app('orders')}/orders", json=order, timeout=5).status_code == 201
        assert requests.get(f"{stack.app('recommendations')}/recommendations/7", timeout=5).status_code == 200
        failed_before = failures(stack)
        wait_until(lambda: failures(stack) > failed_before, 15, "the load did not notice")


def failures(stack: Any) -> int:
    """What the load has counted as failed so far: it goes on, and it is honest."""
    return int(json.loads(stack.log("load").splitlines()[-1])["failed"])
