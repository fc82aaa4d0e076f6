"""By what spans are counted: fields of filters as columns of a query, and their values as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanwise_collector.query._condition import Binder, Condition
from spanwise_collector.query._values import Json, typed
from spanwise_collector.query.filter import Attribute, Field, Intrinsic, Scope

_OF_SPAN = {
    Intrinsic.SERVICE: "service",
    Intrinsic.NAME: "name",
    Intrinsic.KIND: "kind",
    Intrinsic.STATUS: "status_code",
    Intrinsic.STATUS_MESSAGE: "status_message",
    Intrinsic.TRACE_STATE: "trace_state",
    Intrinsic.DURATION: "duration_ns",
    Intrinsic.ADJUSTED_COUNT: "adjusted_count",
}
_IDS_OF_SPAN = {
    Intrinsic.TRACE_ID: "trace_id",
    Intrinsic.SPAN_ID: "span_id",
    Intrinsic.PARENT_SPAN_ID: "parent_span_id",
}
_OF_ORIGIN = {Intrinsic.SCOPE_NAME: "scope_name", Intrinsic.SCOPE_VERSION: "scope_version"}
_OF_ITEMS = {Intrinsic.EVENT_NAME: ("item.name", "events")}
_IDS_OF_ITEMS = {Intrinsic.LINK_TRACE_ID: ("item.trace_id", "links"), Intrinsic.LINK_SPAN_ID: ("item.span_id", "links")}
_ATTRIBUTES_OF_ORIGIN = {Scope.RESOURCE: "resource_attributes", Scope.SCOPE: "scope_attributes"}
_ITEMS = {Scope.EVENT: "events", Scope.LINK: "links"}
_ONLY_IN_WHOLE_SPANS = frozenset({Intrinsic.STATUS_MESSAGE, Intrinsic.TRACE_STATE, Intrinsic.PARENT_SPAN_ID})


@dataclass(frozen=True, slots=True)
class Groups:
    """For one query: `columns` are named `names`; `joins` go behind the table."""

    names: tuple[str, ...]
    columns: tuple[str, ...]
    joins: str
    whole: bool

    def source(self, binder: Binder, matching: Condition) -> str:
        """The table of spans that has all that is asked for, with what is joined to it, and what is looked at first."""
        first = binder.first(matching, binder.piece("in_time").sql)
        table = "trace_spans" if matching.whole or self.whole else "spans"
        return binder.piece("source", table=table, joins=self.joins, first=first).sql


def groups(fields: Sequence[Field], binder: Binder) -> Groups:
    names = tuple(f"group{number}" for number in range(len(fields)))
    columns: list[str] = []
    joins: list[str] = []
    whole = False
    for name, field in zip(names, fields, strict=True):
        group = _group(field, binder)
        whole = whole or group.whole
        value = group.sql
        if _of_origin(field):
            joined = f"{name}_value"
            joins.append(binder.piece("joined_value", value=value, name=joined).sql)
            value = joined
        columns.append(binder.piece("named", value=value, name=name).sql)
    return Groups(names, tuple(columns), " ".join(joins), whole)


def shown(stored: bytes | str | None) -> Json:
    """`{"type", "value"}` of a group's value; the type is "missing" where there was none."""
    if stored is None:
        return {"type": "missing", "value": None}
    raw = stored.encode() if isinstance(stored, str) else stored
    kind, _, value = raw.partition(b":")
    return typed(kind.decode(), value)


def _of_origin(field: Field) -> bool:
    return field.scope in _ATTRIBUTES_OF_ORIGIN if isinstance(field, Attribute) else field in _OF_ORIGIN


def _group(field: Field, binder: Binder) -> Condition:
    if isinstance(field, Attribute):
        return _of_attribute(field, binder)
    if field in _OF_ITEMS or field in _IDS_OF_ITEMS:
        column, items = (_OF_ITEMS | _IDS_OF_ITEMS)[field]
        value = binder.piece("in_hex", column=column).sql if field in _IDS_OF_ITEMS else column
        return binder.piece("item_group", True, value=value, items=items)
    if field in _IDS_OF_SPAN:
        column = binder.piece("in_hex", column=_IDS_OF_SPAN[field]).sql
    else:
        column = (_OF_SPAN | _OF_ORIGIN)[field]
    return binder.piece("column_group", field in _ONLY_IN_WHOLE_SPANS, column=column)


def _of_attribute(attribute: Attribute, binder: Binder) -> Condition:
    key = binder.bind(attribute.key, "String")
    if attribute.scope in _ITEMS:
        return binder.piece("item_attribute_group", True, key=key, items=_ITEMS[attribute.scope])
    attributes = _ATTRIBUTES_OF_ORIGIN.get(attribute.scope, "attributes")
    return binder.piece("attribute_group", key=key, attributes=attributes)
