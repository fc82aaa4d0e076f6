-- Which service called which, a minute of the callee's start: calls, failed calls and their time, weighted by adjusted
-- count. Not filled by a view, because caller and callee arrive in different inserts: the linker reads them back together.
-- A minute is written whole, with the next version; only its newest version counts. The row without names ends a version:
-- its `span_count` is how many spans the minute had.
CREATE TABLE IF NOT EXISTS edges (
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    parent LowCardinality(String),
    child LowCardinality(String),
    connection Enum8('call' = 0, 'message' = 1, 'peer' = 2),
    version UInt32 CODEC(ZSTD(1)),
    weighted_calls Float64 CODEC(ZSTD(1)),
    weighted_errors Float64 CODEC(ZSTD(1)),
    weighted_duration_ns Float64 CODEC(ZSTD(1)),
    span_count UInt64 CODEC(ZSTD(1))
) ENGINE = $replacing_by_version
PARTITION BY toDate(minute)
ORDER BY (minute, parent, child, connection)
SETTINGS $durable
