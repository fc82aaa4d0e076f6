"""The registry as Prometheus text 0.0.4 or OpenMetrics 1.0, rendered in slices that give way to the service.

Both formats are written as their specifications say (prometheus.io "Text-based format", OpenMetrics 1.0). Other
people's prometheus-client metrics in the same registry are served too; a collector of theirs that raises costs its own
families and one log line, never the scrape.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spanwise.pace import Pace

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Exemplar, Sample, Timestamp

TEXT_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# An older scrape is in danger of its own time-out and gives way to the service no more.
_PATIENCE_S = 0.2
_SLICE_BYTES = 64 * 1024
# Escaped label texts that are kept between scrapes: as many as a large service has series.
_MAX_CACHED_LABELS = 50_000
_MAX_CACHED_NAMES = 10_000

_log = logging.getLogger("spanwise")
_faulty: set[str] = set()


def render(
    registry: CollectorRegistry, *, openmetrics: bool = False, identity: Sequence[tuple[str, str]] = ()
) -> Iterator[bytes]:
    """The scrape's body in slices of about 64 KiB. `identity`: labels that stand first on every line."""
    labels = _labels_for(tuple(identity))
    write_family = _openmetrics_family if openmetrics else _text_family
    patience_ends = time.monotonic() + _PATIENCE_S
    pace = Pace(urgent=lambda: time.monotonic() > patience_ends)
    pending: list[str] = []
    size = 0
    for family in families(registry):
        try:
            lines = write_family(family, labels, pace)
        except Exception as error:
            _say_once(f"metric {getattr(family, 'name', family)!r}", error)
            continue
        for line in lines:
            pending.append(line)
            size += len(line)
            if size >= _SLICE_BYTES:
                yield "".join(pending).encode("utf-8", "replace")
                pending.clear()
                size = 0
                pace()
    if openmetrics:
        pending.append("# EOF\n")
    if pending:
        yield "".join(pending).encode("utf-8", "replace")


def families(registry: CollectorRegistry) -> Iterator[Metric]:
    """`registry.collect()`, where a collector that raises is left out and said once, instead of ending everything.

    Gauges and collectors run the service's own code. The registry offers no public list of its collectors; where it
    has none (a restricted registry), one failure ends the rest.
    """
    collectors: Iterable[Any] | None = getattr(registry, "_collector_to_names", None)
    if collectors is None:
        yield from _guarded(registry.collect, "the registry")
        return
    from prometheus_client.metrics import MetricWrapperBase

    if registry.get_target_info():
        yield from registry.restricted_registry(["target_info"]).collect()
    for collector in list(collectors):
        if isinstance(collector, MetricWrapperBase):
            yield _LiveFamily(collector)  # type: ignore[misc]
        else:
            yield from _guarded(collector.collect, f"collector {collector!r}")


class _LiveFamily:
    """A family of prometheus-client's own instruments that makes its samples while they are read.

    Its `collect()` would make all of them at once: at 10,000 series 30 ms in which no request runs.
    """

    __slots__ = ("_instrument", "documentation", "name", "type", "unit")

    def __init__(self, instrument: Any) -> None:
        described = instrument._get_metric()
        self._instrument = instrument
        self.name: str = described.name
        self.documentation: str = described.documentation
        self.type: str = described.type
        self.unit: str = described.unit

    @property
    def samples(self) -> Iterator[Sample]:
        from prometheus_client.samples import Sample

        name = self._instrument._name
        try:
            for suffix, *rest in self._instrument._samples():
                yield Sample(name + suffix, *rest)
        except Exception as error:  # a gauge's function is the service's own code
            _say_once(f"metric {name!r}", error)

    def histograms(self) -> list[tuple[tuple[str, ...], Any]] | None:
        """Label values and child of each label set of a histogram; None for all else, whose samples must be asked for.

        Read without locks: a child's numbers are floats, which are replaced in one step. What is counted meanwhile may
        be in the sum and not yet in its bucket.
        """
        from prometheus_client import Histogram
        from prometheus_client.values import MutexValue

        instrument = self._instrument
        if type(instrument) is not Histogram:
            return None
        if not instrument._labelnames:
            children: list[tuple[Any, Any]] = [((), instrument)]
        else:
            with instrument._lock:
                children = list(instrument._metrics.items())  # in one step
        return children if all(type(child._sum) is MutexValue for _, child in children) else None

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(self._instrument._labelnames)

    @property
    def bounds(self) -> list[float]:
        """Of a histogram's buckets."""
        return list(self._instrument._upper_bounds)


