from __future__ import annotations

import json
import threading
import time

from spanwise.health import Check, Kind


def check(admin, name: str, function, kind: Kind = Kind.READINESS, **times: float) -> None:
    admin.process.health.add(Check(name, kind, function, times.get("timeout_s", 1.0), times.get("interval_s", 10.0)))


def eventually(admin, path: str, status: int, words: str = "") -> str:
    """The text as soon as it has that status and those words."""
    deadline = time.monotonic() + 5
    while True:
        got = admin.fetch(path)
        if got.status == status and words in got.text:
            return got.text
        assert time.monotonic() < deadline, got
        time.sleep(0.02)


def test_health_says_where_the_process_stands(admin):
    lifecycle = admin.process.health.lifecycle
    assert (admin.fetch("/health").status, admin.fetch("/health").text) == (503, "warming up\n")
    lifecycle.started()
    assert (admin.fetch("/health").status, admin.fetch("/health").text) == (200, "OK\n")
    with lifecycle.warming_up():
        assert admin.fetch("/health").status == 503
    lifecycle.drain()
    assert (admin.fetch("/health").status, admin.fetch("/health").text) == (503, "draining\n")


def test_a_probe_is_text_even_for_a_browser(admin):
    for path in ("/health", "/admin/ping"):
        assert admin.fetch(path, accept="text/html").headers["content-type"] == "text/plain;charset=UTF-8"


def test_readyz_without_checks_follows_the_life_cycle(admin):
    got = admin.fetch("/readyz")
    assert (got.status, got.text) == (503, "state: starting\nreadyz check failed\n")
    assert admin.fetch("/livez").text == "ok\n"
    admin.process.health.start()
    assert admin.fetch("/readyz").text == "ok\n"
    admin.process.health.lifecycle.drain()
    assert admin.fetch("/readyz").status == 503
    assert admin.fetch("/livez").status == 200


def test_readyz_names_each_check_with_its_age(admin):
    def broken() -> None:
        raise ConnectionError("password=hunter2")

    check(admin, "database", lambda: None)
    check(admin, "cache", broken)
    assert "[ ]database not checked yet\n" in admin.fetch("/readyz").text
    admin.process.health.start()
    eventually(admin, "/readyz", 503, "[+]database")
    text = eventually(admin, "/readyz", 503, "[-]cache")
    lines = text.splitlines()
    assert lines[0] == "state: ready"
    assert lines[1].startswith("[+]database passing (0.") and lines[1].endswith(" s ago)")
    assert lines[2].startswith("[-]cache failing: ConnectionError (0.")
    assert lines[3] == "readyz check failed"


def test_readyz_as_json_and_as_a_page(admin):
    check(admin, "data<base>", lambda: None)
    admin.process.health.start()
    eventually(admin, "/readyz", 200)
    data = json.loads(admin.fetch("/readyz", accept="application/json").body)
    [entry] = data["checks"]
    assert (data["status"], data["state"]) == ("ok", "ready")
    assert (entry["name"], entry["state"], entry["fault"], entry["failures_in_a_row"]) == (
        "data<base>",
        "passing",
        None,
        0,
    )
    assert 0 <= entry["age_s"] < 5 and 0 <= entry["duration_s"] < 1
    html = admin.fetch("/readyz", accept="text/html").text
    assert "<td>data&lt;base&gt;</td>" in html
    assert admin.fetch("/readyz?verbose").text.endswith("readyz check passed\n")


def test_livez_is_for_liveness_checks_alone(admin):
    check(admin, "database", lambda: False)
    check(admin, "worker", lambda: False, Kind.LIVENESS)
    assert admin.fetch("/livez").status == 200  # not checked yet: no reason to restart
    admin.process.health.start()
    assert "[-]worker failing: returned False" in eventually(admin, "/livez", 503)
    assert "database" not in admin.fetch("/livez").text


def test_probes_never_run_a_check(admin):
    calls = []
    release = threading.Event()

    def hangs() -> None:
        calls.append(1)
        release.wait(10)

    check(admin, "hangs", hangs, timeout_s=0.2, interval_s=0.05)
    admin.process.health.start()
    try:
        eventually(admin, "/readyz", 503, "[-]hangs failing: timed out after 0.2 s")
        for _ in range(20):
            begun = time.monotonic()
            admin.fetch("/readyz")
            assert time.monotonic() - begun < 2
        assert len(calls) == 1
    finally:
        release.set()
