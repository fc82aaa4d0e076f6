-- Which service called which, in the minutes of a window. A call that was kept for its own sake weighs nothing, yet
-- an edge that was seen has at least one.
SELECT
    parent,
    child,
    toUInt64(greatest(round(sum(weighted_calls)), 1)) AS calls,
    toUInt64(round(sum(weighted_errors))) AS errors
FROM edges
WHERE minute >= toStartOfMinute(fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC'))
  AND minute <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND (minute, version) IN (
    SELECT minute, max(version)
    FROM edges
    WHERE minute >= toStartOfMinute(fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC'))
      AND minute <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
      AND parent = '' AND child = ''
    GROUP BY minute
  )
  AND parent != ''
GROUP BY parent, child
ORDER BY parent, child
LIMIT 10000
