-- Traces that start in a window of time, by a key and then newest first, after a cursor. `around_s` is how far outside the
-- window spans of them are looked for; what a longer trace has beyond it is added by trace_summaries, which also has the
-- last word. Conditions on spans take the place `matching`: SQL of our own that holds nothing but bound parameters.
SELECT
    lower(hex(trace_id)) AS id,
    toUnixTimestamp64Nano(first) AS start_ns,
    {sign:Int8} * multiIf(
        {sort:String} = 'duration', toUnixTimestamp64Nano(last) - start_ns,
        {sort:String} = 'span_count', toInt64(spans),
        {sort:String} = 'error_count', toInt64(errors),
        start_ns
    ) AS key
FROM (
    SELECT trace_id, min(first_start) AS first, max(last_end) AS last, sum(span_count) AS spans, sum(error_count) AS errors
    FROM traces
    WHERE minute >= toStartOfMinute(fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')) - {around_s:UInt32}
      AND minute <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC') + toIntervalSecond({around_s:UInt32})
      AND /*matching*/
    GROUP BY trace_id
)
WHERE first >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
  AND first <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND (-key, -start_ns, id) > (-{cursor_key:Int64}, -{cursor_ns:Int64}, {cursor_id:String})
  AND toUnixTimestamp64Nano(last) - start_ns >= {min_duration_ns:Int64}
  AND toUnixTimestamp64Nano(last) - start_ns <= {max_duration_ns:Int64}
  AND errors >= {min_errors:UInt64}
ORDER BY key DESC, start_ns DESC, id
LIMIT {limit:UInt32}
