from __future__ import annotations

import json

from spanwise import standard


def metrics(admin, query: str = "") -> list[dict]:
    return json.loads(admin.fetch(f"/admin/metric_metadata.json{query}").body)["metrics"]


def test_the_envelope_is_version_3_2(admin):
    data = json.loads(admin.fetch("/admin/metric_metadata.json").body)
    assert list(data) == ["@version", "counters_latched", "separator_char", "metrics"]
    assert (data["@version"], data["counters_latched"], data["separator_char"]) == (3.2, False, "/")
    assert [entry["name"] for entry in data["metrics"]] == [row.name for row in standard.METRICS]


def test_a_histogram_to_the_letter(admin):
    [entry] = metrics(admin, "?name=http_server_request_duration_seconds")
    assert entry == {
        "name": "http_server_request_duration_seconds",
        "dimensional_name": "http_server_request_duration_seconds",
        "relative_name": ["http_server_request_duration_seconds"],
        "labels": {},
        "dimensional_support": True,
        "kind": "histogram",
        "source": {"class": "Unspecified", "category": "Server", "process_path": "Unspecified"},
        "description": standard.HTTP_SERVER_REQUEST_DURATION.description,
        "unit": "s",
        "verbosity": "Verbosity(default)",
        "key_indicator": True,
        "label_names": ["http_request_method", "http_route", "http_response_status_code"],
        "better": "lower",
        "role": "duration",
        "histogram_format": "percentiles are interpolated inside the bucket",
        "bucket_bounds": list(standard.HTTP_BUCKETS),
        "owner": "unknown",
        "emitted": True,
        "buckets": {
            "count": ".count",
            "sum": ".sum",
            "average": ".avg",
            "0.5": ".p50",
            "0.9": ".p90",
            "0.95": ".p95",
            "0.99": ".p99",
            "0.999": ".p9990",
            "0.9999": ".p9999",
        },
    }


def test_buckets_belong_to_histograms_alone(admin):
    for entry in metrics(admin):
        assert ("buckets" in entry) is (entry["kind"] == "histogram")
        assert "counterish_gauge" not in entry


def test_names_are_found_by_series_and_suffix(admin):
    query = "?name=python_threads&name=http_client_request_duration_seconds/GET/a/200/.p9990&name=nothing"
    assert {entry["name"] for entry in metrics(admin, query)} == {
        "python_threads",
        "http_client_request_duration_seconds",
    }
    assert metrics(admin, "?name=nothing") == []


def test_what_was_declared_and_never_had_a_value_is_found(admin):
    names = {entry["name"] for entry in metrics(admin, "?emitted=false")}
    assert "http_client_request_duration_seconds" in names
    assert "http_server_request_duration_seconds" not in names
    assert all(entry["emitted"] is False for entry in metrics(admin, "?emitted=false"))
