"""The store: one schema and one SQL dialect, in the embedded engine or on a ClickHouse server."""

from spanwise_collector.store._check import check_tables
from spanwise_collector.store._deletion import delete_trace
from spanwise_collector.store._insert import RefusedError, insert
from spanwise_collector.store._migrations import NewerSchemaError
from spanwise_collector.store._pool import ClientPool, QueryTimeoutError
from spanwise_collector.store._retention import Retention
from spanwise_collector.store._store import NotOpenError, Store, StoreError

__all__ = [
    "ClientPool",
    "NewerSchemaError",
    "NotOpenError",
    "QueryTimeoutError",
    "RefusedError",
    "Retention",
    "Store",
    "StoreError",
    "check_tables",
    "delete_trace",
    "insert",
]
