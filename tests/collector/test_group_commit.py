"""Group commit: who waits for what."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from spanwise_collector.spool import SpoolError
from spanwise_collector.spool._group_commit import Append, GroupCommit
from tests.collector.running_collector import wait_for


def nothing() -> None: ...


def admit_all(_: int) -> None: ...


def item(size: int = 1) -> Append:
    return Append(b"", 1, size)


def started(commit: Callable[[list[Append]], None], rest: Callable[[], None] = nothing) -> GroupCommit:
    committer = GroupCommit(commit, rest)
    committer.start()
    return committer


def test_what_gathers_during_one_commit_shares_the_next() -> None:
    groups: list[int] = []
    first_under_way, go_on = threading.Event(), threading.Event()

    def commit(items: list[Append]) -> None:
        groups.append(len(items))
        first_under_way.set()
        assert go_on.wait(10)

    committer = started(commit)
    threads = [threading.Thread(target=committer.append, args=(item(), admit_all)) for _ in range(10)]
    threads[0].start()
    assert first_under_way.wait(5)
    for thread in threads[1:]:
        thread.start()
    wait_for(lambda: len(committer._queue) == 9, what="nine waiting")
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert groups == [1, 9]
    committer.close()


def test_nobody_is_told_before_the_commit_is_over() -> None:
    over = threading.Event()
    committer = started(lambda items: assert_waits(over))
    thread = threading.Thread(target=committer.append, args=(item(), admit_all))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    over.set()
    thread.join(5)
    assert not thread.is_alive()
    committer.close()


def assert_waits(event: threading.Event) -> None:
    assert event.wait(10)


def test_an_error_reaches_its_sender_alone() -> None:
    def commit(items: list[Append]) -> None:
        for one in items:
            if one.size == 13:
                one.error = SpoolError("unlucky")

    committer = started(commit)
    committer.append(item(1), admit_all)
    with pytest.raises(SpoolError, match="unlucky"):
        committer.append(item(13), admit_all)
    committer.append(item(2), admit_all)
    committer.close()


def test_queued_bytes_are_what_has_not_been_committed() -> None:
    seen: list[int] = []
    committer = started(lambda items: None)
    for size in (5, 7):
        committer.append(item(size), seen.append)
    committer.close()
    assert seen == [5, 7]


def test_one_that_is_not_admitted_is_not_queued() -> None:
    committed: list[Append] = []
    committer = started(committed.extend)

    def refuse(_: int) -> None:
        raise SpoolError("full")

    with pytest.raises(SpoolError, match="full"):
        committer.append(item(), refuse)
    committer.close()
    assert committed == []


def test_a_nudge_calls_rest_on_the_committers_thread() -> None:
    called: list[str] = []
    committer = started(lambda items: None, rest=lambda: called.append(threading.current_thread().name))
    committer.nudge()
    wait_for(lambda: called, what="the call")
    assert called == ["spool-commit"]
    committer.close()


def test_after_closing_nothing_is_taken() -> None:
    committer = started(lambda items: None)
    committer.close()
    with pytest.raises(SpoolError, match="stopping"):
        committer.append(item(), admit_all)
