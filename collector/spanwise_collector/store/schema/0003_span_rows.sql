-- One row per span, every field in its final type: the one row that all tables of spans are made of. It stores nothing.
CREATE TABLE IF NOT EXISTS span_rows (
    trace_id FixedString(16),
    span_id FixedString(8),
    parent_span_id FixedString(8),
    trace_state String,
    flags UInt32,
    service LowCardinality(String),
    name LowCardinality(String),
    kind $span_kind,
    start DateTime64(9, 'UTC'),
    duration_ns Int64,
    status_code $status_code,
    status_message String,
    attributes $attributes,
    events $events,
    links $links,
    dropped_attributes_count UInt32,
    dropped_events_count UInt32,
    dropped_links_count UInt32,
    adjusted_count Float64,
    origin UInt64
) ENGINE = Null
