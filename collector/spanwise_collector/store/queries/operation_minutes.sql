-- Like service_minutes, of each operation of some services.
SELECT
    service,
    name AS operation,
    toUnixTimestamp(minute) AS minute_s,
    sum(weighted_count) AS calls,
    sumIf(weighted_count, failed) AS errors,
    sumMap(map(bucket, weighted_count)) AS buckets
FROM red_minutes
WHERE service IN {services:Array(String)}
  AND toString(kind) IN {kinds:Array(String)}
  AND minute >= toDateTime({from_s:UInt32}, 'UTC')
  AND minute < toDateTime({to_s:UInt32}, 'UTC')
GROUP BY service, operation, minute_s
ORDER BY service, operation, minute_s
