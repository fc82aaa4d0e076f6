"""twitter-server's wire contract, path by path: bodies to the byte where the contract is exact, else their shapes.

Each test names the paths it is about; the last ones hold that no path of the contract is without a test, and that what
is left out answers 404.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from typing import Any

import pytest

from spanwise.admin.builtin import metrics_json
from spanwise.admin.latched import Latch
from spanwise.admin.routes import GROUPS
from spanwise.toggles import toggle
from spanwise.tracing.sampling import HeadSampling
from tests.instrument.admin.conftest import IDENTITY, until
from tests.instrument.profiling.profile_proto import decode

TEXT = "text/plain;charset=UTF-8"
JSON = "application/json;charset=UTF-8"
SERVED = "http_server_request_duration_seconds/GET/%2Forders%2F{id}/200"
QUOTED = SERVED.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
NUMBER = (int, float)
TESTED: set[str] = set()


def about(*paths: str) -> Any:
    """Marks a test with the paths of the contract that it holds."""
    TESTED.update(paths)
    return lambda test: test


def exact(answer: Any, body: str, content_type: str = TEXT) -> None:
    assert (answer.status, answer.headers["content-type"], answer.text) == (200, content_type, body)


def data_of(answer: Any) -> Any:
    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    return json.loads(answer.body)


@about("/admin/ping")
def test_ping(admin):
    exact(admin.fetch("/admin/ping"), "pong")


@about("/health")
def test_health(admin):
    lifecycle = admin.process.health.lifecycle
    warming = admin.fetch("/health")
    assert (warming.status, warming.text) == (503, "warming up\n")
    lifecycle.started()
    exact(admin.fetch("/health"), "OK\n")
    lifecycle.drain()
    draining = admin.fetch("/health")
    assert (draining.status, draining.text) == (503, "draining\n")


@about("/quitquitquit", "/admin/shutdown")
@pytest.mark.parametrize("path", ["/quitquitquit", "/admin/shutdown"])
def test_quitting(admin, path):
    refused = admin.fetch(path)
    assert (refused.status, refused.headers["allow"], refused.body) == (405, "POST", b"")
    wrong = admin.fetch(f"{path}?grace=soon", "POST")
    said = "could not parse 'grace' parameter: soon is not a valid duration"
    assert (wrong.status, wrong.text.rstrip("\n")) == (400, said)


@about("/quitquitquit")
@pytest.mark.parametrize("grace", ["10.seconds", "1.minute", "10s", "1m"])
def test_a_grace_may_be_written_in_both_ways(admin, monkeypatch, grace):
    quits: list[object] = []
    monkeypatch.setattr("spanwise.admin.ending.quit_gracefully", lambda *given: quits.append(given))
    exact(admin.fetch(f"/quitquitquit?grace={grace}", "POST"), "quitting\n")
    assert len(quits) == 1


@about("/abortabortabort")
def test_aborting(admin, monkeypatch):
    refused = admin.fetch("/abortabortabort")
    assert (refused.status, refused.headers["allow"], refused.body) == (405, "POST", b"")
    aborted = threading.Event()
    monkeypatch.setattr("spanwise.admin.ending.abort", lambda *_: aborted.set())
    exact(admin.fetch("/abortabortabort", "POST"), "aborting\n")
    assert aborted.wait(10)


@about("/admin", "/", "/admin/")
def test_the_way_in(admin):
    line = admin.fetch("/admin")
    assert (line.status, line.headers["content-type"], line.text.count("\n")) == (200, TEXT, 1)
    for path in ("/", "/admin/"):
        answer = admin.fetch(path)
        assert (answer.status, answer.headers["location"], answer.body) == (307, "/admin", b"")


@about("/admin/server_info")
def test_server_info(make_admin):
    given = {
        "build": "20130221-105425",
        "build_branch_name": "refs/heads/x",
        "build_last_few_commits": "694299d (HEAD) msg\nba1c062 msg",
        "build_machine": "ci-7",
    }
    answer = make_admin(identity={**IDENTITY, **given}).fetch("/admin/server_info")
    data = data_of(answer)
    when, uptime = data.pop("start_time"), data.pop("uptime")
    assert re.fullmatch(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \S+ \d{4}", when)
    assert isinstance(uptime, int) and uptime >= 100_000
    assert data == {
        "name": "checkout",
        "version": "1.4.2",
        "build": "20130221-105425",
        "build_revision": "694299d6",
        "build_branch_name": "refs/heads/x",
        "build_last_few_commits": ["694299d (HEAD) msg", "ba1c062 msg"],
        "merge_base": "unknown",
        "merge_base_commit_date": "unknown",
        "scm_repository": "unknown",
        "build_machine": "ci-7",
        "deployment.environment.name": "production",
        "service.instance.id": "instance-1",
    }
    assert answer.text.startswith('{\n  "name": "checkout",\n')


@about("/admin/metrics.json")
def test_metrics(admin):
    answer = admin.fetch("/admin/metrics.json")
    numbers = data_of(answer)
    assert answer.body.count(b"\n") == 1
    assert all(type(value) in NUMBER for value in numbers.values())
    suffixes = {name.removeprefix(SERVED) for name in numbers if name.startswith(SERVED)}
    assert suffixes == {".count", ".sum", ".avg", ".p50", ".p90", ".p95", ".p99", ".p9990", ".p9999"}
    for yes in ("1", "true"):
        pretty = admin.fetch(f"/admin/metrics.json?pretty={yes}&filtered={yes}")
        assert list(data_of(pretty)) == sorted(data_of(pretty))
        assert pretty.text.startswith("{\n  ")
        assert "python_threads" not in pretty.text


@about("/admin/metrics.json")
def test_metrics_of_the_last_minute(admin, registry, monkeypatch):
    latch = Latch(period_s=0.3)
    monkeypatch.setattr(metrics_json, "LATCH", latch)

    def minute() -> dict[str, float]:
        return data_of(admin.fetch("/admin/metrics.json?period=60"))

    try:
        first = minute()
        assert (first["orders_placed_total"], first[f"{SERVED}.count"]) == (0, 0)
        assert first["http_server_active_requests/GET"] == 2  # a gauge is no total
        registry._names_to_collectors["orders_placed_total"].inc(3)
        until(lambda: minute()["orders_placed_total"] == 3, 10)
        until(lambda: minute()["orders_placed_total"] == 0, 10)
    finally:
        latch.stop()
    assert admin.fetch("/admin/metrics.json?period=30").status == 400


@about("/admin/metrics")
def test_watch(admin):
    answer = admin.fetch("/admin/metrics?m=orders_placed_total&m=nothing")
    assert data_of(answer) == [{"name": "orders_placed_total", "delta": 0.0, "value": 7.0}]
    assert answer.text == '[{"name":"orders_placed_total","delta":0.0,"value":7.0}]\n'


@about("/admin/prometheus_metrics", "/metrics")
@pytest.mark.parametrize("path", ["/admin/prometheus_metrics", "/metrics"])
def test_scrape(admin, path):
    answer = admin.fetch(path)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE orders_placed_total counter\n" in answer.text
    open_metrics = admin.fetch(path, accept="application/openmetrics-text;version=1.0.0")
    assert open_metrics.text.endswith("# EOF\n")


@about("/admin/metric_metadata.json")
def test_metadata(admin):
    data = data_of(admin.fetch("/admin/metric_metadata.json"))
    assert {**data, "metrics": []} == {
        "@version": 3.2, "counters_latched": False, "separator_char": "/", "metrics": []
    }  # fmt: skip
    keys = [
        "name", "dimensional_name", "relative_name", "labels", "dimensional_support", "kind", "source", "description",
        "unit", "verbosity", "key_indicator"
    ]  # fmt: skip
    for entry in data["metrics"]:
        assert list(entry)[: len(keys)] == keys
        assert set(entry["source"]) == {"class", "category", "process_path"}
        assert entry["kind"] in ("counter", "gauge", "histogram")
        assert ("buckets" in entry) == (entry["kind"] == "histogram")
    [one] = data_of(admin.fetch(f"/admin/metric_metadata.json?name={QUOTED}.p9990"))["metrics"]
    assert one["buckets"]["0.999"] == ".p9990"


@about("/admin/metric/expressions.json", "/admin/namespaces")
def test_expressions(admin):
    data = data_of(admin.fetch("/admin/metric/expressions.json?latching_style=true"))
    assert (data["@version"], data["separator_char"]) == (1.1, "/")
    bounds = {
        "kind", "operator", "bad_threshold", "good_threshold", "lower_bound_inclusive", "upper_bound_exclusive"
    }  # fmt: skip
    for each in data["expressions"]:
        assert set(each) >= {"name", "labels", "namespaces", "expression", "bounds", "description", "unit"}
        assert set(each["labels"]) == {"process_path", "service_name", "role"}
        assert set(each["bounds"]) == bounds
        assert each["bounds"]["kind"] in ("monotone", "range", "unbounded")
    names = data_of(admin.fetch("/admin/namespaces"))
    assert list(names) == ["@version", "namespaces"] and names["@version"] == 1.0
    assert all(list(each) == ["name"] for each in names["namespaces"])


@about("/admin/histograms.json", "/admin/histograms")
def test_histograms(admin):
    bucket = {"lower_limit": 0.01, "upper_limit": 0.025, "count": 9}
    assert data_of(admin.fetch("/admin/histograms.json"))[SERVED] == [bucket]
    assert data_of(admin.fetch(f"/admin/histograms?h={QUOTED}&fmt=raw")) == {SERVED: [bucket]}
    for shape in ("pdf", "cdf"):
        shares = data_of(admin.fetch(f"/admin/histograms?h={QUOTED}&fmt={shape}"))
        assert shares == {SERVED: [{"lower_limit": 0.01, "upper_limit": 0.025, "percentage": 1.0}]}
    summary = data_of(admin.fetch(f"/admin/histograms.json?h={QUOTED}&summary"))
    assert list(summary) == ["name", "count", "sum", "average", "percentiles"]
    assert list(summary["percentiles"]) == ["p50", "p90", "p95", "p99", "p999", "p9999"]
    assert data_of(admin.fetch("/admin/histograms.json?h=nothing&summary")) == {}


@about("/admin/threads.json")
def test_threads(admin):
    data = data_of(admin.fetch("/admin/threads.json"))
    assert list(data) == ["threads", "deadlocks"] and data["deadlocks"] == []
    by_name = {each["thread"]: (ident, each) for ident, each in data["threads"].items()}
    ident, main = by_name["MainThread"]
    assert ident == str(threading.main_thread().ident)
    assert list(main)[:5] == ["thread", "daemon", "state", "priority", "stack"]
    assert (main["daemon"], main["priority"]) == (False, 5)
    for _, each in by_name.values():
        assert each["state"] in ("RUNNABLE", "WAITING", "TIMED_WAITING", "BLOCKED")
        assert set(each) >= {"idle", "native_id", "cpu_ms", "waiting_on", "lock_owner", "task"}
        assert all(re.fullmatch(r".+\(.+:\d+\)", line) for line in each["stack"])


@about("/admin/contention")
def test_contention(admin):
    text = admin.fetch("/admin/contention").text
    assert re.match(r"(DEADLOCKS:\n\n.+\n\n)?Blocked:\n(.|\n)*\n\nLock Owners:\n", text)
    assert "DEADLOCKS" not in text


@about("/admin/lint.json", "/admin/failedlint", "/admin/lint")
def test_lint(admin):
    answer = admin.fetch("/admin/lint.json")
    results = data_of(answer)["lint_results"]
    assert list(results) == ["metadata", "failed_rules", "ok_rules"]
    metadata = results["metadata"]
    assert list(metadata) == ["num_rules_run", "num_rules_ok", "num_rules_failed", "num_issues_found"]
    assert metadata["num_rules_run"] == metadata["num_rules_ok"] + metadata["num_rules_failed"] >= 15
    assert len(results["ok_rules"]) == metadata["num_rules_ok"]
    for rule in results["failed_rules"]:
        assert list(rule) == ["category", "id", "name", "description", "issues"]
        assert all(isinstance(issue, str) for issue in rule["issues"])
    assert data_of(admin.fetch("/admin/lint", accept="application/json")).keys() == {"lint_results"}
    banner = admin.fetch("/admin/failedlint").text
    assert (banner == "") == (metadata["num_rules_failed"] == 0)
    assert "<html" not in banner


@about("/admin/registry.json")
def test_registry(admin):
    found = data_of(admin.fetch("/admin/registry.json"))
    assert list(found) == ["registry"]
    assert {"flags", "library", "build.properties", "system", "client", "server"} <= set(found["registry"])
    system = found["registry"]["system"]
    assert {"env", "properties", "jvm_arguments", "python_arguments"} <= set(system)
    part = data_of(admin.fetch("/admin/registry.json?filter=registry/library/*/version"))["registry"]
    assert list(part) == ["library"]
    assert all(list(each) == ["version"] for each in part["library"].values())


@about("/admin/logging")
def test_logging(admin):
    assert admin.fetch("/admin/logging?logger=contract.a&level=DEBUG").status == 200
    assert admin.fetch("/admin/logging", "PUT").headers["allow"] == "GET, HEAD, POST"
    assert "contract.a" not in admin.fetch("/admin/logging?overridden=true").text
    assert admin.fetch("/admin/logging?logger=contract.a&level=DEBUG&ttl=10m", "POST").status == 200
    assert "contract.a" in admin.fetch("/admin/logging?overridden=true").text
    assert admin.fetch("/admin/logging?logger=contract.a&level=null", "POST").status == 200
    spring = data_of(admin.fetch("/admin/logging.json"))
    assert set(spring) == {"levels", "loggers", "groups"}
    assert set(spring["loggers"]["ROOT"]) >= {"configuredLevel", "effectiveLevel"}


@about("/admin/tracing")
def test_tracing(make_admin):
    admin = make_admin(sampling=HeadSampling(0.25))
    assert admin.fetch("/admin/tracing?enable=true").text.startswith("Tracing is enabled: 0.25")
    exact(admin.fetch("/admin/tracing?disable=true", "POST"), "Disabling Finagle tracing\n")
    exact(admin.fetch("/admin/tracing?enable=true", "POST"), "Enabled Finagle tracing\n")


@about("/admin/pprof/profile", "/admin/pprof/contention", "/admin/pprof/heap")
@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("profile?seconds=0.2&hz=100", ["samples", "wall", "cpu"]),
        ("contention?seconds=0.1&hz=100", ["contentions", "delay"]),
        ("heap?pause=0.1&sample_period=5242880&force_gc=no", ["inuse_objects", "inuse_space"]),
    ],
)
def test_profiles(admin, query, types):
    answer = admin.fetch(f"/admin/pprof/{query}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    assert re.fullmatch(r'attachment; filename="[a-z0-9-]+\.pb\.gz"', answer.headers["content-disposition"])
    gzip.decompress(answer.body)
    profile = decode(answer.body)
    assert [profile.string_table[each.type] for each in profile.sample_type] == types


@about("/debug/pprof/")
def test_gos_paths(admin):
    for line in admin.fetch("/debug/pprof/").text.splitlines():
        answer = admin.fetch(f"{line}?seconds=0.1")
        assert answer.status == 200, line
        if not line.endswith("cmdline"):
            decode(answer.body)


@about("/admin/toggles")
def test_toggles(admin):
    toggle("contract.flow", fraction=0.25, description="A flow.")
    listed = data_of(admin.fetch("/admin/toggles/contract/flow"))
    assert "0.25" in json.dumps(listed)
    assert data_of(admin.fetch("/admin/toggles", accept="application/json"))
    assert admin.fetch("/admin/toggles/contract/flow?fraction=1", "PUT").status == 200
    assert admin.fetch("/admin/toggles/contract/flow?fraction=2", "PUT").status == 400
    assert admin.fetch("/admin/toggles/contract/flow", "DELETE").status == 200


@about("/admin/servers/connections/")
def test_connections(admin):
    with admin.connect() as client:
        # Accepted is what the admin port has answered on.
        client.sendall(b"GET /admin/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(4096)
        data = data_of(admin.fetch("/admin/servers/connections/"))
        address = f"127.0.0.1:{client.getsockname()[1]}"
        own = next(each for each in data["servers"] if each["address"] == f"127.0.0.1:{admin.server.port}")
        assert {"address": address} in own["clients"]
    assert all(set(each) == {"address", "clients"} for each in data["servers"])


@about("every answer")
def test_headers_of_every_answer(admin):
    for path, status in (("/admin/ping", 200), ("/admin/nothing", 404), ("/quitquitquit", 405), ("/", 307)):
        answer = admin.fetch(path)
        assert answer.status == status
        assert answer.headers["content-language"] == "en"
        assert answer.headers["content-length"] == str(len(answer.body))
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")


@about("the index")
def test_groups_keep_their_names(admin):
    assert GROUPS == ("Process Info", "Performance Profile", "Utilities", "Metrics", "Misc")
    groups = [each["group"] for each in data_of(admin.fetch("/admin.json"))["routes"]]
    assert list(dict.fromkeys(groups)) == list(GROUPS)


@pytest.mark.parametrize(
    "path",
    [
        "/admin/dtab",
        "/admin/announcer",
        "/admin/balancers.json",
        "/admin/balancers.json?label=x",
        "/admin/tunables",
        "/admin/tunables/x",
        "/admin/per_host_metrics.json",
        "/rpcz",
        "/statz",
        "/tracez",
        "/traceconfigz",
        "/admin/pprof/profile?seconds=0.1&format=legacy",
        "/admin/pprof/heap?format=legacy",
        "/admin/pprof/contention?format=legacy",
    ],
)
def test_what_is_left_out_answers_404(admin, path):
    began = time.monotonic()
    answer = admin.fetch(path)
    assert (answer.status, answer.text.count("\n")) == (404, 1)
    assert time.monotonic() - began < 9, "it is said before any profile is taken"


def test_every_path_of_the_contract_has_its_test():
    contract = """
        /admin/ping /health /quitquitquit /admin/shutdown /abortabortabort /admin / /admin/ /admin/server_info
        /admin/metrics.json /admin/metrics /admin/prometheus_metrics /metrics /admin/metric_metadata.json
        /admin/metric/expressions.json /admin/histograms.json /admin/histograms /admin/threads.json /admin/contention
        /admin/lint.json /admin/failedlint /admin/registry.json /admin/logging /admin/tracing /admin/pprof/profile
        /admin/pprof/contention /admin/pprof/heap /debug/pprof/ /admin/toggles /admin/namespaces
        /admin/servers/connections/
    """
    assert set(contract.split()) <= TESTED
