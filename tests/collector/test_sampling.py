"""Sampling policies."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from spanwise.tracing.policy import parse_policy
from spanwise_collector.registry import InstanceError, SamplingPolicies, SamplingPolicyError
from spanwise_collector.registry import _sampling as sampling_module
from tests.collector.conftest import CollectorFactory
from tests.collector.running_collector import RunningCollector, fetch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sampling.json"


def write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document))
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9 * len(path.read_text())))


def test_without_a_file_everybody_gets_the_default() -> None:
    assert SamplingPolicies(None, 0.25).policy("x") == {"rate": 0.25, "routes": []}
    assert SamplingPolicies(None, None).policy("x") == {"rate": None, "routes": []}


def test_a_file_is_read_and_read_again(path: Path) -> None:
    write(path, {"services": {"catalog": {"rate": 0.5, "routes": [{"route": "/a", "rate": 1, "max_per_second": 10}]}}})
    policies = SamplingPolicies(path, 0.1)
    assert policies.policy("catalog") == {
        "rate": 0.5,
        "routes": [{"route": "/a", "rate": 1.0, "max_per_second": 10.0, "min_per_second": None}],
    }
    assert policies.policy("other") == {"rate": 0.1, "routes": []}
    write(path, {"default": {"rate": 0.02}, "services": {}})
    assert policies.policy("catalog") == {"rate": 0.02, "routes": []}


def test_a_file_that_breaks_leaves_the_policy_as_it_was(path: Path) -> None:
    write(path, {"default": {"rate": 0.5}})
    policies = SamplingPolicies(path, None)
    path.write_text("{broken")
    assert policies.policy("x")["rate"] == 0.5
    path.unlink()
    assert policies.policy("x")["rate"] == 0.5
    write(path, {"default": {"rate": 0.75}})
    assert policies.policy("x")["rate"] == 0.75


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ([], "must be an object"),
        ({"other": 1}, "must be an object"),
        ({"default": {"rate": 2}}, "default.rate"),
        ({"default": {"rate": True}}, "default.rate"),
        ({"services": []}, "services"),
        ({"services": {"a": {"rate": "x"}}}, r"services.a.rate"),
        ({"services": {"a": {"routes": {}}}}, r"services.a.routes"),
        ({"services": {"a": {"routes": [{"rate": 1}]}}}, r"services.a.routes\[0\]"),
        ({"services": {"a": {"routes": [{"route": "/", "rate": 1, "max_per_second": -1}]}}}, "max_per_second"),
        ({"services": {"a": {"routes": [{"route": "/", "min_per_second": "x"}]}}}, "min_per_second"),
        ({"services": {"a": {"routes": [{"route": "/", "max_per_second": 1, "min_per_second": 2}]}}}, "is more than"),
        ({"services": {"a": {"routes": [{"route": "/"}] * 501}}}, "at most 500"),
        ({"services": {"a": {"routes": [{"route": "\n"}]}}}, "printable"),
    ],
)
def test_a_wrong_file_is_an_error_at_start(path: Path, document: Any, where: str) -> None:
    write(path, document)
    with pytest.raises(SamplingPolicyError, match=where):
        SamplingPolicies(path, None)


def test_a_missing_file_is_an_error_at_start(path: Path) -> None:
    with pytest.raises(SamplingPolicyError, match="--sampling-file"):
        SamplingPolicies(path, None)


def test_the_etag_is_that_of_the_content() -> None:
    first, second = {"rate": 0.1, "routes": []}, {"rate": 0.2, "routes": []}
    assert SamplingPolicies.etag(first) == SamplingPolicies.etag(dict(first)) != SamplingPolicies.etag(second)


def test_a_route_may_have_bounds_and_no_rate_of_its_own(path: Path) -> None:
    write(path, {"default": {"routes": [{"route": "/a", "min_per_second": 0.2}]}})
    policy = SamplingPolicies(path, 0.1).policy("x")
    assert policy == {
        "rate": None,
        "routes": [{"route": "/a", "rate": None, "max_per_second": None, "min_per_second": 0.2}],
    }
    [route] = parse_policy(json.dumps(policy)).routes
    assert (route.route, route.rate, route.max_per_second, route.min_per_second) == ("/a", None, None, 0.2)


def body(rate: float) -> bytes:
    return json.dumps({"rate": rate}).encode()


@pytest.fixture
def kept_in(tmp_path: Path) -> Path:
    return tmp_path / "kept.json"


def test_what_is_set_beats_the_file_and_outlives_a_restart(path: Path, kept_in: Path) -> None:
    write(path, {"default": {"rate": 0.1}, "services": {"catalog": {"rate": 0.5}, "cart": {"rate": 0.6}}})
    policies = SamplingPolicies(path, None, kept_in)
    assert policies.set("catalog", body(0.9), "owner") == {"rate": 0.9, "routes": []}
    again = SamplingPolicies(path, None, kept_in)
    assert again.policy("catalog")["rate"] == 0.9 and again.policy("other")["rate"] == 0.1
    assert again.all() == {
        "default": {"rate": 0.1, "routes": []},
        "services": {
            "cart": {"rate": 0.6, "routes": [], "set_by": "file"},
            "catalog": {"rate": 0.9, "routes": [], "set_by": "api"},
        },
    }
    again.unset("catalog", "owner")
    again.unset("catalog", "owner")
    assert SamplingPolicies(path, None, kept_in).policy("catalog")["rate"] == 0.5


def test_only_the_token_that_set_a_policy_may_change_it(kept_in: Path) -> None:
    policies = SamplingPolicies(None, None, kept_in)
    policies.set("catalog", body(0.5), "owner")
    for change in (lambda: policies.set("catalog", body(1), "thief"), lambda: policies.unset("catalog", "thief")):
        with pytest.raises(InstanceError) as refused:
            change()
        assert refused.value.status == 403
    assert policies.policy("catalog")["rate"] == 0.5


def test_two_who_change_it_at_a_time_notice(kept_in: Path) -> None:
    policies = SamplingPolicies(None, 0.1, kept_in)
    seen = policies.etag(policies.policy("catalog"))
    policies.set("catalog", body(0.5), "", seen)
    with pytest.raises(InstanceError) as refused:
        policies.set("catalog", body(0.6), "", seen)
    assert refused.value.status == 412


@pytest.mark.parametrize(
    ("service", "given", "said"),
    [
        ("", b"{}", "service"),
        ("x" * 256, b"{}", "service"),
        ("x", b"{", "JSON"),
        ("x", b"[" * 60_000, "JSON"),
        ("x", b"[]", "policy must be an object"),
        ("x", b'{"rate": 2}', "policy.rate"),
        ("x", b" " * 65_537, "65536"),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused(kept_in: Path, service: str, given: bytes, said: str) -> None:
    policies = SamplingPolicies(None, None, kept_in)
    with pytest.raises(SamplingPolicyError, match=said):
        policies.set(service, given, "")
    assert not kept_in.exists()


def test_policies_are_bounded(kept_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling_module, "MAX_POLICIES", 1)
    policies = SamplingPolicies(None, None, kept_in)
    policies.set("a", body(0.5), "")
    policies.set("a", body(0.6), "")
    with pytest.raises(InstanceError) as refused:
        policies.set("b", body(0.5), "")
    assert refused.value.status == 503


def test_what_was_kept_and_cannot_be_read_is_an_error_at_start(kept_in: Path) -> None:
    kept_in.write_text("{broken")
    with pytest.raises(SamplingPolicyError, match="mend or remove it"):
        SamplingPolicies(None, None, kept_in)


def test_over_http(collector: RunningCollector) -> None:
    url = f"{collector.url}/api/spanwise/sampling?service=http-sampling"
    before = fetch(url).headers["ETag"]
    answer = fetch(url, "PUT", b'{"rate": 0.5, "routes": [{"route": "/a", "min_per_second": 1}]}', if_match=before)
    assert answer.status == 200 and answer.json == fetch(url).json
    assert answer.headers["ETag"] == fetch(url).headers["ETag"] != before
    assert fetch(url, "PUT", body(0.6), if_match=before).status == 412
    assert fetch(url, "PUT", b"{}{").status == 400
    for path in ("/api/sampling", "/sampling"):
        answer = collector.get(f"{path}?service=http-sampling").json
        assert answer["probabilisticSampling"] == {"samplingRate": 0.5}
        assert collector.get(path).status == 400
    assert "http-sampling" in collector.get("/api/spanwise/sampling/policies").json["services"]
    assert fetch(url, "DELETE").status == 204
    assert fetch(url).headers["ETag"] == before


def test_changing_a_policy_needs_the_write_token(new_collector: CollectorFactory) -> None:
    running = new_collector(SPANWISE_COLLECTOR_READ_TOKEN="r" * 20, SPANWISE_COLLECTOR_WRITE_TOKEN="w" * 20).start()
    url = f"{running.url}/api/spanwise/sampling?service=x"
    for token, status in (("", 401), ("r", 401), ("w", 200)):
        given = {"authorization": f"Bearer {token * 20}"} if token else {}
        assert fetch(url, "PUT", body(0.5), **given).status == status
    assert fetch(url, authorization=f"Bearer {'r' * 20}").status == 200
    assert fetch(url, "DELETE", authorization=f"Bearer {'r' * 20}").status == 401
