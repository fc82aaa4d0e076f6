"""How the request path counts. The metrics are prometheus-client's own; only the way to them is shorter.

The values of a histogram wait in a list, which is one step, until there are many or somebody reads. To count a single
one takes a bisection, a lock and two sums, whose code nothing else on a request's way uses, so that the processor has
to fetch it again each time; for many, once.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.trace import SpanContext
from prometheus_client import Counter, Histogram
from prometheus_client.samples import Exemplar, Sample
from prometheus_client.values import MutexValue

# Takes a measured value and, of a sampled event, its exemplar's labels.
Observe = Callable[..., None]

_MOST_WAITING = 64
_MARK = "_spanwise_observer"


def observer_of(histogram: Histogram) -> Observer:
    """What takes the values of a histogram (a child, where it has labels) on the request path: a fifth of the time of
    its own `observe`. One histogram is observed by one of the two.
    """
    known: Observer | None = getattr(histogram, _MARK, None)
    if known is not None:
        return known
    made = Observer(histogram) if type(histogram._sum) is MutexValue else _OfAnother(histogram)
    first: Observer = vars(histogram).setdefault(_MARK, made)  # of two threads that come at once one is the first
    if first is made:
        made.show()
    return first


def incrementer(counter: Counter) -> Callable[[], None]:
    """`inc()` of a counter (a child, where it has labels) for the request path: two thirds of the time of its own."""
    value: Any = counter._value
    if type(value) is not MutexValue:
        return counter.inc

    def increment() -> None:
        with value._lock:  # looked up each time: a forked child gets a new one
            value._value += 1.0

    return increment


def settle(histogram: Any) -> None:
    """Counts what waits: for whoever reads the numbers of a histogram by another way than `collect()`."""
    observer: Observer | None = getattr(histogram, _MARK, None)
    if observer is not None:
        observer.settle()


def forget(histogram: Any) -> None:
    """Drops what waits: a forked child's parent counts it."""
    observer: Observer | None = getattr(histogram, _MARK, None)
    if observer is not None:
        observer.values.clear()


class Observer:
    """Takes the values of one histogram, in any thread. `values` wait; whoever adds the last of `most` settles."""

    __slots__ = ("_histogram", "most", "values")

    def __init__(self, histogram: Histogram) -> None:
        self.values: list[float] = []
        self.most = _MOST_WAITING
        self._histogram: Any = histogram

    def show(self) -> None:
        """From now on whoever collects the histogram's samples sees what waits."""
        samples: Callable[[], Iterable[Sample]] = self._histogram._child_samples

        def settled() -> Iterable[Sample]:
            self.settle()
            return samples()

        self._histogram._child_samples = settled

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        if exemplar is not None:
            self._observe_with(exemplar, amount)
            return
        values = self.values
        values.append(amount)
        if len(values) >= self.most:
            self.settle_unless_busy()

    def _observe_with(self, exemplar: dict[str, str], amount: float) -> None:
        histogram = self._histogram
        lock = histogram._sum._lock  # looked up each time: a forked child gets a new one
        if lock.locked():  # see `settle_unless_busy`: the value counts, its exemplar does not
            self.values.append(amount)
            return
        bucket = histogram._buckets[bisect_left(histogram._upper_bounds, amount)]
        with lock:
            histogram._sum._value += amount
            bucket._value += 1.0
            bucket._exemplar = Exemplar(exemplar, amount, time.time())

    def settle(self) -> None:
        """Counts what waits, and waits for whoever is counting."""
        with self._histogram._sum._lock:
            if self.values:
                self._count(self._taken())

    def settle_unless_busy(self) -> None:
        """The same on the request path, which waits neither for a scrape nor for itself, where a finalizer or a
        signal's handler makes a request while this one counts. The next one will.
        """
        if not self._histogram._sum._lock.locked():
            self.settle()

    def _count(self, taken: list[float]) -> None:
        histogram = self._histogram
        histogram._sum._value += sum(taken)
        counted = 0
        for bound, bucket in zip(histogram._upper_bounds, histogram._buckets, strict=True):
            below = bisect_right(taken, bound, counted)
            if below > counted:
                bucket._value += float(below - counted)
                counted = below

    def _taken(self) -> list[float]:
        """In order. Others may add meanwhile, but only at the end."""
        taken = self.values[:]
        del self.values[: len(taken)]
        taken.sort()
        return taken


class _OfAnother(Observer):
    """Of a histogram whose values prometheus-client keeps in a file, for other processes (PROMETHEUS_MULTIPROC_DIR)."""

    __slots__ = ()

    def __init__(self, histogram: Histogram) -> None:
        super().__init__(histogram)
        self.most = 1

    def _observe_with(self, exemplar: dict[str, str], amount: float) -> None:
        self._histogram.observe(amount, exemplar)

    def settle(self) -> None:
        while self.values:
            try:
                amount = self.values.pop()
            except IndexError:  # another thread has taken the last
                return
            self._histogram.observe(amount)

    settle_unless_busy = settle


def exemplar(context: SpanContext) -> dict[str, str]:
    """The labels by which a measured value leads to its span."""
    trace_id, span_id, *_ = context
    return {"trace_id": f"{trace_id:032x}", "span_id": f"{span_id:016x}"}
