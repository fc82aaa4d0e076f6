-- What each service has in each of some traces; from it comes the summary of a trace. `earliest` says whether the span
-- is not a root, when it started, and its name, so that the least is the root, or else the earliest span.
SELECT
    lower(hex(trace_id)) AS id,
    service,
    spans,
    errors,
    toUnixTimestamp64Nano(first) AS first_ns,
    last_ns,
    (least_span.1, toUnixTimestamp64Nano(least_span.2), least_span.3) AS earliest
FROM (
    SELECT
        trace_id,
        service,
        count() AS spans,
        countIf(status_code = 'error') AS errors,
        min(start) AS first,
        max(toUnixTimestamp64Nano(start) + greatest(duration_ns, 0)) AS last_ns,
        min((parent_span_id != toFixedString('', 8), start, name)) AS least_span
    FROM trace_spans
    WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
    GROUP BY trace_id, service
)
SETTINGS use_skip_indexes_on_data_read = 0
