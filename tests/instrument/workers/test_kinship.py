from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from spanwise.workers.kinship import (
    ProcessId,
    Role,
    group_key,
    instance_id,
    is_alive,
    place,
    process_id,
    this_process,
)
from tests.instrument.workers.conftest import eventually

_SAY = """
    import json, os
    from spanwise.workers.kinship import place
    found = place()
    os.write(1, json.dumps([found.role.value, found.root.pid, os.getpid(), os.getppid()]).encode() + b"\\n")
"""


def _run(source: str) -> list[Any]:
    """What each process of a script says, in order."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_program_is_alone_whoever_has_started_it() -> None:
    ((role, root, pid, _),) = _run(_SAY)
    assert (role, root) == ("alone", pid)
    shell = f"{sys.executable} -c '{textwrap.dedent(_SAY)}' & {sys.executable} -c '{textwrap.dedent(_SAY)}' & wait"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=True)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(role, root == pid) for role, root, pid, _ in said] == [("alone", True)] * 2


def test_a_forked_process_belongs_to_its_parent_until_it_executes_another_program() -> None:
    forked = f"""
    import os
    if os.fork() == 0:
        {textwrap.indent(textwrap.dedent(_SAY), " " * 8).strip()}
        os._exit(0)
    os.wait()
    """
    ((role, root, _, parent),) = _run(forked)
    assert (role, root) == ("worker", parent)
    executed = f"""
    import os, sys
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", {textwrap.dedent(_SAY)!r}])
    os.wait()
    """
    ((role, root, pid, _),) = _run(executed)
    assert (role, root) == ("alone", pid)


def test_a_process_whose_parent_has_gone_is_alone() -> None:
    daemon = f"""
    import os, time
    parent = os.getpid()
    if os.fork() == 0:
        while os.getppid() == parent:
            time.sleep(0.01)
        {textwrap.indent(textwrap.dedent(_SAY), " " * 8).strip()}
        os._exit(0)
    """
    ((role, root, pid, _),) = _run(daemon)
    assert (role, root) == ("alone", pid)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_multiprocessing_belongs_to_who_started_it(method: str, tmp_path: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import json, multiprocessing, os
        from spanwise.workers.kinship import place

        def say():
            found = place()
            print(json.dumps([found.role.value, found.root.pid]), flush=True)

        if __name__ == "__main__":
            print(os.getpid(), flush=True)
            process = multiprocessing.get_context({method!r}).Process(target=say)
            process.start()
            process.join()
        """)
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    starter, said = done.stdout.splitlines()
    assert json.loads(said) == ["worker", int(starter)]


def test_a_number_used_again_is_another_process() -> None:
    me = this_process()
    assert is_alive(me) and me == process_id(os.getpid())
    assert not is_alive(ProcessId(me.pid, me.started - 1))
    assert not is_alive(ProcessId(2**22 - 1, 1))


def test_a_process_that_only_waits_to_be_reaped_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = process_id(child.pid)
    assert is_alive(process)
    child.kill()
    eventually(lambda: not is_alive(process))
    child.communicate()


def test_the_instance_is_one_for_a_root_and_a_service() -> None:
    assert place().role is Role.ALONE
    assert instance_id("a") == instance_id("a") != instance_id("b")
    assert uuid.UUID(instance_id("a")).version == 5
    me = this_process()
    keys: Callable[..., str] = group_key
    assert keys(me, "a") == keys(me, "a") != keys(me, "b")
    assert keys(me, "a") != keys(ProcessId(me.pid, me.started + 1), "a")