def _guarded(collect: Callable[[], Iterable[Metric]], source: str) -> Iterator[Metric]:
    try:
        yield from collect()
    except Exception as error:
        _say_once(source, error)


def _say_once(source: str, error: Exception) -> None:
    if source not in _faulty and len(_faulty) < _MAX_CACHED_NAMES:
        _faulty.add(source)
        _log.warning("metrics: %s is left out of scrapes: %s: %s", source, type(error).__name__, error)


class _Labels:
    """Label text of samples, `{a="b"}` or empty, identity first; escaped once and remembered."""

    __slots__ = ("_identity", "_known", "_known_buckets")

    def __init__(self, identity: tuple[tuple[str, str], ...]) -> None:
        self._identity = identity
        self._known: dict[tuple[tuple[str, str], ...], str] = {}
        self._known_buckets: dict[tuple[tuple[str, ...], ...], tuple[list[str], str]] = {}

    def text(self, labels: dict[str, str]) -> str:
        key = tuple(labels.items())
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MAX_CACHED_LABELS:
                self._known.clear()
            known = self._known[key] = self._write(key)
        return known

    def of_histogram(
        self, names: tuple[str, ...], values: tuple[str, ...], bounds: tuple[str, ...]
    ) -> tuple[list[str], str]:
        """Of each bucket of one label set, and without a bucket."""
        key = (names, values, bounds)
        known = self._known_buckets.get(key)
        if known is None:
            if len(self._known_buckets) * len(bounds) >= _MAX_CACHED_LABELS:
                self._known_buckets.clear()
            items = tuple(zip(names, values, strict=True))
            known = ([self._write((*items, ("le", bound))) for bound in bounds], self._write(items))
            self._known_buckets[key] = known
        return known

    def _write(self, items: tuple[tuple[str, str], ...]) -> str:
        # A dictionary, because two labels may come to the same name: one of the metric's own beats the identity.
        merged = dict(self._identity)
        for name, value in items:
            merged[_label_name(name)] = value
        return _braced(merged.items())


@lru_cache(maxsize=4)
def _labels_for(identity: tuple[tuple[str, str], ...]) -> _Labels:
    return _Labels(identity)


