-- Spans for search, by service, name and time.
CREATE TABLE IF NOT EXISTS spans (
    service LowCardinality(String),
    name LowCardinality(String),
    start DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_ns Int64 CODEC(ZSTD(1)),
    kind $span_kind,
    status_code $status_code,
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    attributes $attributes CODEC(ZSTD(1)),
    adjusted_count Float64 CODEC(ZSTD(1)),
    origin UInt64 CODEC(ZSTD(1))
) ENGINE = $merge
PARTITION BY toDate(start)
ORDER BY (service, name, toStartOfMinute(start))
SETTINGS $durable
