-- Spans by trace id, with everything that was sent: what a trace is read from.
CREATE TABLE IF NOT EXISTS trace_spans (
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    parent_span_id FixedString(8) CODEC(ZSTD(1)),
    trace_state String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    service LowCardinality(String),
    name LowCardinality(String),
    kind $span_kind,
    start DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_ns Int64 CODEC(ZSTD(1)),
    status_code $status_code,
    status_message String CODEC(ZSTD(1)),
    attributes $attributes CODEC(ZSTD(1)),
    events $events CODEC(ZSTD(1)),
    links $links CODEC(ZSTD(1)),
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    dropped_events_count UInt32 CODEC(ZSTD(1)),
    dropped_links_count UInt32 CODEC(ZSTD(1)),
    adjusted_count Float64 CODEC(ZSTD(1)),
    origin UInt64 CODEC(ZSTD(1))
) ENGINE = $merge
PARTITION BY toDate(start)
ORDER BY trace_id
SETTINGS index_granularity = 1024, $durable
