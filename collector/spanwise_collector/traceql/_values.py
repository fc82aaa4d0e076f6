"""Where the store has the fields of a span, as SQL; an attribute's type is known only where it is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from spanwise_collector.query import Binder
from spanwise_collector.traceql._fields import INTRINSICS, MANY_SCOPES, IntrinsicField, Needs
from spanwise_collector.traceql._pieces import piece
from spanwise_collector.traceql._tree import Attribute, Intrinsic, Literal, Type

SERVICE_NAME = "service.name"
NUMBERS = ("int", "double")
_ORIGIN_COLUMNS = {"resource": "resource_attributes", "instrumentation": "scope_attributes"}
_KINDS = {Type.STRING: "string", Type.STATUS: "status", Type.KIND: "kind", Type.BOOLEAN: "bool"}


@dataclass(frozen=True, slots=True)
class As:
    """A value as one type: `sql` is it where `guard` is true ("" is always)."""

    sql: str
    guard: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """`kinds` are the types it may have; with `array` they are of its element `v`. `pair` is what is shown of it, a
    tuple of a type and a text, ('empty', '') where there is none."""

    kinds: Mapping[str, As]
    exists: str
    pair: str
    array: str = ""


def constant(literal: Literal, binder: Binder) -> Value:
    """A literal, bound."""
    if literal.type is Type.NIL:
        return Value({}, "false", "('empty', '')")
    if literal.type is Type.NUMBER:
        kind = "int" if isinstance(literal.value, int) else "double"
        bound = binder.bind(literal.value, "Int64" if kind == "int" else "Float64")
    elif literal.type is Type.BOOLEAN:
        kind, bound = "bool", "true" if literal.value else "false"
    else:
        kind, bound = _KINDS[literal.type], binder.bind(literal.value, "String")
    return Value(MappingProxyType({kind: As(bound)}), "true", piece("number_pair", type=kind, value=bound))


@dataclass(slots=True)
class Columns:
    """The fields that one query reads. It notes what has to be joined to the table of spans for them."""

    binder: Binder
    needs: set[Needs] = field(default_factory=set)
    patterns: list[str] = field(default_factory=list)
    # The places in `origins`, by what is joined of it: SQL of ours, for a key is bound.
    origin_columns: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, what: Attribute | Intrinsic) -> Value:
        if isinstance(what, Intrinsic):
            return self._intrinsic(INTRINSICS[what.name])
        if what.scope in MANY_SCOPES:
            return self._many_attributes(f"{what.scope}s", what.name)
        if what.scope == "span":
            return self._in_column("attributes", what.name)
        if what.scope == "instrumentation":
            return self._joined_attribute(_ORIGIN_COLUMNS[what.scope], what.name)
        resource = service() if what.name == SERVICE_NAME else None
        if resource is None:
            resource = self._joined_attribute(_ORIGIN_COLUMNS["resource"], what.name)
        return resource if what.scope else own_or_else(self._in_column("attributes", what.name), resource)

    def keys(self, scope: str) -> str:
        """An array of the keys of a span's attributes of this scope."""
        if scope in MANY_SCOPES:
            self.needs.add(Needs.WHOLE)
            return piece("keys_of_many", column=f"{scope}s")
        if scope == "span":
            return piece("keys", column="attributes")
        keys = piece("keys", column=_ORIGIN_COLUMNS[scope])
        return self._joined(("keys", scope), piece("origin_column", column=keys, name="$name"))

    def compared_resource(self) -> str:
        """An array of `(name, type, text)` of the resource's attributes."""
        return self._joined(("compared", "resource"), piece("compared_resource", name="$name"))

    def at_origin(self, what: Attribute | Intrinsic) -> tuple[Value | None, Value] | None:
        """The field as a query of `origins` alone has it, and before it the span's own value that goes first.

        None for what is not of the origin.
        """
        if isinstance(what, Intrinsic):
            intrinsic = INTRINSICS[what.name]
            if intrinsic.needs is not Needs.ORIGIN:
                return None
            column = piece(intrinsic.piece)
            return None, Value({"string": As(column)}, "true", piece("text_pair", type="string", value=column))
        if what.scope not in ("", *_ORIGIN_COLUMNS) or (what.name == SERVICE_NAME and what.scope != "instrumentation"):
            return None
        there = self._in_column(_ORIGIN_COLUMNS[what.scope or "resource"], what.name)
        return (None if what.scope else self._in_column("attributes", what.name)), there

    def _intrinsic(self, intrinsic: IntrinsicField) -> Value:
        self.needs.add(intrinsic.needs)
        sql = piece(intrinsic.piece)
        if intrinsic.many:
            return self._many_intrinsics(intrinsic, sql)
        if intrinsic.needs is Needs.ORIGIN:
            sql = self._joined(("column", sql), piece("origin_column", column=sql, name="$name"))
        if intrinsic.type is Type.NUMBER:
            kind = "double" if intrinsic.is_float else "int"
            shown = "duration" if intrinsic.is_duration else kind
            return Value({kind: As(sql)}, "true", piece("number_pair", type=shown, value=sql))
        kind = _KINDS[intrinsic.type]
        pair = piece("text_pair", type=kind, value=sql)
        if intrinsic.name == "parentID":
            exists = f"NOT ({piece('is_root')})"
            return Value({kind: As(sql, exists)}, exists, piece("if_pair", condition=exists, pair=pair))
        return Value({kind: As(sql)}, "true", pair)

    def _many_intrinsics(self, intrinsic: IntrinsicField, array: str) -> Value:
        kind = "int" if intrinsic.type is Type.NUMBER else "string"
        first = f"({array})[1]"
        pair = (
            piece("number_pair", type="duration", value=first)
            if intrinsic.is_duration
            else piece("text_pair", type=kind, value=first)
        )
        exists = f"notEmpty({array})"
        return Value({kind: As("v")}, exists, piece("if_pair", condition=exists, pair=pair), array)

    def _many_attributes(self, column: str, key: str) -> Value:
        self.needs.add(Needs.WHOLE)
        array = piece("attributes_of_many", column=column, key=self.binder.bind(key, "String"))
        first = f"({array})[1]"
        return Value(
            _kinds("v.type", "v.value"),
            f"notEmpty({array})",
            piece("attribute_pair", type=f"{first}.type", value=f"{first}.value"),
            array,
        )

    def _in_column(self, column: str, key: str) -> Value:
        bound = self.binder.bind(key, "String")
        return dynamic(
            piece("attribute_type", column=column, key=bound), piece("attribute_value", column=column, key=bound)
        )

    def _joined_attribute(self, column: str, key: str) -> Value:
        there = (column, key)
        if there not in self.origin_columns:
            bound = self.binder.bind(key, "String")
            words = {"column": column, "key": bound}
            read = piece(
                "origin_attribute",
                type=piece("attribute_type", **words),
                value=piece("attribute_value", **words),
                name="$name",
            )
            self._joined(there, read)
        name = self._joined(there, "")
        return dynamic(f"{name}.1", f"{name}.2")

    def _joined(self, what: tuple[str, str], read: str) -> str:
        """The name of a column that is joined from `origins`."""
        self.needs.add(Needs.ORIGIN)
        if what not in self.origin_columns:
            self.origin_columns[what] = read.replace("$name", f"o{len(self.origin_columns)}")
        return f"o{list(self.origin_columns).index(what)}"


