-- The same as red_minutes without the operation, which is what most questions are about: a hundredth of the rows, each
-- with its histogram of durations (weights by `bucket` of red_minutes). Ordered by hour, then service, so that an hour of
-- all services and a day of one are both read from few blocks. A store that has minutes already brings them along.
CREATE OR REPLACE TABLE service_minutes (
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    service LowCardinality(String),
    kind $span_kind,
    failed Bool,
    weighted_count SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    span_count SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    buckets SimpleAggregateFunction(sumMap, Map(Int16, Float64)) CODEC(ZSTD(1))
) ENGINE = $aggregating
PARTITION BY toDate(minute)
ORDER BY (toStartOfHour(minute), service, kind, minute, failed)
SETTINGS index_granularity = 1024, $durable
AS SELECT
    minute,
    service,
    kind,
    failed,
    sum(red_minutes.weighted_count) AS weighted_count,
    sum(red_minutes.span_count) AS span_count,
    sumMap(map(bucket, red_minutes.weighted_count)) AS buckets
FROM red_minutes
GROUP BY minute, service, kind, failed
SETTINGS max_bytes_before_external_group_by = 67108864
