-- :spans  each span: when, whether it failed, its weight, and its weight in the bucket of its duration (see red_minutes)
SELECT
    start AS time,
    status_code = 'error' AS failed,
    adjusted_count AS weight,
    map(if(duration_ns > 0, toInt16(floor(4 * log2(duration_ns))), toInt16(-1)), adjusted_count) AS buckets
    $groups
FROM $source
WHERE start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
  AND start < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND ($matching)
-- :minutes  the same of each minute, for conditions and fields that are in red_minutes
SELECT
    minute AS time,
    failed,
    weighted_count AS weight,
    map(bucket, weighted_count) AS buckets
    $groups
FROM red_minutes
WHERE minute >= toDateTime(intDiv({from_ns:Int64}, 1000000000), 'UTC')
  AND minute < toDateTime(intDiv({to_ns:Int64}, 1000000000), 'UTC')
  AND ($matching)
-- :service_minutes  the same of each service's minute, for conditions and fields that are in service_minutes
SELECT
    minute AS time,
    failed,
    weighted_count AS weight,
    buckets
    $groups
FROM service_minutes
WHERE minute >= toDateTime(intDiv({from_ns:Int64}, 1000000000), 'UTC')
  AND minute < toDateTime(intDiv({to_ns:Int64}, 1000000000), 'UTC')
  AND ($matching)
