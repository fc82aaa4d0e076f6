"""The collector's own metrics, declared the way any service declares its own."""

from __future__ import annotations

from spanwise.metrics import counter, gauge, histogram

# A group fsync takes under a millisecond on an SSD, a second on a disk that is dying.
_SYNC_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_INSERT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_QUERY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

RECEIVED_SPANS = counter(
    "spanwise_collector_received_spans",
    unit="{span}",
    description="Spans that were acknowledged: they are in the spool, on disk.",
    labels=("protocol",),
    better="higher",
)
RECEIVED_BYTES = counter(
    "spanwise_collector_received",
    unit="By",
    description="Bytes of the requests that were acknowledged, decompressed.",
    labels=("protocol",),
)
REJECTED_SPANS = counter(
    "spanwise_collector_rejected_spans",
    unit="{span}",
    description="Spans that were refused one by one, by reason; the rest of their request was taken.",
    labels=("reason",),
    better="lower",
)
REJECTED_REQUESTS = counter(
    "spanwise_collector_rejected_requests",
    unit="{request}",
    description="Requests that were refused whole, by reason.",
    labels=("reason",),
    better="lower",
)
SPOOL_BYTES = gauge(
    "spanwise_collector_spool",
    unit="By",
    description="Bytes of the spool on disk, what the store has and what it has not.",
    better="lower",
)
SPOOL_WAITING_BYTES = gauge(
    "spanwise_collector_spool_waiting",
    unit="By",
    description="Bytes in the spool that the store does not have yet.",
    better="lower",
)
SPOOL_OLDEST_AGE = gauge(
    "spanwise_collector_spool_oldest_age",
    unit="s",
    description="How long the oldest span that the store does not have has been waiting.",
    better="lower",
)
SPOOL_SYNC_DURATION = histogram(
    "spanwise_collector_spool_sync_duration",
    unit="s",
    description="Time of a group write and fsync of the spool; an acknowledgement waits for one.",
    buckets=_SYNC_BUCKETS,
)
BACK_PRESSURE_SECONDS = counter(
    "spanwise_collector_back_pressure",
    unit="s",
    description="Time during which senders were answered 503 because the spool or the disk was full.",
    better="lower",
)
INSERT_DURATION = histogram(
    "spanwise_collector_insert_duration",
    unit="s",
    description="Time of one insert of a batch into the store.",
    buckets=_INSERT_BUCKETS,
)
INSERT_RETRIES = counter(
    "spanwise_collector_insert_retries",
    unit="{insert}",
    description="Inserts that failed and were made again, because the store was away or out of room.",
    better="lower",
)
STORED_SPANS = counter(
    "spanwise_collector_stored_spans",
    unit="{span}",
    description="Spans that were put into the store.",
    better="higher",
)
SET_ASIDE_REQUESTS = counter(
    "spanwise_collector_set_aside_requests",
    unit="{request}",
    description="Requests that the store refused; they lie in the data folder with the reason.",
    better="lower",
)
STORE_BYTES = gauge("spanwise_collector_store", unit="By", description="Bytes of the store on disk.", better="lower")
STORE_ROWS = gauge("spanwise_collector_store_spans", unit="{span}", description="Spans in the store.")
QUERY_DURATION = histogram(
    "spanwise_collector_query_duration",
    unit="s",
    description="Time of one query to the store, by the name of its .sql file.",
    labels=("query",),
    buckets=_QUERY_BUCKETS,
)
INSTANCES = gauge(
    "spanwise_collector_instances", unit="{instance}", description="Instances in the registry that are alive."
)
