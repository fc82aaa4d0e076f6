-- Rate, errors and duration a minute for each operation, weighted by adjusted count.
-- `bucket` is floor(4 * log2(duration in ns)), a histogram whose buckets grow by 19 %; spans that took no time are in -1.
CREATE TABLE IF NOT EXISTS red_minutes (
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    name LowCardinality(String),
    kind $span_kind,
    failed Bool,
    bucket Int16,
    weighted_count Float64 CODEC(ZSTD(1)),
    weighted_duration_ns Float64 CODEC(ZSTD(1)),
    span_count UInt64 CODEC(ZSTD(1))
) ENGINE = $summing((weighted_count, weighted_duration_ns, span_count))
PARTITION BY toDate(minute)
ORDER BY (service, name, kind, minute, failed, bucket)
SETTINGS $durable
