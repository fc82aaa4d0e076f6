"""Filters: the language in which our API says which spans are meant (docs/collector-api.md, "Filters")."""

from spanwise_collector.query.filter._conditions import condition, patterns_of
from spanwise_collector.query.filter._parser import parse, parse_all, parse_field
from spanwise_collector.query.filter._tree import (
    And,
    Attribute,
    Comparison,
    Field,
    Filter,
    Intrinsic,
    Not,
    Operator,
    Or,
    Scope,
    comparisons,
    written,
)

__all__ = [
    "And",
    "Attribute",
    "Comparison",
    "Field",
    "Filter",
    "Intrinsic",
    "Not",
    "Operator",
    "Or",
    "Scope",
    "comparisons",
    "condition",
    "parse",
    "parse_all",
    "parse_field",
    "patterns_of",
    "written",
]
