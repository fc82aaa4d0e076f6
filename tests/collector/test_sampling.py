"""Sampling policies."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from spanwise_collector.registry import SamplingPolicies, SamplingPolicyError


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
        "routes": [{"route": "/a", "rate": 1.0, "max_per_second": 10}],
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
