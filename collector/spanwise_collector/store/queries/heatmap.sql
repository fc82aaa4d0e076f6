-- Calls and failed calls by step of time and bucket of durations (those of red_minutes), weighted by adjusted counts. What
-- is counted takes the place `counted` (see query/counted.sql).
SELECT
    intDiv(toUnixTimestamp(time), {step_s:UInt32}) * {step_s:UInt32} AS step,
    sumMap(buckets) AS calls,
    sumMapIf(buckets, failed) AS errors
FROM (/*counted*/)
GROUP BY step
ORDER BY step
LIMIT {limit:UInt32}
