-- The pinned traces, newest pin first, with what is seen of each in a list.
SELECT
    lower(hex(trace_id)) AS id,
    toUnixTimestamp(pinned_at) AS pinned_at_s,
    note,
    toUnixTimestamp64Nano(first) AS start_ns,
    last_ns - start_ns AS duration_ns,
    spans,
    errors,
    root_service,
    root_name
FROM (SELECT trace_id, pinned_at, note FROM pins FINAL) AS pin
INNER JOIN (
    SELECT
        trace_id,
        min(start) AS first,
        max(toUnixTimestamp64Nano(start) + greatest(duration_ns, 0)) AS last_ns,
        count() AS spans,
        countIf(status_code = 'error') AS errors,
        argMin(service, (parent_span_id != toFixedString('', 8), start)) AS root_service,
        argMin(name, (parent_span_id != toFixedString('', 8), start)) AS root_name
    FROM pinned_spans
    GROUP BY trace_id
) AS trace USING (trace_id)
ORDER BY pinned_at_s DESC, id
LIMIT 10000
