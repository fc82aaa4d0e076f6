"""What an instance may say of itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spanwise_collector.registry import RegistrationError, parse
from spanwise_collector.registry._registration import check_id, split_target

GOOD: dict[str, Any] = {
    "identity": {"service.name": "catalog", "service.version": "1.0"},
    "metrics": "127.0.0.1:9990/metrics",
    "admin_url": "http://127.0.0.1:9990",
}


def parsed(**changes: Any) -> Any:
    return parse(json.dumps(GOOD | changes).encode())


def test_a_good_registration() -> None:
    registration = parsed()
    assert registration.identity["service.name"] == "catalog"
    assert split_target(registration.metrics) == ("127.0.0.1:9990", "/metrics")
    assert registration.admin_url == "http://127.0.0.1:9990"


@pytest.mark.parametrize(
    "metrics",
    ["localhost:1/metrics", "[::1]:9990/metrics", "pod-1.ns.svc.cluster.local:8080/a/b_c", "10.0.0.7:65535/", None],
)
def test_targets_that_may_be(metrics: str | None) -> None:
    assert parsed(metrics=metrics).metrics == metrics


@pytest.mark.parametrize(
    "metrics",
    [
        "127.0.0.1/metrics",
        "127.0.0.1:0/metrics",
        "127.0.0.1:65536/metrics",
        "127.0.0.1:9990",
        "http://127.0.0.1:9990/metrics",
        "user@127.0.0.1:9990/metrics",
        "127.0.0.1:9990/metrics?x=1",
        "127.0.0.1:9990/metrics#x",
        "a b:9990/metrics",
        "host\n:9990/metrics",
        "127.0.0.1:9990/../%00",
        ":9990/metrics",
        9990,
        ["127.0.0.1:9990/metrics"],
    ],
)
def test_targets_that_may_not_be(metrics: Any) -> None:
    with pytest.raises(RegistrationError, match="metrics must be host:port/path"):
        parsed(metrics=metrics)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//host/",
        "http://",
        "http://user:password@host/",
        "http://host:99999/",
        "http://ho st/",
        "http://host/\n",
        "http://host\\@evil/",
        7,
    ],
)
def test_urls_that_may_not_be(url: Any) -> None:
    with pytest.raises(RegistrationError, match="admin_url"):
        parsed(admin_url=url)


def test_the_identitys_own_url_is_checked_too() -> None:
    with pytest.raises(RegistrationError, match="admin_url"):
        parsed(identity={"service.name": "x", "spanwise.admin.url": "javascript:alert(1)"})


@pytest.mark.parametrize(
    "identity",
    [
        None,
        {},
        [],
        {"service.name": ""},
        {"service.name": 7},
        {"service.name": "x", "__address__": "evil"},
        {"service.name": "x", "Bad Key": "y"},
        {"service.name": "x", "a": 1},
        {"service.name": "x", "a": "line\nbreak"},
        {"service.name": "x", "a": "y" * 513},
        {"service.name": "x"} | {f"key{i}": "y" for i in range(40)},
    ],
)
def test_identities_that_may_not_be(identity: Any) -> None:
    with pytest.raises(RegistrationError, match="identity"):
        parsed(identity=identity)


@pytest.mark.parametrize("extra", ["labels", "targets", "__metrics_path__", "job"])
def test_nothing_else_may_be_in_it(extra: str) -> None:
    with pytest.raises(RegistrationError, match="may not be in a registration"):
        parsed(**{extra: "x"})


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b"\xff", b"7", b" " * 5000])
def test_bodies_that_are_none(body: bytes) -> None:
    with pytest.raises(RegistrationError):
        parse(body)


@pytest.mark.parametrize("instance_id", ["", "a/b", "a b", "x" * 201, "ü", "a\n"])
def test_ids_that_may_not_be(instance_id: str) -> None:
    with pytest.raises(RegistrationError):
        check_id(instance_id)


def test_a_body_nested_too_deep_is_no_json() -> None:
    with pytest.raises(RegistrationError, match="not JSON"):
        parse(b"[" * 4000)
