"""Circuit breakers as metrics: state, and calls by outcome. For pybreaker and purgatory, and stamina's retries.

    import spanwise.breakers
    spanwise.breakers.watch(breaker)          # a pybreaker.CircuitBreaker, or a purgatory factory
    spanwise.breakers.watch_stamina()         # retries of every stamina.retry of the process

The outcomes are `success`, `failure`, `rejected` (the breaker was open, nothing was called) and `retry` (stamina).
Nothing here changes what a breaker does; watching one twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge

from spanwise import standard
from spanwise.metrics import from_standard

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

CLOSED, HALF_OPEN, OPEN = 0, 1, 2
# The words of both libraries.
_STATES = {"closed": CLOSED, "half-open": HALF_OPEN, "half-opened": HALF_OPEN, "open": OPEN, "opened": OPEN}
_OUTCOMES = ("success", "failure", "rejected")
_MARK = "_spanwise_watched"
_UNNAMED = "unnamed"


def watch(breaker: Any) -> None:
    """Counts from now on. Raises TypeError for what is neither pybreaker's nor purgatory's."""
    if getattr(breaker, _MARK, False):
        return
    kind = type(breaker)
    names = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in kind.__mro__}
    if "pybreaker.CircuitBreaker" in names:
        _watch_pybreaker(breaker)
    elif names & {"purgatory.SyncCircuitBreakerFactory", "purgatory.AsyncCircuitBreakerFactory"}:
        _watch_purgatory(breaker)
    else:
        raise TypeError(
            f"spanwise.breakers.watch cannot watch a {kind.__name__}: give a pybreaker.CircuitBreaker or a purgatory"
            " factory; for stamina call watch_stamina()."
        )
    setattr(breaker, _MARK, True)


def watch_stamina() -> None:
    """Counts each retry as `retry` under the name of the function that is retried; other hooks stay."""
    from stamina import instrumentation

    hooks = instrumentation.get_on_retry_hooks()
    if _note_retry not in hooks:
        instrumentation.set_on_retry_hooks([*hooks, _note_retry])


def _note_retry(details: RetryDetails) -> None:
    _calls().labels(details.name, "retry").inc()


def _appeared(name: str, state: str) -> None:
    """Every outcome exists from the start: a breaker without failures shows 0 and not nothing."""
    for outcome in _OUTCOMES:
        _calls().labels(name, outcome)
    _changed(name, state)


def _changed(name: str, state: str) -> None:
    _state().labels(name).set(_STATES.get(state, CLOSED))


def _watch_pybreaker(breaker: Any) -> None:
    from pybreaker import CircuitBreakerError, CircuitBreakerListener

    name = breaker.name or _UNNAMED

    class Listener(CircuitBreakerListener):
        def success(self, cb: Any) -> None:
            _calls().labels(name, "success").inc()

        def failure(self, cb: Any, exc: BaseException) -> None:
            _calls().labels(name, "failure").inc()

        def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
            _changed(name, new_state.name)

    original = breaker.call

    def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        called = False

        def noted(*a: Any, **k: Any) -> Any:
            nonlocal called
            called = True
            return function(*a, **k)

        try:
            return original(noted, *args, **kwargs)
        except CircuitBreakerError:
            if not called:  # the listeners are not told of a call that an open breaker refuses
                _calls().labels(name, "rejected").inc()
            raise

    breaker.call = call
    breaker.add_listener(Listener())
    _appeared(name, breaker.current_state)


# Whether the call that is just ending was noted as a failure by its breaker, which knows what it excludes.
_failed: ContextVar[bool] = ContextVar("spanwise_breaker_failed", default=False)


def _watch_purgatory(factory: Any) -> None:
    def listen(name: str, kind: str, event: Any) -> None:
        if kind == "circuit_breaker_created":
            _appeared(name, "closed")
        elif kind == "state_changed":
            _changed(name, event.state)
            if _STATES.get(event.state) == OPEN:
                _failed.set(True)
        elif kind == "failed":
            _failed.set(True)

    original = factory.get_breaker
    if type(factory).__name__.startswith("Async"):

        async def get_async(circuit: str, *args: Any, **kwargs: Any) -> Any:
            return _Watched(await original(circuit, *args, **kwargs), circuit)

        factory.get_breaker = get_async
    else:

        def get(circuit: str, *args: Any, **kwargs: Any) -> Any:
            return _Watched(original(circuit, *args, **kwargs), circuit)

        factory.get_breaker = get
    factory.add_listener(listen)


class _Watched:
    """purgatory's breaker for one call, sync or async: it tells nobody of successes and of calls it refuses."""

    def __init__(self, breaker: Any, name: str) -> None:
        self._breaker = breaker
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._breaker, name)

    def __enter__(self) -> Any:
        with _Refusal(self._name):
            return self._breaker.__enter__()

    def __exit__(self, *raised: Any) -> Any:
        with _Outcome(self._name):
            return self._breaker.__exit__(*raised)

    async def __aenter__(self) -> Any:
        with _Refusal(self._name):
            return await self._breaker.__aenter__()

    async def __aexit__(self, *raised: Any) -> Any:
        with _Outcome(self._name):
            return await self._breaker.__aexit__(*raised)


class _Refusal:
    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            _calls().labels(self._name, "rejected").inc()


class _Outcome:
    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        _failed.set(False)

    def __exit__(self, *_: object) -> None:
        _calls().labels(self._name, "failure" if _failed.get() else "success").inc()


@cache
def _state() -> Gauge:
    return from_standard(Gauge, standard.CIRCUIT_BREAKER_STATE)


@cache
def _calls() -> Counter:
    return from_standard(Counter, standard.CIRCUIT_BREAKER_CALLS)
