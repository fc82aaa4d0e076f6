-- The minutes whose edges do not count all of their spans, oldest first.
SELECT toUInt32(minute) AS minute, stored.spans AS spans, linked.version AS version
FROM (
    SELECT minute, sum(span_count) AS spans
    FROM red_minutes
    WHERE minute >= toDateTime({since:UInt32}, 'UTC')
    GROUP BY minute
) AS stored
LEFT JOIN (
    SELECT minute, max(version) AS version, argMax(span_count, edges.version) AS spans
    FROM edges
    WHERE minute >= toDateTime({since:UInt32}, 'UTC') AND parent = '' AND child = ''
    GROUP BY minute
) AS linked USING (minute)
WHERE stored.spans != linked.spans
ORDER BY minute
