"""What all services share: settings by environment, faults to order, a clean end, errors for people."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
import requests


def test_each_service_lists_its_routes(store: Any) -> None:
    for name in store.ports:
        answer = requests.get(f"{store.url(name)}/", timeout=5).json()
        assert answer["service"] == name
        assert answer["routes"]


def test_error_rate_and_latency_are_set_by_environment(services: Any) -> None:
    services.start("catalog", SAMPLES_CATALOG_ERROR_RATE="1", SAMPLES_LATENCY_MS="120", SAMPLES_LATENCY_SPREAD="0")
    begin = time.monotonic()
    answer = requests.get(f"{services.url('catalog')}/albums", timeout=5)
    assert time.monotonic() - begin >= 0.12
    assert answer.status_code == 500
    assert "SAMPLES_ERROR_RATE" in answer.json()["error"]
    assert "Traceback" not in services.log("catalog")


def test_a_dependency_that_fails_is_502_and_one_that_is_gone_is_503(services: Any) -> None:
    services.start("gateway")
    services.start("catalog", SAMPLES_CATALOG_ERROR_RATE="1")
    failed = requests.get(f"{services.url('gateway')}/albums", timeout=5)
    assert failed.status_code == 502
    services.kill("catalog")
    gone = requests.get(f"{services.url('gateway')}/albums", timeout=5)
    assert gone.status_code == 503
    assert gone.json()["error"] == "catalog does not answer"
    assert gone.headers["Retry-After"] == "1"


def test_a_dependency_that_is_gone_and_back_makes_one_log_line_each_and_no_stack_trace(services: Any) -> None:
    services.start("gateway", "catalog")
    assert requests.get(f"{services.url('gateway')}/albums", timeout=5).status_code == 200
    services.kill("catalog")
    for _ in range(5):
        assert requests.get(f"{services.url('gateway')}/albums", timeout=5).status_code == 503
    services.start("catalog")
    assert requests.get(f"{services.url('gateway')}/albums", timeout=5).status_code == 200
    log = services.log("gateway")
    assert log.count("catalog does not answer") == 1
    assert log.count("catalog answers again") == 1
    assert "Traceback" not in log


def test_a_slow_dependency_is_given_up_on(services: Any) -> None:
    services.start("gateway", SAMPLES_TIMEOUT="200ms")
    services.start("catalog", SAMPLES_CATALOG_LATENCY_MS="3000", SAMPLES_LATENCY_SPREAD="0")
    begin = time.monotonic()
    answer = requests.get(f"{services.url('gateway')}/albums", timeout=5)
    assert answer.status_code == 503
    assert "did not answer within 0.2 s" in answer.json()["error"]
    assert time.monotonic() - begin < 2


def test_an_order_whose_payment_cannot_be_made_is_kept_as_failed(services: Any) -> None:
    services.start("orders")
    body = {"album_id": 7, "title": "A title", "price_cents": 999, "card": "4242424242424242"}
    answer = requests.post(f"{services.url('orders')}/orders", json=body, timeout=5)
    assert answer.status_code == 503
    newest = requests.get(f"{services.url('orders')}/orders", timeout=5).json()["orders"][0]
    assert (newest["status"], newest["title"]) == ("failed", "A title")


def test_sigterm_ends_a_service_at_once_with_code_0(services: Any) -> None:
    services.start("catalog")
    assert services.terminate("catalog", timeout_s=5) == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_the_temporary_folder_goes_with_the_process(tmp_path: Any, services: Any, sent: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "SPANWISE_ADMIN_PORT": "0"}
    command = (sys.executable, "-m", "spanwise_samples.catalog", "--port", str(services.ports["catalog"]))
    with (services.folder / "catalog.log").open("ab") as log:
        process = services.processes["catalog"] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    services._wait_for("catalog")
    assert list(tmp_path.glob("spanwise-samples-*"))
    process.send_signal(sent)
    process.wait(5)
    assert not list(tmp_path.glob("spanwise-samples-*"))


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "spanwise_samples.payments", *arguments),
        env={**os.environ, "SPANWISE_ADMIN_PORT": "0", **variables},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_wrong_setting_is_one_line_and_code_2() -> None:
    ended = run(SAMPLES_PAYMENTS_ERROR_RATE="often")
    assert ended.returncode == 2
    assert ended.stderr.startswith("payments: SAMPLES_PAYMENTS_ERROR_RATE='often' is not a number.")
    assert ended.stderr.count("\n") == 1


def test_a_taken_port_is_one_line_that_names_the_flag() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run("--port", str(taken.getsockname()[1]))
    assert ended.returncode == 2
    assert "--port" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
