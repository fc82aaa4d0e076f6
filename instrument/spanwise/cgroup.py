"""What the control group that the process runs in allows it, and whether it is held back: version 1 and version 2.

In a container the group's own files stand at the root of the mount, which is where they are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")
# Version 1 writes a number near 2**63 for "no limit".
_UNLIMITED = 1 << 60


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Since the group was made: scheduling periods, those in which it was held back, and for how long in total."""

    periods: int
    throttled: int
    throttled_s: float


def cpu_use(root: Path = ROOT) -> CpuUse | None:
    """None where the group has no processor limit or the system does not say."""
    for folder in (root, root / "cpu", root / "cpu,cpuacct"):
        numbers = _numbers(folder / "cpu.stat")
        if numbers.get("nr_periods"):
            seconds = numbers.get("throttled_usec", 0) / 1e6 + numbers.get("throttled_time", 0) / 1e9
            return CpuUse(numbers["nr_periods"], numbers.get("nr_throttled", 0), seconds)
    return None


def memory_headroom(root: Path = ROOT) -> int | None:
    """Bytes that the process may still take before the group, or else the machine, is full; None where nobody says."""
    for limit, used, stat, reclaimable in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        most, now = _number(root / limit), _number(root / used)
        if most is not None and now is not None and most < _UNLIMITED:
            return max(0, most - now + _numbers(root / stat).get(reclaimable, 0))
    return _available()


def cpu_limit(root: Path = ROOT) -> float | None:
    """Cores; None without a limit."""
    try:
        quota, _, period = (root / "cpu.max").read_text().strip().partition(" ")
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # also "max"
        pass
    for folder in (root / "cpu", root / "cpu,cpuacct"):
        allowed, length = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if allowed is not None and length and allowed > 0:
            return allowed / length
    return None


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes; None without a limit."""
    for limit in ("memory.max", "memory/memory.limit_in_bytes"):
        most = _number(root / limit)
        if most is not None and most < _UNLIMITED:
            return most
    return None


def memory_used(root: Path = ROOT) -> int | None:
    """Bytes that the whole group uses, page cache included."""
    now = _number(root / "memory.current")
    return _number(root / "memory/memory.usage_in_bytes") if now is None else now


def resident_bytes() -> int | None:
    """What the process holds of the machine's memory."""
    try:
        import resource

        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError, ImportError):
        return None


def _available() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # also "max"
        return None


def _numbers(path: Path) -> dict[str, int]:
    """A file of `name number` lines; empty where it is missing."""
    try:
        pairs = (line.split() for line in path.read_text().splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].lstrip("-").isdigit()}
    except OSError:
        return {}
