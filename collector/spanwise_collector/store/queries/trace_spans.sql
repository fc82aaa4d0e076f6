-- All spans of one trace, by start time. Where it is pinned, what is only in its copy takes the place `pinned`.
SELECT
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
FROM (
    SELECT *
    FROM trace_spans
    WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
    /*pinned*/
)
ORDER BY start, duration_ns DESC, span_id
-- One granule of one part has most traces whole: a second thread, or an index looked at while reading, takes longer to begin.
SETTINGS max_threads = 1, use_skip_indexes_on_data_read = 0
