-- The latest span of each service, name, kind, outcome and bucket (those of span_totals) that started since a time.
SELECT
    service,
    name,
    kind,
    status_code = 'error' AS failed,
    toInt16(least(greatest(if(duration_ns > 0, floor(log2(duration_ns)) + 1, 0), {first:Int16}), {last:Int16})) AS bucket,
    lower(hex(argMax(trace_id, start))) AS trace,
    lower(hex(argMax(span_id, start))) AS span,
    argMax(greatest(duration_ns, 0), start) / 1e9 AS duration_s,
    toUnixTimestamp64Nano(max(start)) AS start_ns
FROM spans
WHERE start >= fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC') AND start <= now64(9)
GROUP BY service, name, kind, failed, bucket
LIMIT {limit:UInt32}
