"""TraceQL, Tempo's query language: text to a typed tree, and the tree to SQL that holds no user's text."""

from spanwise_collector.traceql._engine import FoundSeries, FoundSpan, FoundSpanset, FoundTrace, TraceQL
from spanwise_collector.traceql._parse import parse
from spanwise_collector.traceql._series import Exemplar, Series
from spanwise_collector.traceql._shown import Shown
from spanwise_collector.traceql._tolerant import field_of_tag, filter_so_far
from spanwise_collector.traceql._tree import Query, TraceQLError

__all__ = [
    "Exemplar",
    "FoundSeries",
    "FoundSpan",
    "FoundSpanset",
    "FoundTrace",
    "Query",
    "Series",
    "Shown",
    "TraceQL",
    "TraceQLError",
    "field_of_tag",
    "filter_so_far",
    "parse",
]
