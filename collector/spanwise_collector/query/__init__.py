"""Questions to the store, and their answers in the shapes of docs/collector-api.md."""

from spanwise_collector.query._catalog import Catalog
from spanwise_collector.query._condition import Binder, Condition, every, some
from spanwise_collector.query._minutes import MINUTE_S, Counts, Minutes, MinuteSeries
from spanwise_collector.query._otlp import otlp_json, otlp_protobuf
from spanwise_collector.query._search import DEFAULT_LIMIT, MAX_LIMIT, SORTS, BadSearchError, Search, TraceSearch
from spanwise_collector.query._time import integer, unix_ns
from spanwise_collector.query._trace import TraceReader, parse_trace_id
from spanwise_collector.query._values import Json

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "MINUTE_S",
    "SORTS",
    "BadSearchError",
    "Binder",
    "Catalog",
    "Condition",
    "Counts",
    "Json",
    "MinuteSeries",
    "Minutes",
    "Search",
    "TraceReader",
    "TraceSearch",
    "every",
    "integer",
    "otlp_json",
    "otlp_protobuf",
    "parse_trace_id",
    "some",
    "unix_ns",
]
