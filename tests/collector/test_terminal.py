"""`spanwise traces`, as a user runs it, against a collector with the golden set."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from typing import Any

import pytest

from spanwise_collector.terminal._list import head, line
from spanwise_collector.terminal._style import ServiceColours, Style, cells, duration, fitted, plain
from spanwise_collector.terminal._tree import branches
from spanwise_collector.terminal._waterfall import waterfall
from tests.collector.conftest import CollectorFactory
from tests.collector.golden.traces import GoldenTrace
from tests.collector.otlp_requests import new_trace_id, payload, span
from tests.collector.running_collector import COMMAND, RunningCollector, wait_for

PLAIN = Style(width=100, coloured=False, unicode=True)


def environment(**given: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SPANWISE_")}
    return kept | {"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"} | given


def traces(url: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "traces", *arguments], capture_output=True, text=True, timeout=60, encoding="utf-8",
        env=environment(SPANWISE_COLLECTOR_URL=url, **environ),
    )  # fmt: skip


def test_a_search_is_a_line_for_each_trace(golden: dict[str, GoldenTrace], collector: RunningCollector) -> None:
    done = traces(collector.url, "-s", "golden-page")
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["start", "duration", "spans", "failed", "trace", "root"]
    assert any(golden["plain"].trace_id in line and line.endswith("golden-page GET /cart") for line in lines)
    assert all("\x1b" not in line for line in lines), "no colours in a pipe"


def test_json_is_a_line_for_each(golden: dict[str, GoldenTrace], collector: RunningCollector) -> None:
    done = traces(collector.url, "search", "--service", "golden-failed", "--error", "--json")
    [found] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (found["trace_id"], found["error_count"]) == (golden["failed"].trace_id, 2)
    done = traces(collector.url, "show", golden["plain"].trace_id, "--json")
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == [
        "GET /cart", "GET", "GET /items", "SELECT items",
    ]  # fmt: skip
    done = traces(collector.url, "services", "--json")
    assert {"name": "golden-page"} in [json.loads(line) for line in done.stdout.splitlines()]


def test_filters_and_orders(golden: dict[str, GoldenTrace], collector: RunningCollector) -> None:
    found = traces(collector.url, "--json", "-w", "span.yes = true and span.half < 1", "-w", "resource.replicas = 3")
    assert [json.loads(line)["trace_id"] for line in found.stdout.splitlines()] == [golden["typed"].trace_id]
    found = traces(collector.url, "--json", "--since", "1h", "--sort", "duration", "-n", "5")
    lengths = [json.loads(line)["duration_ns"] for line in found.stdout.splitlines()]
    assert len(lengths) == 5 and lengths == sorted(lengths, reverse=True)
    wrong = traces(collector.url, "-w", "span.yes ==")
    assert wrong.returncode == 1 and len(wrong.stderr.splitlines()) == 1, wrong.stderr


def test_a_trace_is_a_tree_with_a_waterfall(golden: dict[str, GoldenTrace], collector: RunningCollector) -> None:
    done = traces(collector.url, "show", golden["plain"].trace_id)
    lines = done.stdout.splitlines()
    assert lines[0] == "golden-page GET /cart" and "4 spans" in lines[1] and "2 services" in lines[1]
    rows = lines[5:]
    assert [row.split("█")[0].split("▐")[0].rstrip() for row in rows] == [
        "golden-page GET /cart",
        "└─golden-page GET",
        "  └─golden-shop GET /items",
        "    └─golden-shop SELECT items",
    ]
    assert [row.split()[-2:] for row in rows] == [["500", "ms"], ["300", "ms"], ["200", "ms"], ["50.0", "ms"]]
    assert all(len(row) == 100 for row in rows)


@pytest.mark.parametrize("name", ["rootless", "duplicates", "shared", "skewed", "backwards", "async", "nameless"])
def test_every_span_shows_once(golden: dict[str, GoldenTrace], collector: RunningCollector, name: str) -> None:
    done = traces(collector.url, "show", golden[name].trace_id, "-a")
    assert done.returncode == 0
    rows = [line for line in done.stdout.splitlines()[4:] if " ms" in line[-5:] or line.endswith((" ns", " s", "µs"))]
    assert len(rows) >= golden[name].spans


def test_attributes_events_and_links(golden: dict[str, GoldenTrace], collector: RunningCollector) -> None:
    done = traces(collector.url, "show", golden["failed"].trace_id, "--attributes")
    assert "card refused" in done.stdout and "exception.type=CardError" in done.stdout and "✗ " in done.stdout
    done = traces(collector.url, "show", golden["async"].trace_id, "--attributes")
    assert f"link to {golden['plain'].trace_id}" in done.stdout


def test_a_large_trace_is_cut_and_says_so(large: GoldenTrace, collector: RunningCollector) -> None:
    done = traces(collector.url, "show", large.trace_id, "--limit", "50")
    assert len(done.stdout.splitlines()) == 56 and "99,950 more spans" in done.stdout.splitlines()[-1]


def test_nothing_found_is_1_and_says_what_was_meant(
    golden: dict[str, GoldenTrace], collector: RunningCollector
) -> None:
    done = traces(collector.url, "--service", "golden-pgae")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "spanwise traces: there is no service 'golden-pgae': did you mean 'golden-page'?\n"
    done = traces(collector.url, "-s", "golden-page", "--min-duration", "1h")
    assert (done.returncode, done.stderr) == (1, "spanwise traces: no trace fits\n")
    done = traces(collector.url, "show", "ab" * 16)
    assert done.returncode == 1 and "there is no trace" in done.stderr
    done = traces(collector.url, "-n", "9999")
    assert done.returncode == 1 and "limit" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("serach",), "did you mean `spanwise traces search`?"),
        (("0af7651916cd43dd8448eb211c80319c",), "`spanwise traces show 0af7651916cd43dd8448eb211c80319c`"),
        (("frobnicate",), "there are search, show, services."),
        (("show", "xyz"), "is not a trace id"),
        (("--since", "yesterday"), "is not a duration"),
        (("--collector", "nowhere"), "--collector"),
        (("--token-file", "/does/not/exist"), "--token-file"),
    ],
)
def test_wrong_use_is_2(arguments: tuple[str, ...], said: str) -> None:
    done = traces("http://127.0.0.1:9", *arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_nobody_answers_is_3() -> None:
    done = traces("http://127.0.0.1:9")
    assert done.returncode == 3 and "does not answer" in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_token_comes_from_the_environment_or_a_file(new_collector: CollectorFactory, tmp_path: Any) -> None:
    token = "r" * 20
    running = new_collector(SPANWISE_COLLECTOR_READ_TOKEN=token, SPANWISE_COLLECTOR_WRITE_TOKEN="w" * 20).start()
    done = traces(running.url)
    assert done.returncode == 1 and "SPANWISE_COLLECTOR_READ_TOKEN" in done.stderr
    done = traces(running.url, SPANWISE_COLLECTOR_READ_TOKEN=token)
    assert "TOKEN" not in done.stderr
    (tmp_path / "token").write_text(f"{token}\n")
    assert "TOKEN" not in traces(running.url, "--token-file", str(tmp_path / "token")).stderr


def test_follow_shows_each_new_trace_once(collector: RunningCollector) -> None:
    process = subprocess.Popen(
        [*COMMAND, "traces", "-f", "--json", "-s", "terminal-follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment(SPANWISE_COLLECTOR_URL=collector.url, PYTHONUNBUFFERED="1"),
    )  # fmt: skip
    got: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    reader = threading.Thread(target=lambda out: got.extend(json.loads(line)["trace_id"] for line in out),
                              args=(process.stdout,))  # fmt: skip
    reader.start()
    try:
        sent = []
        for _ in range(3):
            sent.append(new_trace_id())
            collector.send(payload(span(trace_id=sent[-1]), service="terminal-follow"))
            wait_for(lambda: sent[-1] in got or process.poll() is not None, 40, "the trace in the terminal")
        assert got == sent
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        reader.join(20)
        process.stdout.close()
        process.stderr.close()


def made(number: int, parent: int = 0, **given: Any) -> dict[str, Any]:
    return {
        "trace_id": "1" * 32, "span_id": f"{number:016x}", "parent_span_id": f"{parent:016x}" if parent else "",
        "service": "shop", "name": f"step {number}", "start_unix_nano": str(10**18 + number), "duration_ns": 10**6,
        "status": {"code": "unset", "message": ""}, "attributes": [], "events": [], "links": [],
    } | given  # fmt: skip


def test_circles_and_depth_end() -> None:
    circle = [made(1, 2), made(2, 1), made(3, 3)]
    assert sorted(branch.span["span_id"] for branch in branches(circle)) == [f"{n:016x}" for n in (1, 2, 3)]
    deep = [made(n, n - 1) for n in range(1, 5001)]
    assert [len(branch.lasts) for branch in branches(deep)] == list(range(5000))
    assert all(cells(line) <= 100 for line in waterfall(deep, PLAIN, most=0, attributes=False))


def test_what_a_service_sends_cannot_steer_the_terminal() -> None:
    evil = made(1, name="\x1b[2Jgone\r\n\u202e", service="\x07bell")
    evil["attributes"] = [{"key": "k\x1b]0;x\x07", "type": "string", "value": "a\x9bb\nc"}]
    text = "".join(waterfall([evil], PLAIN, most=0, attributes=True))
    assert not any(character in text for character in "\x1b\x07\r\n\x9b\u202e")


@pytest.mark.parametrize("style", [Style(100, True, True), Style(100, False, False), Style(40, False, True)])
def test_every_line_fits(style: Style) -> None:
    spans = [made(1, name="名前" * 40), made(2, 1, service="s" * 90), made(3, 1, duration_ns=0)]
    bare = Style(style.width, False, style.unicode)
    for row in list(waterfall(spans, bare, most=0, attributes=False))[4:]:
        assert cells(row) <= style.width
        assert style.unicode or set("".join(filter(lambda one: not one.isascii(), row))) <= set("名前µ")


def summary(**changed: Any) -> Any:
    given = {
        "trace_id": "ab" * 16, "root_service": "golden-page", "root_name": "GET /cart", "duration_ns": 12_345_678,
        "start_unix_nano": str(time.time_ns()), "span_count": 7, "error_count": 0,
    }  # fmt: skip
    return given | changed


@pytest.mark.parametrize("width", [80, 99, 100, 120])
@pytest.mark.parametrize("unicode", [True, False])
def test_every_line_of_a_list_fits_and_stands_under_its_head(width: int, unicode: bool) -> None:
    style = Style(width, False, unicode)
    title = head(style)
    rows = [
        summary(), summary(root_name="GET /" + "x" * 200), summary(root_service="s" * 200, root_name=""),
        summary(root_service="名前" * 30, root_name="名前" * 30), summary(span_count=99_999, error_count=1234),
        summary(duration_ns=125 * 10**9, start_unix_nano=str(time.time_ns() - 3 * 86_400 * 10**9)),
    ]  # fmt: skip
    for row in rows:
        shown = line(row, style, ServiceColours())
        assert cells(shown) <= width, shown
        if row["span_count"] == 7:
            assert shown.index("ab" * 16) == title.index("trace"), shown
            assert cells(shown[: shown.rindex("7") + 1]) >= title.index("spans"), shown
    assert cells(title) <= width


def test_a_list_tells_days_and_failures_apart() -> None:
    old = summary(start_unix_nano=str(time.time_ns() - 3 * 86_400 * 10**9))
    for style, exact in ((Style(80, False, True), False), (Style(120, False, True), True)):
        assert re.match(r"\d\d-\d\d \d\d:\d\d ", line(old, style, ServiceColours()))
        today = line(summary(), style, ServiceColours())
        assert re.match(r"\d\d:\d\d:\d\d\.\d{3} " if exact else r"\d\d:\d\d:\d\d +\d", today)
    failed = summary(error_count=2)
    assert " 7✗ " in line(failed, Style(80, False, True), ServiceColours())
    assert " 7! " in line(failed, Style(80, False, False), ServiceColours())
    assert re.search(r" 7 +2 ", line(failed, Style(120, False, True), ServiceColours()))


@pytest.mark.parametrize(
    ("ns", "shown"),
    [
        (0, "0 ns"), (999, "999 ns"), (1000, "1.00 µs"), (12_345, "12.3 µs"), (999_999, "1.00 ms"),
        (4_560_000, "4.56 ms"), (123_456_789, "123 ms"), (999_999_999, "1.00 s"), (59_900_000_000, "59.9 s"),
        (59_999_999_999, "1 min 0 s"), (125 * 10**9, "2 min 5 s"), (11_520 * 10**9, "3 h 12 min"),
    ],
)  # fmt: skip
def test_durations(ns: int, shown: str) -> None:
    assert duration(ns) == shown


def test_widths() -> None:
    assert cells("日本") == 4 and cells("e\u0301") == 1
    assert fitted("日本語", 5) == "日本…" and fitted("ab", 4) == "ab  "
    assert plain("a\tb\x00") == "a�b�"
