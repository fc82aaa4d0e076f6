"""Profiles over HTTP: formats, limits, one at a time, hanging up, Go's tool."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spanwise.profiling import sampler
from tests.instrument.admin.conftest import until
from tests.instrument.profiling.profile_proto import decode, stacks


def hot(stop: threading.Event) -> None:
    while not stop.is_set():
        sum(range(200))


@pytest.fixture(autouse=True)
def busy() -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=hot, args=(stop,), name="hot")
    thread.start()
    yield
    stop.set()
    thread.join(5)


def test_the_default_is_gzipped_profile_proto(admin: Any) -> None:
    answer = admin.fetch("/admin/pprof/profile?seconds=0.5&hz=50")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (
        answer.headers["content-disposition"] == f'attachment; filename="{answer.headers["x-spanwise-capture"]}.pb.gz"'
    )
    found = stacks(decode(answer.body))
    assert any(call[0] == "hot" for stack in found for call in stack)


@pytest.mark.parametrize(
    ("shape", "content_type"),
    [
        ("collapsed", "text/plain;charset=UTF-8"),
        ("speedscope", "application/json;charset=UTF-8"),
        ("flamegraph", "application/json;charset=UTF-8"),
        ("text", "text/plain;charset=UTF-8"),
    ],
)
@pytest.mark.parametrize("type_name", ["cpu", "wall", "samples"])
def test_formats(admin: Any, shape: str, content_type: str, type_name: str) -> None:
    def taken() -> Any:
        """One in which the thread got a turn, which on a busy machine may take more than one."""
        answer = admin.fetch(f"/admin/pprof/profile?seconds=0.15&format={shape}&type={type_name}")
        assert answer.status == 200
        assert answer.headers["content-type"] == content_type
        return "hot" in answer.text and answer

    answer = until(taken, 30.0)
    if "json" in content_type:
        json.loads(answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "/admin/pprof/profile?seconds=0",
        "/admin/pprof/profile?seconds=301",
        "/admin/pprof/profile?seconds=nan",
        "/admin/pprof/profile?hz=0",
        "/admin/pprof/profile?hz=251",
        "/admin/pprof/profile?hz=1e3",
        "/admin/pprof/profile?format=legacy",
        "/admin/pprof/profile?seconds=0.1&type=bytes",
        "/admin/pprof/heap?seconds=61",
        "/admin/pprof/contention?seconds=-1",
        "/admin/captures/none?format=x",
    ],
)
def test_what_cannot_be_is_one_sentence(admin: Any, path: str) -> None:
    answer = admin.fetch(path)
    assert answer.status in (400, 404)
    assert answer.text.count("\n") == 1


def test_one_at_a_time_and_hanging_up_ends_it(admin: Any) -> None:
    with admin.connect() as sock:
        sock.sendall(b"GET /admin/pprof/profile?seconds=60 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(sampler._one_at_a_time.locked)
        answer = admin.fetch("/admin/pprof/profile?seconds=0.1")
        assert answer.status == 409
        assert answer.headers["retry-after"] == "5"
        assert answer.text == "Not now: another profile is being taken; ask again when it is done.\n"
    until(lambda: not sampler._one_at_a_time.locked())
    assert admin.fetch("/admin/pprof/profile?seconds=0.1").status == 200


def test_captures_are_listed_given_again_and_laid_beside_each_other(admin: Any) -> None:
    first, second = (
        admin.fetch("/admin/pprof/profile?seconds=0.2&format=text").headers["x-spanwise-capture"] for _ in range(2)
    )
    listed = [each["id"] for each in json.loads(admin.fetch("/admin/captures").text)["captures"]]
    assert listed[:2] == [second, first]
    drawn = json.loads(admin.fetch(f"/admin/captures/{second}?format=flamegraph&base={first}").text)
    assert drawn["base_total"] > 0
    assert drawn["types"] == ["samples", "wall", "cpu"]
    assert len(drawn["own"]) == len(drawn["frames"])
    assert admin.fetch(f"/admin/captures/{second}?format=flamegraph&base=nothing").status == 400
    assert admin.fetch("/admin/captures/profile-0").status == 404


def test_a_browser_that_asks_for_a_flamegraph_gets_the_page(admin: Any) -> None:
    answer = admin.fetch("/admin/pprof/profile?seconds=0.1&format=flamegraph", accept="text/html")
    assert answer.status == 303
    assert answer.headers["location"] == f"/admin/flamegraph?capture={answer.headers['x-spanwise-capture']}"


def test_heap_and_census(admin: Any) -> None:
    window = decode(admin.fetch("/admin/pprof/heap?pause=0.2").body)
    texts = window.string_table
    assert [texts[each.type] for each in window.sample_type] == ["inuse_objects", "inuse_space"]
    census = admin.fetch("/admin/pprof/heap?census&format=text").text
    assert "objects that the collector knows" in census
    assert "dict (builtins)" in census


def test_contention_says_when_locks_are_not_tracked(admin: Any) -> None:
    assert "spanwise.track_locks()" in admin.fetch("/admin/pprof/contention?total&format=text").text


@pytest.mark.parametrize("name", ["heap", "allocs", "block", "mutex", "goroutine"])
def test_gos_paths_give_profiles(admin: Any, name: str) -> None:
    answer = admin.fetch(f"/debug/pprof/{name}")
    assert answer.status == 200
    decode(answer.body)


def test_gos_other_paths(admin: Any) -> None:
    assert b"python" in admin.fetch("/debug/pprof/cmdline").body.split(b"\0")[0]
    assert '"hot"' in admin.fetch("/debug/pprof/goroutine?debug=2").text
    assert "/debug/pprof/profile" in admin.fetch("/debug/pprof/").text
    assert admin.fetch("/debug/pprof/trace").status == 404


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
def test_gos_tool_takes_a_profile_itself(admin: Any, tmp_path: Path) -> None:
    shown = subprocess.run(
        ["go", "tool", "pprof", "-top", "-seconds=1", f"http://127.0.0.1:{admin.server.port}/debug/pprof/profile"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PPROF_TMPDIR": str(tmp_path)},
    )
    assert shown.returncode == 0, shown.stderr
    assert any(line.split()[-1] == "hot" for line in shown.stdout.splitlines() if line.strip()), shown.stdout


@pytest.mark.parametrize(
    "path", ["/admin/pprof/profile?seconds=0.1", "/admin/flamegraph", "/admin/captures", "/debug/pprof/heap"]
)
def test_all_of_it_is_sensitive(admin: Any, path: str) -> None:
    assert admin.fetch(path, x_forwarded_for="10.0.0.1").status == 401
