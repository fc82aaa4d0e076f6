"""Instruments: those of the standard, and those a service declares itself. All are prometheus-client's own classes.

A declared metric has a unit, a description and a direction, so that it gets a panel, an axis and a verdict without
anybody writing one. Declaring the same thing twice returns the same instrument; declaring another thing under the
same name is an error.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Any, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from spanwise import standard
from spanwise.cardinality import guard
from spanwise.standard import Better, Kind, Metric, Role, ServiceKind, Workers

Instrument = Counter | Gauge | Histogram
_I = TypeVar("_I", Counter, Gauge, Histogram)

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LABEL = re.compile(r"[a-z][a-z0-9_]*")
# UCUM unit -> the suffix of the Prometheus name (OpenTelemetry's "Prometheus and OpenMetrics compatibility").
_UNIT_SUFFIX = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "m": "meters",
    "g": "grams",
    "J": "joules",
    "W": "watts",
    "V": "volts",
    "A": "amperes",
    "Cel": "celsius",
    "Hz": "hertz",
    "%": "percent",
}
_ANNOTATION = re.compile(r"\{[^{}]*\}")


class DeclarationError(ValueError):
    """A metric declared in a way that Prometheus, OpenTelemetry or the standard does not allow."""


_lock = threading.Lock()
_declared: dict[str, tuple[Metric, Instrument]] = {}


def counter(
    name: str,
    *,
    unit: str,
    description: str,
    labels: Sequence[str] = (),
    better: str = "neither",
    owner: str = "",
    registry: CollectorRegistry = REGISTRY,
) -> Counter:
    """Declares a counter of the service's own: `spanwise.counter("orders_placed", unit="{order}", ...)`.

    `better` is "higher", "lower" or "neither"; `owner` who is to be asked, the service's owner if it is not given.
    Raises DeclarationError.
    """
    return _declare(Counter, _row(Kind.COUNTER, name, unit, description, labels, better, owner), registry)


def gauge(
    name: str,
    *,
    unit: str,
    description: str,
    labels: Sequence[str] = (),
    better: str = "neither",
    owner: str = "",
    workers: str = "sum",
    registry: CollectorRegistry = REGISTRY,
) -> Gauge:
    """Declares a gauge of the service's own. Raises DeclarationError.

    `workers` tells how the gauges of several worker processes become one: "sum" (a queue's length), "max" (the age of
    a cache), "min", or "each" for one series a worker with the label `worker`.
    """
    row = _row(Kind.GAUGE, name, unit, description, labels, better, owner)
    return _declare(Gauge, replace(row, workers=_workers(name, workers, row.labels)), registry)


def histogram(
    name: str,
    *,
    unit: str,
    description: str,
    buckets: Sequence[float],
    labels: Sequence[str] = (),
    better: str = "lower",
    owner: str = "",
    registry: CollectorRegistry = REGISTRY,
) -> Histogram:
    """Declares a histogram of the service's own; `buckets` are upper bounds in `unit`. Raises DeclarationError."""
    row = _row(Kind.HISTOGRAM, name, unit, description, labels, better, owner, tuple(buckets))
    return _declare(Histogram, row, registry)


def declared() -> list[Metric]:
    """What the service has declared itself, in the order of its declarations."""
    return [row for row, _ in _declared.values()]


def declared_instruments() -> list[tuple[Metric, Instrument]]:
    """The same with their instruments."""
    return list(_declared.values())


def from_standard(kind: type[_I], row: Metric, registry: CollectorRegistry = REGISTRY) -> _I:
    """The instrument for one row of the standard."""
    return _create(kind, row, registry)


