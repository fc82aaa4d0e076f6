"""The last metrics of jobs that have ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwise_collector.registry import InstanceError, RegistrationError, Snapshots
from spanwise_collector.registry import _snapshots as snapshots_module
from tests.collector.conftest import CollectorFactory
from tests.collector.running_collector import RunningCollector, fetch

SECOND = 10**9
TEXT = b"""# HELP rows Rows written.
# TYPE rows counter
rows_total{service_name="nightly",service_version="2.1",deployment_environment_name="live"} 7.0
# EOF
"""
PATH = "/api/spanwise/registry/snapshots"


class Clock:
    now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def snapshots(tmp_path: Path, clock: Clock) -> Snapshots:
    made = Snapshots(tmp_path / "snapshots", clock)
    made.load()
    return made


def text(value: int) -> bytes:
    return TEXT.replace(b"7.0", f"{value}.0".encode())


def test_a_snapshot_is_kept_for_an_hour(snapshots: Snapshots, clock: Clock, tmp_path: Path) -> None:
    snapshots.put("job-1", TEXT, "")
    [kept] = snapshots.current()
    assert snapshots.text(kept.key) == TEXT
    assert kept.target("127.0.0.1:9411") == {
        "targets": ["127.0.0.1:9411"],
        "labels": {
            "service_name": "nightly",
            "service_version": "2.1",
            "deployment_environment_name": "live",
            "__metrics_path__": f"{PATH}/{kept.key}",
            "instance": "job-1",
        },
    }
    clock.now += 3601 * SECOND
    assert snapshots.text(kept.key) is None and snapshots.current() == []
    assert list((tmp_path / "snapshots").iterdir()) == []


def test_a_later_one_replaces_the_first_under_the_same_key(snapshots: Snapshots) -> None:
    snapshots.put("job-1", TEXT, "owner")
    [first] = snapshots.current()
    snapshots.put("job-1", text(9), "owner")
    [second] = snapshots.current()
    assert second.key == first.key and snapshots.text(first.key) == text(9)
    with pytest.raises(InstanceError):
        snapshots.put("job-1", TEXT, "thief")


def test_they_outlive_a_restart(snapshots: Snapshots, clock: Clock, tmp_path: Path) -> None:
    snapshots.put("job-1", TEXT, "owner")
    (tmp_path / "snapshots" / "torn.openmetrics").write_bytes(b"{")
    again = Snapshots(tmp_path / "snapshots", clock)
    again.load()
    assert again.current() == snapshots.current()
    assert again.text(again.current()[0].key) == TEXT
    assert len(list((tmp_path / "snapshots").iterdir())) == 1


def test_the_oldest_goes(snapshots: Snapshots, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots_module, "MAX_SNAPSHOTS", 2)
    for name in ("a", "b", "a", "c"):
        clock.now += SECOND
        snapshots.put(name, TEXT, "")
    assert [kept.instance_id for kept in snapshots.current()] == ["a", "c"]
    monkeypatch.setattr(snapshots_module, "MAX_SNAPSHOTS_BYTES", len(TEXT))
    assert [kept.instance_id for kept in snapshots.current()] == ["c"]


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("", TEXT, "instance id"),
        ("../x", TEXT, "instance id"),
        ("job", b"rows_total 1\n", "OpenMetrics"),
        ("job", b"\xff\xfe", "OpenMetrics"),
        ("job", b"", "OpenMetrics"),
        ("job", b"# TYPE rows counter\nrows_total 1.0\n# EOF\n", "service_name"),
        ("job", TEXT + b" " * 2**20, "1048576"),
    ],
)
def test_what_is_no_snapshot_is_refused(snapshots: Snapshots, name: str, body: bytes, said: str) -> None:
    with pytest.raises(RegistrationError, match=said):
        snapshots.put(name, body, "")
    assert snapshots.current() == []


def test_over_http(collector: RunningCollector) -> None:
    assert fetch(f"{collector.url}{PATH}?instance=http-1", "POST", TEXT).status == 204
    [target] = [one for one in collector.get("/sd/prometheus").json if one["labels"]["instance"] == "http-1"]
    assert f"http://{target['targets'][0]}" == collector.url
    answer = fetch(f"http://{target['targets'][0]}{target['labels']['__metrics_path__']}")
    assert answer.body == TEXT and answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert fetch(f"{collector.url}{PATH}", "POST", TEXT).status == 400
    assert collector.get(f"{PATH}/unknown").status == 404


def test_leaving_one_asks_for_the_write_token(new_collector: CollectorFactory) -> None:
    tokens = {"SPANWISE_COLLECTOR_READ_TOKEN": "r" * 20, "SPANWISE_COLLECTOR_WRITE_TOKEN": "w" * 20}
    running = new_collector(**tokens).start()
    url = f"{running.url}{PATH}?instance=job"
    assert fetch(url, "POST", TEXT).status == 401
    assert fetch(url, "POST", TEXT, authorization=f"Bearer {'w' * 20}").status == 204
    assert running.get("/sd/prometheus").status == 401
    [target] = running.get("/sd/prometheus", authorization=f"Bearer {'r' * 20}").json
    assert running.get(target["labels"]["__metrics_path__"]).body == TEXT
