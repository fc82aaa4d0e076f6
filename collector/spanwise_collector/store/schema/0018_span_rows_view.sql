-- Unfolds the spans of a scope and gives each field its final type. It must not fail on anything that parses: a field
-- out of its range is cut or set to its neutral value (intake has refused such spans before).
-- The adjusted count is that of OpenTelemetry's consistent probability sampling: 2^56 / (2^56 - T) for `ot=th:T`.
-- `untuple` makes columns of a span's fields once; taking them out of the tuple one by one costs three times the analysis.
CREATE MATERIALIZED VIEW IF NOT EXISTS span_rows_view TO span_rows AS
WITH
    kv -> ($attribute_from_kv) AS typed,
    extract(`s.trace_state`, '(?:^|,)[ \t]*ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:[;, \t]|$$)') AS threshold
SELECT
    toFixedString(substring(`s.trace_id`, 1, 16), 16) AS trace_id,
    toFixedString(substring(`s.span_id`, 1, 8), 8) AS span_id,
    toFixedString(substring(`s.parent_span_id`, 1, 8), 8) AS parent_span_id,
    `s.trace_state` AS trace_state,
    `s.flags` AS flags,
    service,
    `s.name` AS name,
    if(`s.kind` BETWEEN 0 AND 5, `s.kind`, 0) AS kind,
    fromUnixTimestamp64Nano(toInt64(`s.start_time_unix_nano`), 'UTC') AS start,
    toInt64(`s.end_time_unix_nano`) - toInt64(`s.start_time_unix_nano`) AS duration_ns,
    if(tupleElement(`s.status`, 'code') BETWEEN 0 AND 2, tupleElement(`s.status`, 'code'), 0) AS status_code,
    tupleElement(`s.status`, 'message') AS status_message,
    arrayMap(kv -> typed(kv), `s.attributes`) AS attributes,
    arrayMap(
        e -> (e.time_unix_nano, e.name, arrayMap(kv -> typed(kv), e.attributes), e.dropped_attributes_count),
        `s.events`
    ) AS events,
    arrayMap(
        l -> (
            l.trace_id, l.span_id, l.trace_state, l.flags,
            arrayMap(kv -> typed(kv), l.attributes),
            l.dropped_attributes_count
        ),
        `s.links`
    ) AS links,
    `s.dropped_attributes_count` AS dropped_attributes_count,
    `s.dropped_events_count` AS dropped_events_count,
    `s.dropped_links_count` AS dropped_links_count,
    multiIf(
        `s.trace_state` = '', 1,
        match(`s.trace_state`, '(?:^|,)[ \t]*spanwise=kept:'), 0,
        threshold = '', 1,
        72057594037927936 / (72057594037927936 - reinterpretAsUInt64(reverse(unhex(rightPad(threshold, 14, '0')))))
    ) AS adjusted_count,
    origin
FROM (
    SELECT untuple(span) AS s, service, origin
    FROM (SELECT arrayJoin(spans) AS span, service, origin FROM scope_rows)
)
