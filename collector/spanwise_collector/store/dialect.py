"""The words that the schema's `.sql` files share, written as `$word`: column types, table engines, durability.

Table engines are named here and nowhere else, so that a cluster's replicated engines are a change in one place.
"""

from __future__ import annotations

from string import Template

_ANY_VALUE = """Tuple(
    string_value Nullable(String),
    bool_value Nullable(Bool),
    int_value Nullable(Int64),
    double_value Nullable(Float64),
    array_value Nullable(String),
    kvlist_value Nullable(String),
    bytes_value Nullable(String)
)"""
_KEY_VALUES = f"Array(Tuple(key String, value {_ANY_VALUE}))"

# The numbers are the fields of OTLP's AnyValue; 0 is an attribute whose value was not set.
_ATTRIBUTE_TYPE = (
    "Enum8('empty' = 0, 'string' = 1, 'bool' = 2, 'int' = 3, 'double' = 4, 'array' = 5, 'map' = 6, 'bytes' = 7)"
)
_ATTRIBUTES = f"Array(Tuple(key LowCardinality(String), type {_ATTRIBUTE_TYPE}, value String))"

# One AnyValue as (key, type, value): numbers and booleans as text, bytes and nested values raw.
_ATTRIBUTE_FROM_KV = """
    kv.key,
    multiIf(
        kv.value.string_value IS NOT NULL, 1,
        kv.value.bool_value IS NOT NULL, 2,
        kv.value.int_value IS NOT NULL, 3,
        kv.value.double_value IS NOT NULL, 4,
        kv.value.array_value IS NOT NULL, 5,
        kv.value.kvlist_value IS NOT NULL, 6,
        kv.value.bytes_value IS NOT NULL, 7,
        0
    ),
    coalesce(
        kv.value.string_value,
        toString(kv.value.int_value),
        toString(kv.value.bool_value),
        toString(kv.value.double_value),
        kv.value.array_value,
        kv.value.kvlist_value,
        kv.value.bytes_value,
        ''
    )
"""

# The way back: one stored attribute as the fields of a KeyValue.
_KV_FROM_ATTRIBUTE = """
    attribute.key,
    (
        if(attribute.type = 'string', attribute.value, NULL),
        if(attribute.type = 'bool', attribute.value = 'true', NULL),
        if(attribute.type = 'int', toInt64OrNull(attribute.value), NULL),
        if(attribute.type = 'double', toFloat64OrNull(attribute.value), NULL),
        if(attribute.type = 'array', attribute.value, NULL),
        if(attribute.type = 'map', attribute.value, NULL),
        if(attribute.type = 'bytes', attribute.value, NULL)
    )
"""

_OTLP_SPANS = f"""Array(Tuple(
    trace_id String,
    span_id String,
    trace_state String,
    parent_span_id String,
    name String,
    kind Int32,
    start_time_unix_nano UInt64,
    end_time_unix_nano UInt64,
    attributes {_KEY_VALUES},
    dropped_attributes_count UInt32,
    events Array(Tuple(
        time_unix_nano UInt64,
        name String,
        attributes {_KEY_VALUES},
        dropped_attributes_count UInt32
    )),
    dropped_events_count UInt32,
    links Array(Tuple(
        trace_id String,
        span_id String,
        trace_state String,
        attributes {_KEY_VALUES},
        dropped_attributes_count UInt32,
        flags UInt32
    )),
    dropped_links_count UInt32,
    status Tuple(message String, code Int32),
    flags UInt32
))"""

_OTLP_RESOURCE_SPANS = f"""Array(Tuple(
    resource Tuple(attributes {_KEY_VALUES}, dropped_attributes_count UInt32),
    scope_spans Array(Tuple(
        scope Tuple(name String, version String, attributes {_KEY_VALUES}, dropped_attributes_count UInt32),
        spans {_OTLP_SPANS},
        schema_url String
    )),
    schema_url String
))"""

_EVENTS = f"""Array(Tuple(
    time_unix_nano UInt64,
    name LowCardinality(String),
    attributes {_ATTRIBUTES},
    dropped_attributes_count UInt32
))"""
_LINKS = f"""Array(Tuple(
    trace_id String,
    span_id String,
    trace_state String,
    flags UInt32,
    attributes {_ATTRIBUTES},
    dropped_attributes_count UInt32
))"""

WORDS = {
    "key_values": _KEY_VALUES,
    "kv_from_attribute": _KV_FROM_ATTRIBUTE,
    "otlp_spans": _OTLP_SPANS,
    "otlp_resource_spans": _OTLP_RESOURCE_SPANS,
    "attribute_type": _ATTRIBUTE_TYPE,
    "attributes": _ATTRIBUTES,
    "attribute_from_kv": _ATTRIBUTE_FROM_KV,
    "events": _EVENTS,
    "links": _LINKS,
    "span_kind": (
        "Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5)"
    ),
    "status_code": "Enum8('unset' = 0, 'ok' = 1, 'error' = 2)",
    "merge": "MergeTree",
    "aggregating": "AggregatingMergeTree",
    "summing": "SummingMergeTree",
    "replacing": "ReplacingMergeTree",
    "replacing_by_version": "ReplacingMergeTree(version)",
    # An insert that returned is on disk, and the last thousands of deduplication tokens are remembered: a spool segment
    # may go once its inserts returned, and a replay of it stores nothing twice. About 10 % of the insert rate.
    "durable": (
        "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,"
        " non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1"
    ),
}


def statement(text: str) -> str:
    """The SQL of a schema file. Raises KeyError for a word that is not in the table."""
    return Template(text).substitute(WORDS)
