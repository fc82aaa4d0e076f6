"""The collector's own metrics: what its board is made of.

Nothing here imports the collector; a test holds that these rows are the ones it declares.
"""

from __future__ import annotations

from spanwise.standard import Better, Kind, Metric, Role, ServiceKind


def _row(
    name: str, kind: Kind, unit: str, description: str, better: Better = Better.LOWER, labels: tuple[str, ...] = ()
) -> Metric:
    return Metric(name, kind, unit, description, Role.SATURATION, ServiceKind.COLLECTOR, better, labels)


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
COLLECTOR_METRICS: tuple[Metric, ...] = (
    _row(
        "spanwise_collector_received_spans_total",
        _C,
        "{span}",
        "Spans that were acknowledged: they are in the spool, on disk.",
        Better.HIGHER,
        labels=("protocol",),
    ),
    _row(
        "spanwise_collector_received_bytes_total",
        _C,
        "By",
        "Bytes of the requests that were acknowledged, decompressed.",
        Better.NEITHER,
        labels=("protocol",),
    ),
    _row(
        "spanwise_collector_rejected_spans_total",
        _C,
        "{span}",
        "Spans that were refused one by one, by reason; the rest of their request was taken.",
        labels=("reason",),
    ),
    _row(
        "spanwise_collector_rejected_requests_total",
        _C,
        "{request}",
        "Requests that were refused whole, by reason.",
        labels=("reason",),
    ),
    _row(
        "spanwise_collector_spool_bytes",
        _G,
        "By",
        "Bytes of the spool on disk, what the store has and what it has not.",
    ),
    _row("spanwise_collector_spool_waiting_bytes", _G, "By", "Bytes in the spool that the store does not have yet."),
    _row(
        "spanwise_collector_spool_oldest_age_seconds",
        _G,
        "s",
        "How long the oldest span that the store does not have has been waiting.",
    ),
    _row(
        "spanwise_collector_spool_sync_duration_seconds",
        _H,
        "s",
        "Time of a group write and fsync of the spool; an acknowledgement waits for one.",
    ),
    _row(
        "spanwise_collector_back_pressure_seconds_total",
        _C,
        "s",
        "Time during which senders were answered 503 because the spool or the disk was full.",
    ),
    _row("spanwise_collector_insert_duration_seconds", _H, "s", "Time of one insert of a batch into the store."),
    _row(
        "spanwise_collector_insert_retries_total",
        _C,
        "{insert}",
        "Inserts that failed and were made again, because the store was away or out of room.",
    ),
    _row("spanwise_collector_stored_spans_total", _C, "{span}", "Spans that were put into the store.", Better.HIGHER),
    _row(
        "spanwise_collector_set_aside_requests_total",
        _C,
        "{request}",
        "Requests that the store refused; they lie in the data folder with the reason.",
    ),
    _row("spanwise_collector_store_bytes", _G, "By", "Bytes of the store on disk."),
    _row("spanwise_collector_store_spans", _G, "{span}", "Spans in the store.", Better.NEITHER),
    _row(
        "spanwise_collector_query_duration_seconds",
        _H,
        "s",
        "Time of one query to the store, by the name of its .sql file.",
        labels=("query",),
    ),
    _row("spanwise_collector_instances", _G, "{instance}", "Instances in the registry that are alive.", Better.NEITHER),
)
COLLECTOR_BY_NAME = {metric.name: metric for metric in COLLECTOR_METRICS}