def _text_family(family: Metric, labels: _Labels, pace: Pace) -> list[str]:
    name, kind = _metric_name(family.name), family.type
    if kind == "counter":
        name += "_total"
    elif kind == "info":
        name, kind = f"{name}_info", "gauge"
    elif kind == "stateset":
        kind = "gauge"
    elif kind == "gaugehistogram":
        kind = "histogram"
    elif kind == "unknown":
        kind = "untyped"
    help_text = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
    lines = [f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"]
    if kind == "histogram" and isinstance(family, _LiveFamily):
        children = family.histograms()
        if children is not None:
            return lines + _histogram_lines(family, children, labels, pace, openmetrics=False)
    # The format has no gauge histogram: its sum and count follow as gauges of their own.
    aside: dict[str, list[str]] = {}
    created, gauge_sum, gauge_count = (f"{family.name}{suffix}" for suffix in ("_created", "_gsum", "_gcount"))
    for sample in family.samples:
        if sample.native_histogram is not None or sample.name == created:
            continue
        line = f"{_metric_name(sample.name)}{labels.text(sample.labels)} {_number(sample.value)}"
        if sample.timestamp is not None:
            line = f"{line} {int(float(sample.timestamp) * 1000)}"
        if sample.name in (gauge_sum, gauge_count):
            aside.setdefault(_metric_name(sample.name), []).append(f"{line}\n")
        else:
            lines.append(f"{line}\n")
        pace()
    for other, its_lines in sorted(aside.items()):
        lines.append(f"# HELP {other} {help_text}\n# TYPE {other} gauge\n")
        lines.extend(its_lines)
    return lines


def _openmetrics_family(family: Metric, labels: _Labels, pace: Pace) -> list[str]:
    name = _metric_name(family.name)
    lines = [f"# HELP {name} {_escaped(family.documentation)}\n# TYPE {name} {family.type}\n"]
    if family.unit:
        lines.append(f"# UNIT {name} {family.unit}\n")
    if isinstance(family, _LiveFamily):
        children = family.histograms()
        if children is not None:
            return lines + _histogram_lines(family, children, labels, pace, openmetrics=True)
    for sample in family.samples:
        if sample.native_histogram is not None:
            continue
        line = f"{_metric_name(sample.name)}{labels.text(sample.labels)} {_number(sample.value)}"
        if sample.timestamp is not None:
            line = f"{line} {_seconds(sample.timestamp)}"
        if sample.exemplar is not None and _may_have_exemplar(family, sample):
            line = f"{line} # {_exemplar(sample.exemplar)}"
        lines.append(f"{line}\n")
        pace()
    return lines


def _histogram_lines(
    family: _LiveFamily, children: list[tuple[tuple[str, ...], Any]], labels: _Labels, pace: Pace, *, openmetrics: bool
) -> list[str]:
    """The lines of prometheus-client's histograms straight from their numbers, which is what most series are of; those
    of a label set in one piece.

    Samples in between, as its own `collect()` makes them, take twelve times as long.
    """
    from prometheus_client import metrics
    from prometheus_client.utils import floatToGoString

    from spanwise.observing import settle

    name = _metric_name(family.name)
    bounds = family.bounds
    shown = tuple(str(floatToGoString(bound)) for bound in bounds)  # type: ignore[no-untyped-call]
    has_created = openmetrics and getattr(metrics, "_use_created", True)
    texts: list[str] = []
    for values, child in children:
        of_buckets, text = labels.of_histogram(family.label_names, values, shown)
        settle(child)
        total = 0.0
        lines: list[str] = []
        for bucket, bucket_text in zip(child._buckets, of_buckets, strict=True):
            total += bucket._value
            exemplar = bucket._exemplar if openmetrics else None
            end = f" # {_exemplar(exemplar)}\n" if exemplar is not None else "\n"
            lines.append(f"{name}_bucket{bucket_text} {total!r}{end}")
        lines.append(f"{name}_count{text} {total!r}\n")
        if bounds[0] >= 0:
            lines.append(f"{name}_sum{text} {_number(child._sum._value)}\n")
        if has_created:
            lines.append(f"{name}_created{text} {_number(child._created)}\n")
        texts.append("".join(lines))
        pace()
    return texts


def _may_have_exemplar(family: Metric, sample: Sample) -> bool:
    if family.type == "counter":
        return sample.name.endswith("_total")
    return family.type in ("histogram", "gaugehistogram") and sample.name.endswith("_bucket")


def _exemplar(exemplar: Exemplar) -> str:
    text = f"{_braced(exemplar.labels.items()) or '{}'} {_number(exemplar.value)}"
    return text if exemplar.timestamp is None else f"{text} {_seconds(exemplar.timestamp)}"


def _braced(items: Iterable[tuple[str, str]]) -> str:
    inside = ",".join(f'{name}="{_escaped(str(value))}"' for name, value in items)
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    number = float(value)
    if math.isfinite(number):
        return repr(number)
    return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"


def _seconds(timestamp: float | Timestamp) -> str:
    shortest = str(timestamp)
    # Some parsers of timestamps refuse an exponent.
    return f"{float(timestamp):.9f}" if "e" in shortest else shortest


@lru_cache(maxsize=_MAX_CACHED_NAMES)
def _metric_name(name: str) -> str:
    """Names beyond the classic character set are written with `_`, the format's own "underscores" escaping."""
    return re.sub(r"[^a-zA-Z0-9_:]", "_", re.sub(r"^(?=[0-9])", "_", name))


@lru_cache(maxsize=_MAX_CACHED_NAMES)
def _label_name(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", re.sub(r"^(?=[0-9])", "_", name))
