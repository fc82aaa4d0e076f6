-- Spans that started in a range of minutes by service, name, kind and whether they failed: weights by bucket and their time.
-- Buckets here are whole doublings: number k holds what took less than 2^k ns, and from 2^(k-1), but for the two at the ends.
SELECT
    service,
    name,
    kind,
    failed,
    sum(weighted_duration_ns) / 1e9 AS weighted_s,
    sumMap(map(toInt16(least(greatest(intDiv(bucket + 4, 4), {first:Int16}), {last:Int16})), weighted_count)) AS buckets
FROM red_minutes
WHERE minute >= toDateTime({since_s:UInt32}, 'UTC') AND minute < toDateTime({until_s:UInt32}, 'UTC')
GROUP BY service, name, kind, failed
ORDER BY sum(weighted_count) DESC
LIMIT {limit:UInt32}
