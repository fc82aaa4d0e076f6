-- What some services did minute by minute, weighted by adjusted counts: calls, failed calls, and a histogram of durations
-- whose buckets are those of red_minutes.
SELECT
    service,
    '' AS operation,
    toUnixTimestamp(minute) AS minute_s,
    sum(weighted_count) AS calls,
    sumIf(weighted_count, failed) AS errors,
    sumMap(service_minutes.buckets) AS buckets
FROM service_minutes
WHERE service IN {services:Array(String)}
  AND toString(kind) IN {kinds:Array(String)}
  AND minute >= toDateTime({from_s:UInt32}, 'UTC')
  AND minute < toDateTime({to_s:UInt32}, 'UTC')
GROUP BY service, minute_s
ORDER BY service, minute_s
