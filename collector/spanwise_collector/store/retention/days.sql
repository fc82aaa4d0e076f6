-- The days in the store, oldest first, with their bytes on disk and their spans.
SELECT partition_id AS day, sum(bytes_on_disk) AS bytes, sumIf(rows, table = 'trace_spans') AS spans
FROM system.parts
WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}
GROUP BY day
ORDER BY day
