-- Like trace_candidates, of the traces with a span of this service (any, when empty) and of this name (any, when empty).
SELECT lower(hex(trace_id)) AS id, toUnixTimestamp64Nano(first) AS start_ns
FROM (
    SELECT trace_id, min(first_start) AS first, max(last_end) AS last, sum(error_count) AS errors
    FROM traces
    WHERE minute >= toStartOfMinute(fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')) - {around_s:UInt32}
      AND minute <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC') + toIntervalSecond({around_s:UInt32})
      AND trace_id IN (
        SELECT trace_id
        FROM spans
        WHERE ({service:String} = '' OR service = {service:String})
          AND ({operation:String} = '' OR name = {operation:String})
          AND start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
          AND start <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC') + toIntervalSecond({around_s:UInt32})
      )
    GROUP BY trace_id
)
WHERE first >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
  AND first <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND (start_ns < {cursor_ns:Int64} OR (start_ns = {cursor_ns:Int64} AND id > {cursor_id:String}))
  AND toUnixTimestamp64Nano(last) - start_ns >= {min_duration_ns:Int64}
  AND toUnixTimestamp64Nano(last) - start_ns <= {max_duration_ns:Int64}
  AND errors >= {min_errors:UInt64}
ORDER BY start_ns DESC, id
LIMIT {limit:UInt32}
