"""Circuit breakers as metrics: the real pybreaker, purgatory (sync and async) and stamina."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pybreaker
import pytest
import stamina
from prometheus_client import CollectorRegistry, Counter, Gauge
from purgatory import AsyncCircuitBreakerFactory, SyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from stamina import instrumentation

from spanwise import breakers, standard
from spanwise.metrics import from_standard


class Seen:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def calls(self, name: str) -> dict[str, float]:
        return {
            sample.labels["outcome"]: sample.value
            for family in self._registry.collect()
            for sample in family.samples
            if sample.name == "circuit_breaker_calls_total" and sample.labels["circuit_breaker_name"] == name
        }

    def state(self, name: str) -> float | None:
        return self._registry.get_sample_value("circuit_breaker_state", {"circuit_breaker_name": name})


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    registry = CollectorRegistry()
    calls = from_standard(Counter, standard.CIRCUIT_BREAKER_CALLS, registry)
    state = from_standard(Gauge, standard.CIRCUIT_BREAKER_STATE, registry)
    monkeypatch.setattr(breakers, "_calls", lambda: calls)
    monkeypatch.setattr(breakers, "_state", lambda: state)
    yield Seen(registry)


def works() -> str:
    return "fine"


def fails() -> None:
    raise OSError("down")


class Excluded(Exception):
    pass


def is_excluded() -> None:
    raise Excluded


def attempt(call: Callable[..., Any], *args: Any) -> Any:
    try:
        return call(*args)
    except (OSError, Excluded, pybreaker.CircuitBreakerError, OpenedState):
        return None


def test_pybreaker(seen: Seen) -> None:
    breaker = pybreaker.CircuitBreaker(fail_max=2, reset_timeout=60, name="payments", exclude=[Excluded])
    breakers.watch(breaker)
    assert seen.calls("payments") == {"success": 0, "failure": 0, "rejected": 0}
    assert seen.state("payments") == breakers.CLOSED
    guarded = breaker(works)
    assert attempt(guarded) == "fine"
    attempt(breaker.call, is_excluded)
    for _ in range(4):
        attempt(breaker.call, fails)
    assert seen.calls("payments") == {"success": 2, "failure": 2, "rejected": 2}
    assert seen.state("payments") == breakers.OPEN
    breaker.half_open()
    assert seen.state("payments") == breakers.HALF_OPEN
    assert attempt(guarded) == "fine"
    assert seen.state("payments") == breakers.CLOSED


def test_pybreaker_trying_again_after_its_timeout(seen: Seen) -> None:
    breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=0, name="payments")
    breakers.watch(breaker)
    attempt(breaker.call, fails)
    assert attempt(breaker.call, works) == "fine"
    assert seen.calls("payments") == {"success": 1, "failure": 1, "rejected": 0}


def test_pybreaker_as_a_context_manager(seen: Seen) -> None:
    breaker = pybreaker.CircuitBreaker(fail_max=2, name="payments")
    breakers.watch(breaker)
    with breaker.calling():
        pass
    with pytest.raises(OSError), breaker.calling():
        fails()
    assert seen.calls("payments") == {"success": 1, "failure": 1, "rejected": 0}


def use(breaker: Any, call: Callable[[], Any]) -> Any:
    with breaker:
        return call()


def test_purgatory(seen: Seen) -> None:
    factory = SyncCircuitBreakerFactory(default_threshold=2, default_ttl=0.2, exclude=[Excluded])
    breakers.watch(factory)
    assert attempt(use, factory.get_breaker("payments"), works) == "fine"
    assert seen.state("payments") == breakers.CLOSED
    attempt(use, factory.get_breaker("payments"), is_excluded)
    for _ in range(4):
        attempt(factory("payments")(fails))
    assert seen.calls("payments") == {"success": 2, "failure": 2, "rejected": 2}
    assert seen.state("payments") == breakers.OPEN
    while attempt(factory("payments")(works)) is None:  # until its time to live is over
        pass
    assert seen.state("payments") == breakers.CLOSED
    assert factory.get_breaker("payments").context.name == "payments"


def test_purgatory_async(seen: Seen) -> None:
    async def drive() -> None:
        factory = AsyncCircuitBreakerFactory(default_threshold=1)
        breakers.watch(factory)
        async with await factory.get_breaker("payments"):
            pass

        @factory("payments")
        async def fails_later() -> None:
            await asyncio.sleep(0)
            raise OSError

        for _ in range(3):
            with pytest.raises((OSError, OpenedState)):
                await fails_later()

    asyncio.run(drive())
    assert seen.calls("payments") == {"success": 1, "failure": 1, "rejected": 2}
    assert seen.state("payments") == breakers.OPEN


def test_stamina(seen: Seen) -> None:
    others: list[Any] = []
    instrumentation.set_on_retry_hooks([others.append])
    try:
        breakers.watch_stamina()
        breakers.watch_stamina()
        tries = iter([fails, fails, works])

        @stamina.retry(on=OSError, attempts=3, wait_initial=0, wait_max=0, wait_jitter=0)
        def flaky() -> Any:
            return next(tries)()

        assert flaky() == "fine"
    finally:
        instrumentation.set_on_retry_hooks(None)
    name = f"{__name__}.test_stamina.<locals>.flaky"
    assert seen.calls(name) == {"retry": 2}
    assert len(others) == 2


def test_watching_twice_counts_once(seen: Seen) -> None:
    breaker = pybreaker.CircuitBreaker(name="payments")
    breakers.watch(breaker)
    breakers.watch(breaker)
    breaker.call(works)
    assert seen.calls("payments")["success"] == 1


def test_what_is_no_breaker_is_an_error() -> None:
    with pytest.raises(TypeError, match="cannot watch a object: give a pybreaker"):
        breakers.watch(object())


def test_a_breaker_without_a_name(seen: Seen) -> None:
    breaker = pybreaker.CircuitBreaker()
    breakers.watch(breaker)
    breaker.call(works)
    assert seen.calls("unnamed")["success"] == 1
