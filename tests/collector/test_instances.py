"""The instances that are alive, and Prometheus' view of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spanwise_collector.registry import InstanceError, Registration, Registry, http_sd
from spanwise_collector.registry import _instances as instances_module
from tests.collector.running_collector import RunningCollector, fetch

SECOND = 10**9
CATALOG = Registration(
    {"service.name": "catalog", "service.version": "1.0"}, "127.0.0.1:9990/metrics", "http://127.0.0.1:9990"
)
BARE = Registration({"service.name": "bare"})


class Clock:
    def __init__(self) -> None:
        self.now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(tmp_path: Path, clock: Clock) -> Registry:
    return Registry(tmp_path / "instances.json", clock)


def test_an_instance_is_gone_90_s_after_its_last_heartbeat(registry: Registry, clock: Clock) -> None:
    registry.put("one", CATALOG, "")
    clock.now += 89 * SECOND
    registry.put("one", CATALOG, "")
    clock.now += 89 * SECOND
    (alive,) = registry.alive()
    assert (alive.first_seen_ns, alive.last_seen_ns) == (1_000 * SECOND, 1_089 * SECOND)
    clock.now += 2 * SECOND
    assert registry.alive() == []


def test_goodbye(registry: Registry) -> None:
    registry.put("one", CATALOG, "")
    registry.delete("one", "")
    registry.delete("one", "")
    assert registry.alive() == []


def test_only_the_token_that_made_an_entry_may_change_it(registry: Registry) -> None:
    registry.put("one", CATALOG, "owner")
    for change in (lambda: registry.put("one", BARE, "thief"), lambda: registry.delete("one", "thief")):
        with pytest.raises(InstanceError) as refused:
            change()
        assert refused.value.status == 403
    registry.put("one", BARE, "owner")
    assert registry.alive()[0].registration == BARE


def test_the_registry_is_bounded(registry: Registry, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(instances_module, "MAX_INSTANCES", 3)
    for i in range(3):
        registry.put(f"i{i}", CATALOG, "")
    with pytest.raises(InstanceError) as refused:
        registry.put("i3", CATALOG, "")
    assert refused.value.status == 503
    registry.put("i0", CATALOG, "")  # a heartbeat is not another entry
    clock.now += 91 * SECOND
    registry.put("i3", CATALOG, "")  # the expired make room


def test_instances_are_kept_over_a_restart(registry: Registry, tmp_path: Path, clock: Clock) -> None:
    registry.put("one", CATALOG, "owner")
    registry.save()
    clock.now += 3600 * SECOND
    again = Registry(tmp_path / "instances.json", clock)
    again.load()
    (alive,) = again.alive()
    assert (alive.registration, alive.owner, alive.first_seen_ns) == (CATALOG, "owner", 1_000 * SECOND)
    clock.now += 91 * SECOND
    assert again.alive() == []


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"id": "x"}]', "null"])
def test_a_broken_file_is_no_obstacle(tmp_path: Path, content: str) -> None:
    path = tmp_path / "instances.json"
    path.write_text(content)
    registry = Registry(path)
    registry.load()
    assert registry.alive() == []


def test_the_collectors_own_entry_stays_and_is_its_own(registry: Registry, clock: Clock) -> None:
    registry.hold("own", CATALOG)
    clock.now += 3600 * SECOND
    (alive,) = registry.alive()
    assert alive.last_seen_ns == clock.now
    with pytest.raises(InstanceError):
        registry.put("own", BARE, "")


def test_http_sd_gives_targets_with_the_identity(registry: Registry) -> None:
    registry.put("one", CATALOG, "")
    registry.put("two", BARE, "")  # without metrics there is nothing to scrape
    assert http_sd(registry.alive()) == [
        {
            "targets": ["127.0.0.1:9990"],
            "labels": {
                "service_name": "catalog",
                "service_version": "1.0",
                "deployment_environment_name": "unknown",
                "__metrics_path__": "/metrics",
                "__param_identity": "target",
                "instance": "127.0.0.1:9990",
            },
        }
    ]


def test_one_that_is_gone_is_listed_for_an_hour(registry: Registry, clock: Clock) -> None:
    registry.put("silent", CATALOG, "")
    registry.put("polite", BARE, "")
    registry.delete("polite", "")
    clock.now += 91 * SECOND
    assert registry.alive() == []
    silent, polite = registry.gone()
    assert (silent.id, silent.gone_ns) == ("silent", 1_090 * SECOND) and silent.as_json()["state"] == "gone"
    assert (polite.id, polite.as_json()["gone_unix_nano"]) == ("polite", str(1_000 * SECOND))
    registry.put("silent", CATALOG, "")
    assert [one.id for one in registry.gone()] == ["polite"], "back again"
    assert [one.id for one in registry.listed("all")] == ["silent", "polite"]
    clock.now += 3600 * SECOND
    assert [one.id for one in registry.gone()] == ["silent"]


def test_the_gone_are_bounded_and_not_scraped(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances_module, "MAX_INSTANCES", 3)
    for i in range(5):
        registry.put(f"i{i}", CATALOG, "")
        registry.delete(f"i{i}", "")
    assert [one.id for one in registry.gone()] == ["i4", "i3", "i2"]
    assert http_sd(registry.alive()) == []


def test_the_gone_are_kept_over_a_restart(registry: Registry, tmp_path: Path, clock: Clock) -> None:
    registry.put("one", CATALOG, "owner")
    registry.delete("one", "owner")
    registry.put("two", BARE, "owner")
    registry.save()
    again = Registry(tmp_path / "instances.json", clock)
    again.load()
    assert (again.gone(), again.alive()) == (registry.gone(), registry.alive())


def test_a_file_of_the_first_version_is_read(tmp_path: Path, clock: Clock) -> None:
    entry = {"id": "one", "registration": {"identity": {"service.name": "a"}, "metrics": None, "admin_url": None},
             "owner": "", "first_seen_ns": 1, "last_seen_ns": 2}  # fmt: skip
    (tmp_path / "instances.json").write_text(json.dumps([entry]))
    registry = Registry(tmp_path / "instances.json", clock)
    registry.load()
    assert [one.id for one in registry.alive()] == ["one"]


def test_states_over_http(collector: RunningCollector) -> None:
    url = f"{collector.url}/api/spanwise/instances"
    registration = json.dumps({"identity": {"service.name": "states"}}).encode()
    assert fetch(f"{url}/states-1", "PUT", registration).status == 204
    assert fetch(f"{url}/states-1", "DELETE").status == 204

    def ids(query: str) -> list[str]:
        return [one["id"] for one in fetch(f"{url}{query}").json["instances"]]

    assert "states-1" not in ids("") and "states-1" in ids("?state=gone") and "states-1" in ids("?state=all")
    assert fetch(f"{url}?state=dead").status == 400
