from __future__ import annotations

import sys
import threading

import pytest

from spanwise.diagnosis import exceptions
from spanwise.diagnosis.exceptions import EXCEPTIONS, Exceptions, watch_threads


def fail(message: str) -> None:
    raise ValueError(message)


def raised(message: str = "no") -> ValueError:
    try:
        fail(message)
    except ValueError as error:
        return error
    raise AssertionError


def test_equal_ones_are_grouped_by_class_and_line() -> None:
    seen = Exceptions()
    for number in range(5):
        seen.note(raised(f"message {number}"), "GET /orders", "ab" * 16)
    (group,) = seen.groups()
    assert (group.kind, group.count) == ("ValueError", 5)
    assert group.place is not None
    assert group.place.function == "fail"
    assert [each.message for each in group.last] == ["message 2", "message 3", "message 4"]
    assert [frame.function for frame in group.last[0].stack] == ["fail", "raised"]
    assert group.last[0].trace_id == "ab" * 16


def test_the_latest_group_comes_first_and_the_number_is_bounded() -> None:
    seen = Exceptions()
    for number in range(100):
        seen.note(type(f"Error{number}", (Exception,), {})("x"), "GET /")
    groups = seen.groups()
    assert len(groups) == exceptions._MAX_GROUPS
    assert groups[0].kind.endswith("Error99")


def test_it_stays_under_a_megabyte() -> None:
    def deep(level: int) -> None:
        if level:
            deep(level - 1)
        raise ValueError("m" * 5000)

    seen = Exceptions()
    for number in range(200):
        kind = type(f"Error{number}", (ValueError,), {})
        for _ in range(4):
            try:
                deep(100)
            except ValueError as error:
                seen.note(kind(str(error)).with_traceback(error.__traceback__), "w" * 5000)
    size = 0
    counted: set[int] = set()
    waiting: list[object] = list(seen.groups())
    while waiting:
        each = waiting.pop()
        if id(each) in counted:
            continue
        counted.add(id(each))
        size += sys.getsizeof(each)
        if isinstance(each, exceptions.Group):
            waiting += [each.kind, each.place, *each.last]
        elif isinstance(each, exceptions.Seen):
            waiting += [each.message, each.where, each.stack]
        elif isinstance(each, tuple):
            waiting += each
    assert size < 1_000_000


def test_an_exception_that_cannot_be_told_harms_nobody() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    Exceptions().note(Broken(), "GET /")


def test_what_ends_a_thread_is_noted_and_still_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda given: reported.append(given.exc_type.__name__))
    watch_threads()
    watch_threads()
    thread = threading.Thread(target=fail, args=("ends the thread",), name="worker")
    thread.start()
    thread.join()
    assert reported == ["ValueError"]
    last = EXCEPTIONS.groups()[0].last[-1]
    assert (last.message, last.where) == ("ends the thread", "thread worker")
