-- The spans that start in a range of time, of a range of trace ids, as OTLP requests: one for each origin and 2,048 spans.
-- Pinned spans whose day has gone are among them. `concat` keeps an id whole that ends in a zero byte; a cast cuts it.
WITH
    attribute -> ($kv_from_attribute) AS kv
SELECT
    CAST(
        [(
            (arrayMap(kv, resource_attributes), resource_dropped_attributes_count),
            [(
                (scope_name, scope_version, arrayMap(kv, scope_attributes), scope_dropped_attributes_count),
                spans,
                scope_schema_url
            )],
            resource_schema_url
        )],
        '$otlp_resource_spans'
    ) AS resource_spans
FROM (
    SELECT
        origin,
        groupArray((
            concat(trace_id, ''),
            concat(span_id, ''),
            trace_state,
            if(parent_span_id = toFixedString('', 8), '', concat(parent_span_id, '')),
            name,
            kind,
            toUnixTimestamp64Nano(start),
            toUnixTimestamp64Nano(start) + duration_ns,
            arrayMap(kv, attributes),
            dropped_attributes_count,
            arrayMap(
                e -> (e.time_unix_nano, e.name, arrayMap(kv, e.attributes), e.dropped_attributes_count), events
            ),
            dropped_events_count,
            arrayMap(
                l -> (
                    l.trace_id, l.span_id, l.trace_state, arrayMap(kv, l.attributes), l.dropped_attributes_count, l.flags
                ),
                links
            ),
            dropped_links_count,
            (status_message, status_code),
            flags
        )) AS spans
    FROM (
        SELECT *
        FROM trace_spans
        WHERE trace_id > toFixedString(unhex({after:String}), 16)
          AND trace_id <= toFixedString(unhex({until:String}), 16)
          AND start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
          AND start < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
        UNION ALL
        SELECT *
        FROM pinned_spans
        WHERE trace_id > toFixedString(unhex({after:String}), 16)
          AND trace_id <= toFixedString(unhex({until:String}), 16)
          AND start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
          AND start < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
          AND (trace_id, span_id, service, kind) NOT IN (
            SELECT trace_id, span_id, service, kind
            FROM trace_spans
            WHERE trace_id IN (SELECT trace_id FROM pins)
          )
    )
    GROUP BY origin, intDiv(rowNumberInAllBlocks(), 2048)
) AS exported
ANY LEFT JOIN (
    SELECT * EXCEPT (day, service) FROM origins
    UNION ALL
    SELECT * EXCEPT (day, service) FROM pinned_origins
) AS origins USING (origin)
SETTINGS max_threads = 1
