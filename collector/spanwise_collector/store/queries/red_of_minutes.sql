-- Like red_of_spans, out of the one-minute aggregates: for conditions and fields that they have.
SELECT
    intDiv(toUnixTimestamp(minute), {step_s:UInt32}) * {step_s:UInt32} AS step,
    sum(weighted_count) AS calls,
    sumIf(weighted_count, failed) AS errors,
    sumMap(map(bucket, weighted_count)) AS buckets,
    sumMapIf(map(bucket, weighted_count), failed) AS error_buckets
    /*groups*/
FROM red_minutes
WHERE minute >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
  AND minute < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND (/*matching*/)
GROUP BY step /*names*/
ORDER BY step
LIMIT {limit:UInt32}