def service() -> Value:
    """`service.name`, which the store has for every span."""
    return Value({"string": As("service")}, "true", piece("text_pair", type="string", value="service"))


def dynamic(kind: str, value: str) -> Value:
    """An attribute, from the SQL of its type and of its text."""
    return Value(_kinds(kind, value), f"{kind} != 'empty'", piece("attribute_pair", type=kind, value=value))


def own_or_else(own: Value, other: Value) -> Value:
    def either(first: str, second: str) -> str:
        return f"if({own.exists}, {first}, {second})"

    kinds = {
        kind: As(
            either(one.sql, other.kinds[kind].sql) if kind in other.kinds else one.sql,
            either(one.guard or "true", (other.kinds[kind].guard or "true") if kind in other.kinds else "false"),
        )
        for kind, one in own.kinds.items()
    }
    return Value(kinds, f"({own.exists}) OR ({other.exists})", either(own.pair, other.pair))


def _kinds(kind: str, value: str) -> Mapping[str, As]:
    return {
        "string": As(value, f"{kind} = 'string'"),
        "int": As(f"toInt64OrZero({value})", f"{kind} = 'int'"),
        "double": As(f"toFloat64OrZero({value})", f"{kind} = 'double'"),
        "bool": As(f"({value} = 'true')", f"{kind} = 'bool'"),
    }