def _row(
    kind: Kind,
    name: str,
    unit: str,
    description: str,
    labels: Iterable[str],
    better: str,
    owner: str,
    buckets: tuple[float, ...] = (),
) -> Metric:
    full_name = prometheus_name(name, unit, kind)
    if full_name in standard.BY_NAME:
        raise DeclarationError(f"metric {name!r}: {full_name} belongs to the standard; choose another name.")
    if not description.strip():
        raise DeclarationError(f"metric {name!r} needs a description: one sentence for whoever sees its panel.")
    if isinstance(labels, str):
        raise DeclarationError(f"metric {name!r}: labels={labels!r} is one text; write labels=({labels!r},).")
    label_names = tuple(labels)
    if len(set(label_names)) != len(label_names):
        raise DeclarationError(f"metric {name!r}: a label is named twice: {', '.join(label_names)}.")
    for label in label_names:
        if (
            not _LABEL.fullmatch(label)
            or label.startswith("__")
            or label in ("le", "quantile", *standard.IDENTITY_LABELS)
        ):
            raise DeclarationError(
                f"metric {name!r}: the label {label!r} is not allowed: lower-case letters, digits and _, and not"
                f" le, quantile or {', '.join(standard.IDENTITY_LABELS)}."
            )
    try:
        direction = Better(better)
    except ValueError:
        raise DeclarationError(f"metric {name!r}: better={better!r} is not 'higher', 'lower' or 'neither'.") from None
    if kind is Kind.HISTOGRAM and (not buckets or not all(low < high for low, high in pairwise((-inf, *buckets)))):
        raise DeclarationError(f"metric {name!r}: buckets must be upper bounds in rising order, such as (0.1, 0.5, 1).")
    role = {Kind.COUNTER: Role.RATE, Kind.GAUGE: Role.SATURATION, Kind.HISTOGRAM: Role.DURATION}[kind]
    every = ServiceKind.EVERY
    return Metric(full_name, kind, unit, description, role, every, direction, label_names, buckets, owner=owner.strip())


def _workers(name: str, given: str, labels: tuple[str, ...]) -> Workers:
    try:
        workers = Workers(given)
    except ValueError:
        raise DeclarationError(f"metric {name!r}: workers={given!r} is not 'sum', 'max', 'min' or 'each'.") from None
    if workers is Workers.EACH and "worker" in labels:
        raise DeclarationError(f"metric {name!r}: with workers='each' the label 'worker' is set for you.")
    return workers


def prometheus_name(name: str, unit: str, kind: Kind) -> str:
    """`("orders_placed", "{order}", COUNTER)` -> `"orders_placed_total"`. Raises DeclarationError."""
    if not _NAME.fullmatch(name):
        wanted = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "a_name"
        raise DeclarationError(f"metric name {name!r}: use lower-case letters, digits and _, such as {wanted!r}.")
    for ending in ("_total", "_bucket", "_count", "_sum", "_created", "_info"):
        if name.endswith(ending):
            raise DeclarationError(f"metric name {name!r} must not end in {ending!r}: that suffix is added where due.")
    parts = [name]
    suffix = unit_suffix(unit, kind)
    if suffix and not name.endswith(f"_{suffix}"):
        parts.append(suffix)
    if kind is Kind.COUNTER:
        parts.append("total")
    return "_".join(parts)


def unit_suffix(unit: str, kind: Kind) -> str:
    """The name suffix of a UCUM unit: `"s"` -> `"seconds"`, `"{order}"` -> `""`, `"1"` -> `"ratio"` for gauges."""
    bare = _ANNOTATION.sub("", unit)
    if bare == "1":
        return "ratio" if kind is Kind.GAUGE else ""
    if bare == "":
        return ""
    if bare not in _UNIT_SUFFIX:
        allowed = ", ".join(sorted(_UNIT_SUFFIX))
        raise DeclarationError(
            f"unit {unit!r} is not known: use UCUM: 1, an annotation such as {{order}}, or {allowed}."
        )
    return _UNIT_SUFFIX[bare]


def _declare(kind: type[_I], row: Metric, registry: CollectorRegistry) -> _I:
    with _lock:
        earlier = _declared.get(row.name)
        if earlier is not None:
            if earlier[0] != row:
                raise DeclarationError(
                    f"metric {row.name} is already declared with another unit, description, label or direction."
                )
            return earlier[1]  # type: ignore[return-value]
        instrument = _create(kind, row, registry)
        _declared[row.name] = (row, instrument)
        return instrument


def _create(kind: type[_I], row: Metric, registry: CollectorRegistry) -> _I:
    more: dict[str, Any] = {"buckets": row.buckets} if kind is Histogram else {}
    try:
        instrument = kind(row.name, row.description, row.labels, registry=registry, **more)
    except ValueError as error:
        raise DeclarationError(f"metric {row.name} cannot be registered: {error}") from None
    guard(instrument, row)
    return instrument
