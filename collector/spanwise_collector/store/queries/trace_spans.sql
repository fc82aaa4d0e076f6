-- The spans of one trace: where they are takes the place `source`, their order, or how many are wanted without one, the
-- place `order` (see query/of_trace.sql).
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
FROM /*source*/
/*order*/
-- One granule of one part has most traces whole: a second thread, an index looked at while reading, or a plan that is made
-- better takes longer than it saves.
SETTINGS max_threads = 1, use_skip_indexes_on_data_read = 0, query_plan_enable_optimizations = 0
