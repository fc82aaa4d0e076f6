-- Trace summaries by time: a trace has a row for each minute in which a span of it started, added up when read.
CREATE TABLE IF NOT EXISTS traces (
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    first_start SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    last_end SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    span_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    error_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1))
) ENGINE = $aggregating
PARTITION BY toDate(minute)
ORDER BY (minute, trace_id)
SETTINGS $durable
