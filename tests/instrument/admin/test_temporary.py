from __future__ import annotations

import os
import threading

import pytest

from spanwise.admin.temporary import MOST_CHANGES, Changes, TooMany
from tests.instrument.admin.conftest import until


class Value:
    def __init__(self) -> None:
        self.now = "before"

    def change(self, changes: Changes, to: str, ttl_s: float = 60.0, key: str = "value") -> None:
        before = self.now

        def do() -> None:
            self.now = to

        def undo() -> None:
            self.now = before

        changes.make(key, to, do, undo, ttl_s)


def test_time_brings_back_what_was_there(caplog):
    changes, value = Changes(), Value()
    value.change(changes, "after", ttl_s=0.05)
    assert value.now == "after"
    until(lambda: value.now == "before")
    assert changes.active() == []
    until(lambda: "value: time is up, undone" in caplog.text)
    until(lambda: not any(thread.name == "spanwise-admin-undo" for thread in threading.enumerate()))


def test_a_second_change_keeps_what_was_there_before_the_first():
    changes, value = Changes(), Value()
    value.change(changes, "one")
    value.change(changes, "two")
    [active] = changes.active()
    assert (active.description, value.now) == ("two", "two")
    assert 59 < active.left_s <= 60
    assert changes.undo("value")
    assert value.now == "before"
    assert not changes.undo("value")


def test_a_shorter_change_beside_a_longer_one_ends_first():
    changes, long, short = Changes(), Value(), Value()
    long.change(changes, "after", 60, "long")
    short.change(changes, "after", 0.05, "short")
    until(lambda: short.now == "before")
    assert long.now == "after"
    changes.undo_all()
    assert long.now == "before"


def test_there_are_only_so_many():
    changes, value = Changes(), Value()
    for number in range(MOST_CHANGES):
        value.change(changes, "x", key=str(number))
    with pytest.raises(TooMany):
        value.change(changes, "x", key="one more")
    value.change(changes, "y", key="0")
    changes.undo_all()


def test_what_cannot_be_undone_is_said_and_forgotten(caplog):
    changes = Changes()
    changes.make("value", "x", lambda: None, lambda: 1 / 0, 60)
    assert changes.undo("value")
    assert "value could not be undone: ZeroDivisionError" in caplog.text


def test_a_forked_child_undoes_too():
    changes, value = Changes(), Value()
    value.change(changes, "after", ttl_s=0.3)
    pid = os.fork()
    if pid == 0:
        try:
            until(lambda: value.now == "before")
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
