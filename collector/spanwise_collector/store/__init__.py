"""The store: one schema and one SQL dialect, in the embedded engine or on a ClickHouse server."""

from spanwise_collector.store._asking import Asking, Ran, asking, current
from spanwise_collector.store._canonical import canonical
from spanwise_collector.store._check import check_tables
from spanwise_collector.store._deletion import delete_trace, unpin_trace
from spanwise_collector.store._edges import Linker
from spanwise_collector.store._export import export_spans
from spanwise_collector.store._insert import RefusedError, insert, inserts_made
from spanwise_collector.store._migrations import NewerSchemaError
from spanwise_collector.store._pins import PinLimitError, pin_trace, pins_made
from spanwise_collector.store._pool import (
    BadPatternError,
    ClientPool,
    QueryCancelledError,
    QueryMemoryError,
    QueryTimeoutError,
    QueryTooLargeError,
)
from spanwise_collector.store._retention import Retention
from spanwise_collector.store._store import NotOpenError, Store, StoreError

__all__ = [
    "Asking",
    "BadPatternError",
    "ClientPool",
    "Linker",
    "NewerSchemaError",
    "NotOpenError",
    "PinLimitError",
    "QueryCancelledError",
    "QueryMemoryError",
    "QueryTimeoutError",
    "QueryTooLargeError",
    "Ran",
    "RefusedError",
    "Retention",
    "Store",
    "StoreError",
    "asking",
    "canonical",
    "check_tables",
    "current",
    "delete_trace",
    "export_spans",
    "insert",
    "inserts_made",
    "pin_trace",
    "pins_made",
    "unpin_trace",
]
