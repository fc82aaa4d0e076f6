from __future__ import annotations

from pathlib import Path

from spanwise import cgroup

V2_STAT = "usage_usec 5\nuser_usec 3\nnr_periods 200\nnr_throttled 50\nthrottled_usec 2500000\n"
V1_STAT = "nr_periods 10\nnr_throttled 4\nthrottled_time 1500000000\n"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_version_2(tmp_path: Path) -> None:
    write(tmp_path, cpu_DOT_stat=V2_STAT, memory_DOT_max="1000000\n", memory_DOT_current="700000\n")
    write(tmp_path, memory_DOT_stat="anon 5\ninactive_file 100000\n")
    assert cgroup.cpu_use(tmp_path) == cgroup.CpuUse(200, 50, 2.5)
    assert cgroup.memory_headroom(tmp_path) == 400_000


def test_version_1(tmp_path: Path) -> None:
    write(tmp_path, cpu__cpu_DOT_stat=V1_STAT)
    write(tmp_path, memory__memory_DOT_limit_in_bytes="1000000", memory__memory_DOT_usage_in_bytes="999999")
    assert cgroup.cpu_use(tmp_path) == cgroup.CpuUse(10, 4, 1.5)
    assert cgroup.memory_headroom(tmp_path) == 1


def test_without_limits_the_machine_counts(tmp_path: Path) -> None:
    write(tmp_path, cpu_DOT_stat="nr_periods 0\nnr_throttled 0\n", memory_DOT_max="max\n", memory_DOT_current="5\n")
    assert cgroup.cpu_use(tmp_path) is None
    headroom = cgroup.memory_headroom(tmp_path)
    assert headroom is not None
    assert headroom > 1_000_000


def test_files_that_are_missing_or_torn(tmp_path: Path) -> None:
    assert cgroup.cpu_use(tmp_path / "nowhere") is None
    write(tmp_path, cpu_DOT_stat="nr_periods\nnr_throttled many\n")
    assert cgroup.cpu_use(tmp_path) is None


def test_resident_memory_grows_with_what_is_held() -> None:
    before = cgroup.resident_bytes()
    held = bytearray(b"x") * 300_000_000  # more than a process that has freed much would have at hand
    after = cgroup.resident_bytes()
    assert before is not None and after is not None
    assert after - before > 100_000_000
    assert len(held) == 300_000_000
