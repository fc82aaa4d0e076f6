"""Children end when they are told, when they do not listen, and when the demo itself is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spanwise_samples.demo.children import Part, start, stop

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)


def python(name: str, code: str, **variables: str) -> Part:
    return Part(name, (sys.executable, "-c", code), variables)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_output_and_errors_go_to_the_log_of_this_run(tmp_path: Path) -> None:
    (tmp_path / "talker.log").write_text("of the run before")
    code = "import os, sys; print(os.environ['WORD']); sys.stderr.write('error\\n'); sys.exit(3)"
    child = start(python("talker", code, WORD="hello"), tmp_path)
    child.process.wait(10)
    assert child.last_lines(5) == ["hello", "error"]
    assert child.ending == "exit code 3"


def test_unwanted_variables_do_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere")
    code = "import os; print(os.environ.get('OTEL_EXPORTER_OTLP_ENDPOINT', 'nothing'))"
    child = start(python("talker", code), tmp_path, ("OTEL_EXPORTER_OTLP_ENDPOINT",))
    child.process.wait(10)
    assert child.last_lines(1) == ["nothing"]


def test_the_last_lines_of_a_long_log_are_its_end(tmp_path: Path) -> None:
    child = start(python("talker", "for n in range(20_000): print('line', n)"), tmp_path)
    child.process.wait(10)
    assert child.last_lines(2) == ["line 19998", "line 19999"]


def test_who_does_not_listen_is_killed_in_time(tmp_path: Path, wait_until: Callable[..., None]) -> None:
    deaf = start(python("deaf", STUBBORN), tmp_path)
    polite = start(python("polite", "import time; time.sleep(60)"), tmp_path)
    wait_until(lambda: deaf.last_lines(1) == ["deaf"])
    begin = time.monotonic()
    stop([deaf, polite], begin + 0.5)
    assert 0.5 <= time.monotonic() - begin < 2
    assert (deaf.ending, polite.ending) == ("killed by SIGKILL", "killed by SIGTERM")


def test_a_child_is_the_leader_of_its_own_group(tmp_path: Path) -> None:
    child = start(python("sleeper", "import time; time.sleep(60)"), tmp_path)
    assert os.getpgid(child.process.pid) == child.process.pid != os.getpgid(0)
    stop([child], time.monotonic() + 5)


PARENT = """
import sys, time
from pathlib import Path
from spanwise_samples.demo.children import Part, start
sleeper = (sys.executable, "-c", "import time; time.sleep(60)")
children = [start(Part(name, sleeper, {}), Path(sys.argv[1])) for name in "ab"]
print(*(child.process.pid for child in children), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_kill_9_of_the_parent_leaves_no_child(tmp_path: Path, wait_until: Callable[..., None]) -> None:
    command = (sys.executable, "-c", PARENT, str(tmp_path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2 and all(alive(pid) for pid in pids)
        parent.send_signal(signal.SIGKILL)
        wait_until(lambda: not any(alive(pid) for pid in pids))
