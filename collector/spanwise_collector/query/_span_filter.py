"""What our API asks of spans: a filter, as conditions with their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spanwise_collector.query._condition import Binder, Condition, every
from spanwise_collector.query.filter import Field, Filter, comparisons, condition


def fields_of(filters: Sequence[Filter]) -> Iterator[Field]:
    """Every field that they compare."""
    return (one.field for one in comparisons(filters))


def all_of(filters: Sequence[Filter], binder: Binder) -> Condition:
    """That a span fits every one of them."""
    return every(condition(one, binder) for one in filters)
