"""A container's limits as metrics, from simulated control groups of both versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from spanwise import cgroup
from spanwise.container_limits import WINDOW_S, ContainerLimits

Files = dict[str, str]
V2: Files = {
    "cpu.stat": "usage_usec 5\nnr_periods 100\nnr_throttled 25\nthrottled_usec 1000000\n",
    "cpu.max": "150000 100000\n",
    "memory.max": "1073741824\n",
    "memory.current": "2048\n",
}
V1: Files = {
    "cpu,cpuacct/cpu.stat": "nr_periods 100\nnr_throttled 25\nthrottled_time 1000000000\n",
    "cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
    "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "memory/memory.limit_in_bytes": "1073741824\n",
    "memory/memory.usage_in_bytes": "2048\n",
}
UNLIMITED_V2: Files = {"cpu.stat": "usage_usec 5\nnr_periods 0\n", "cpu.max": "max 100000\n", "memory.max": "max\n"}
UNLIMITED_V1: Files = {
    "cpu/cpu.cfs_quota_us": "-1\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "memory/memory.limit_in_bytes": "9223372036854771712\n",
}


@pytest.fixture
def group(tmp_path: Path) -> Callable[[Files], Path]:
    def write(files: Files) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize("files", [V2, V1], ids=["v2", "v1"])
def test_limits(group: Callable[[Files], Path], files: Files) -> None:
    registry = CollectorRegistry()
    registry.register(ContainerLimits(group(files)))
    value = registry.get_sample_value
    assert value("process_cgroup_cpu_limit_cores") == 1.5
    assert value("process_cgroup_memory_limit_bytes") == 1 << 30
    assert value("process_cgroup_memory_bytes") == 2048
    assert value("process_cgroup_cpu_throttled_ratio") == 0.0


@pytest.mark.parametrize("files", [UNLIMITED_V2, UNLIMITED_V1, {}, {"cpu.max": "what?", "memory.max": ""}])
def test_without_limits_there_is_nothing_to_say(group: Callable[[Files], Path], files: Files) -> None:
    registry = CollectorRegistry()
    registry.register(ContainerLimits(group(files)))
    assert [sample for family in registry.collect() for sample in family.samples] == []


def test_the_throttled_share_is_that_of_the_last_minute(group: Callable[[Files], Path]) -> None:
    limits = ContainerLimits(group(V2))
    start = limits._readings[0][0]

    def at(seconds: float, periods: int, throttled: int) -> float | None:
        group({"cpu.stat": f"nr_periods {periods}\nnr_throttled {throttled}\nthrottled_usec 0\n"})
        return limits.throttled(start + seconds)

    assert at(15, 200, 75) == 0.5
    assert at(15.1, 200, 75) == 0.5  # asked twice, by two scrapers
    assert at(30, 300, 75) == 0.25
    assert at(WINDOW_S + 30, 400, 75) == 0.0
    assert at(WINDOW_S + 60, 500, 175) == 0.5


def test_this_machine_s_own_group_can_be_read() -> None:
    assert Path("/sys/fs/cgroup") == cgroup.ROOT
    list(ContainerLimits().collect())
