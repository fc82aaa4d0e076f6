-- Calls, failed calls and histograms of durations over time, by some fields, weighted by adjusted counts; buckets as in
-- red_minutes. Fields take the places `groups` and `names`, conditions on spans `matching`, and the table `source`: SQL
-- of our own that holds nothing but bound parameters.
SELECT
    intDiv(toUnixTimestamp(start), {step_s:UInt32}) * {step_s:UInt32} AS step,
    sum(adjusted_count) AS calls,
    sumIf(adjusted_count, status_code = 'error') AS errors,
    sumMap(map(if(duration_ns > 0, toInt16(floor(4 * log2(duration_ns))), toInt16(-1)), adjusted_count)) AS buckets,
    sumMapIf(
        map(if(duration_ns > 0, toInt16(floor(4 * log2(duration_ns))), toInt16(-1)), adjusted_count),
        status_code = 'error'
    ) AS error_buckets
    /*groups*/
FROM /*source*/
WHERE start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
  AND start < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND (/*matching*/)
GROUP BY step /*names*/
ORDER BY step
LIMIT {limit:UInt32}
