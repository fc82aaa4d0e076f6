from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from spanwise import health as health_module
from spanwise.health import HEALTH, Check, Health, Kind, Lifecycle, Result, State, Verdict


@pytest.fixture
def health() -> Iterator[Health]:
    health = Health()
    yield health
    health.stop()


def until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


def add(
    health: Health, function: Callable[[], object], name: str = "check", kind: Kind = Kind.READINESS, **times
) -> None:
    health.add(Check(name, kind, function, times.get("timeout_s", 1.0), times.get("interval_s", 0.02)))


def only(health: Health, kind: Kind = Kind.READINESS) -> Result:
    [result] = health.results(kind)
    return result


def test_the_life_cycle_goes_one_way():
    lifecycle = Lifecycle()
    assert lifecycle.state is State.STARTING
    with lifecycle.warming_up():
        lifecycle.started()
        with lifecycle.warming_up():
            assert lifecycle.state is State.STARTING
        assert lifecycle.state is State.STARTING
    assert lifecycle.state is State.READY
    lifecycle.drain()
    lifecycle.started()
    assert lifecycle.state is State.DRAINING


def test_a_warm_up_that_fails_is_over():
    lifecycle = Lifecycle()
    lifecycle.started()
    with pytest.raises(RuntimeError), lifecycle.warming_up():
        raise RuntimeError
    assert lifecycle.state is State.READY


@pytest.mark.parametrize(
    ("function", "verdict", "fault"),
    [
        (lambda: None, Verdict.PASSING, ""),
        (lambda: True, Verdict.PASSING, ""),
        (lambda: 0, Verdict.PASSING, ""),
        (lambda: False, Verdict.FAILING, "returned False"),
        (lambda: 1 / 0, Verdict.FAILING, "ZeroDivisionError"),
        (lambda: exit(), Verdict.FAILING, "SystemExit"),
    ],
)
def test_the_first_result_decides_at_once(health, function, verdict, fault):
    add(health, function, interval_s=60)
    assert only(health).verdict is Verdict.WAITING
    assert only(health).age_s is None
    health.start()
    until(lambda: only(health).verdict is not Verdict.WAITING)
    result = only(health)
    assert (result.verdict, result.fault) == (verdict, fault)
    assert 0 <= result.age_s < 5 and 0 <= result.duration_s < 5
    assert health.ready() is (verdict is Verdict.PASSING)


def test_it_takes_two_failures_to_fail_and_one_success_to_mend(health):
    answers: list[bool] = [True]
    gate = threading.Semaphore(0)
    calls = []

    def check() -> bool:
        gate.acquire(timeout=10)
        calls.append(answers[0])
        return answers[0]

    def run_once(answer: bool) -> Result:
        answers[0] = answer
        before = only(health).checked_at
        gate.release()
        until(lambda: only(health).checked_at != before)
        return only(health)

    add(health, check, timeout_s=30, interval_s=0.001)
    health.start()
    seen = [
        (run_once(answer).verdict, only(health).failures_in_a_row)
        for answer in (True, False, True, False, False, False, True)
    ]
    passing, failing = Verdict.PASSING, Verdict.FAILING
    assert seen == [(passing, 0), (passing, 1), (passing, 0), (passing, 1), (failing, 2), (failing, 3), (passing, 0)]
    gate.release(100)


def test_a_check_that_hangs_times_out_and_is_not_started_again_until_it_returns(health):
    release = threading.Event()
    calls = []

    def hangs() -> None:
        calls.append(1)
        release.wait(10)

    add(health, hangs, timeout_s=0.1, interval_s=0.01)
    add(health, lambda: None, name="other")
    health.start()
    until(lambda: health.results(Kind.READINESS)[0].verdict is Verdict.FAILING)
    assert health.results(Kind.READINESS)[0].fault == "timed out after 0.1 s"
    other = health.results(Kind.READINESS)[1].checked_at
    until(lambda: health.results(Kind.READINESS)[1].checked_at not in (None, other))  # the other goes on
    assert len(calls) == 1
    assert not health.ready()
    release.set()
    until(lambda: health.results(Kind.READINESS)[0].verdict is Verdict.PASSING)
    assert len(calls) >= 2


def test_liveness_and_readiness_are_kept_apart(health):
    add(health, lambda: False, kind=Kind.LIVENESS)
    assert health.alive()  # not checked yet
    health.start()
    until(lambda: not health.alive())
    assert health.ready()
    assert health.results(Kind.READINESS) == ()


def test_a_check_added_while_running_is_run_at_once(health):
    add(health, lambda: None, name="first", interval_s=60)
    health.start()
    until(health.ready)
    add(health, lambda: None, name="second", interval_s=60)
    until(lambda: all(result.verdict is Verdict.PASSING for result in health.results(Kind.READINESS)))


def test_a_check_of_the_same_name_replaces_the_first(health):
    add(health, lambda: False)
    add(health, lambda: None)
    assert len(health.results(Kind.READINESS)) == 1
    health.start()
    until(health.ready)


def test_not_ready_before_the_start_nor_while_draining(health):
    assert not health.ready()
    health.start()
    assert health.ready()
    health.lifecycle.drain()
    assert not health.ready()
    assert health.alive()


def test_changes_are_logged_once_and_with_the_message(health, caplog):
    caplog.set_level(logging.INFO, "spanwise")
    broken = [True]

    def check() -> None:
        if broken[0]:
            raise ConnectionError("no route to db")

    add(health, check)
    health.start()
    until(lambda: only(health).failures_in_a_row > 3)
    broken[0] = False
    until(lambda: only(health).verdict is Verdict.PASSING)
    assert [record.getMessage() for record in caplog.records] == [
        "readiness check 'check' is failing: ConnectionError: no route to db",
        "readiness check 'check' is passing",
    ]


def test_start_and_stop_may_be_repeated():
    health = Health()
    add(health, lambda: None)
    for _ in range(3):
        health.start()
        health.start()
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("spanwise-health") == 1
        health.stop()
        until(lambda: "spanwise-health" not in [thread.name for thread in threading.enumerate()])
    time.sleep(0.5)  # for a check that was under way
    stopped_at = only(health).checked_at
    time.sleep(0.1)
    assert only(health).checked_at == stopped_at


def test_started_again_in_a_forked_child_it_runs(health):
    add(health, lambda: None)
    health.start()
    until(health.ready)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            health.after_fork()
            before = only(health).checked_at
            health.start()
            until(lambda: only(health).checked_at > before + 0.05)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("decorator", [health_module.readiness, health_module.liveness])
def test_the_decorators_register_and_return_the_function(decorator):
    def check() -> None:
        return None

    name = f"test-{decorator.__name__}"
    kind = Kind(decorator.__name__)
    try:
        assert decorator(name, timeout_s=3, interval_s=4)(check) is check
        assert name in [result.name for result in HEALTH.results(kind)]
    finally:
        HEALTH._watched.pop((kind, name))


def test_what_cannot_be_a_check_says_so():
    async def check() -> None:
        return None

    with pytest.raises(TypeError, match=r"readiness\('db'\): the check runs in a thread; write it with def"):
        health_module.readiness("db")(check)
    with pytest.raises(ValueError, match="must be greater than 0"):
        health_module.liveness("db", timeout_s=0)


def test_a_check_waits_its_interval(health):
    calls: list[float] = []
    add(health, lambda: calls.append(time.monotonic()), interval_s=0.2)
    begun = time.monotonic()
    health.start()
    until(lambda: len(calls) >= 3)
    assert all(at - begun >= 0.19 * number for number, at in enumerate(calls))
