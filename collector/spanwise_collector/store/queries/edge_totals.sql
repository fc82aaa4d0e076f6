-- Calls between services in a range of minutes: weights by bucket (those of span_totals), their time, and the failed ones.
-- A peer that sent no span counts only two minutes later, because its spans may still come, and then it is an edge of
-- another connection.
SELECT
    parent,
    child,
    connection,
    sum(weighted_errors) AS errors,
    sum(weighted_duration_ns) / 1e9 AS weighted_s,
    sumMap(mapApply(
        (bucket, weight) -> (toInt16(least(greatest(intDiv(bucket + 4, 4), {first:Int16}), {last:Int16})), weight), buckets
    )) AS coarse
FROM edges
WHERE minute >= toDateTime({since_s:UInt32}, 'UTC')
  AND minute < toDateTime({until_s:UInt32}, 'UTC')
  AND (minute, version) IN (
    SELECT minute, max(version)
    FROM edges
    WHERE minute >= toDateTime({since_s:UInt32}, 'UTC') AND parent = '' AND child = ''
    GROUP BY minute
  )
  AND parent != ''
  AND (connection != 'peer' OR minute < toDateTime({peers_until_s:UInt32}, 'UTC'))
GROUP BY parent, child, connection
ORDER BY sum(weighted_calls) DESC
LIMIT {limit:UInt32}
