-- All spans of some traces, each trace by start time; like trace_spans, with the trace id in front. `/*first*/` is where
-- only the first of each is asked for.
SELECT
    trace_id,
    span_id,
    parent_span_id,
    trace_state,
    flags,
    service,
    name,
    kind,
    toUnixTimestamp64Nano(start) AS start_ns,
    duration_ns,
    status_code,
    status_message,
    attributes,
    events,
    links,
    dropped_attributes_count,
    dropped_events_count,
    dropped_links_count,
    adjusted_count,
    origin
FROM trace_spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
ORDER BY trace_id, start, duration_ns DESC, span_id
/*first*/
