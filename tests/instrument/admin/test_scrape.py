from __future__ import annotations

import gzip
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

# What Prometheus 3 sends.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
IDENTITY = {"service_name": "checkout", "service_version": "1.4.2", "deployment_environment_name": "production"}


@pytest.mark.parametrize("path", ["/metrics", "/admin/prometheus_metrics"])
def test_text_has_the_identity_on_every_line(admin, path):
    got = admin.fetch(path)
    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = [sample for family in parse_text(got.text) for sample in family.samples]
    assert len(samples) > 30
    assert all(IDENTITY.items() <= sample.labels.items() for sample in samples)
    assert 'orders_placed_total{service_name="checkout",service_version="1.4.2",' in got.text


def test_discovery_that_sets_identity_on_the_target_gets_lines_without(admin):
    got = admin.fetch("/metrics?identity=target")
    assert "service_name" not in got.text
    assert "orders_placed_total 7.0\n" in got.text


def test_what_is_not_known_is_unknown_and_never_absent(make_admin):
    admin = make_admin(identity={"service.name": "", "service.version": "1"})
    expected = (
        'orders_placed_total{service_name="unknown",service_version="1",deployment_environment_name="unknown"} 7.0'
    )
    assert expected in admin.fetch("/metrics").text


def test_openmetrics_has_exemplars_and_text_has_none(admin):
    got = admin.fetch("/metrics", accept=PROMETHEUS)
    assert got.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert got.text.endswith("# EOF\n")
    exemplars = [
        sample.exemplar.labels
        for family in parse_openmetrics(got.text)
        for sample in family.samples
        if sample.exemplar is not None
    ]
    assert exemplars == [{"trace_id": "0af7651916cd43dd8448eb211c80319c"}]
    assert "trace_id" not in admin.fetch("/metrics").text


@pytest.mark.parametrize(
    ("accept_encoding", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0", False),
        ("br", False),
        ("", False),
    ],
)
def test_gzip_where_it_is_taken(admin, accept_encoding, packed):
    got = admin.fetch("/metrics", accept_encoding=accept_encoding)
    assert (got.headers.get("content-encoding") == "gzip") is packed
    body = gzip.decompress(got.body) if packed else got.body
    assert body.endswith(b"\n") and b"orders_placed_total{" in body
    assert int(got.headers["content-length"]) == len(got.body)


def test_promtool_has_nothing_to_say(admin):
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=admin.fetch("/metrics").body, capture_output=True, timeout=30
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
