"""Questions to the store, and their answers in the shapes of docs/collector-api.md."""

from spanwise_collector.query._analysis import Analysis
from spanwise_collector.query._attribute_catalog import AttributeCatalog
from spanwise_collector.query._catalog import Catalog
from spanwise_collector.query._condition import Binder, Condition, every, pieces, some
from spanwise_collector.query._measures import Measures, Question
from spanwise_collector.query._minutes import MINUTE_S, Counts, Minutes, MinuteSeries
from spanwise_collector.query._otlp import any_value, otlp_json, otlp_protobuf
from spanwise_collector.query._patterns import Patterns
from spanwise_collector.query._search import DEFAULT_LIMIT, MAX_LIMIT, SORTS, BadSearchError, Search, TraceSearch
from spanwise_collector.query._time import go_duration_ns, integer, unix_ns
from spanwise_collector.query._trace import TraceReader, parse_trace_id
from spanwise_collector.query._value_index import has_key, may_have_value, tag_is
from spanwise_collector.query._values import Json, attributes

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "MINUTE_S",
    "SORTS",
    "Analysis",
    "AttributeCatalog",
    "BadSearchError",
    "Binder",
    "Catalog",
    "Condition",
    "Counts",
    "Json",
    "Measures",
    "MinuteSeries",
    "Minutes",
    "Patterns",
    "Question",
    "Search",
    "TraceReader",
    "TraceSearch",
    "any_value",
    "attributes",
    "every",
    "go_duration_ns",
    "has_key",
    "integer",
    "may_have_value",
    "otlp_json",
    "otlp_protobuf",
    "parse_trace_id",
    "pieces",
    "some",
    "tag_is",
    "unix_ns",
]
