-- The edges of a minute, of a range of trace ids: a span and its parent in another service, the two halves of a span that
-- client and server share (Zipkin), and clients and producers whose peer sent no span.
-- A parent is looked for within a minute of its child, a producer within half an hour. Spans that came twice count once.
WITH
    -- In nanoseconds like `start`: against whole seconds the engine (26.9) prunes a part whose first span starts in the
    -- second before the bound.
    fromUnixTimestamp64Nano(toInt64({minute:UInt32}) * 1000000000, 'UTC') AS begins,
    begins + toIntervalMinute(1) AS ends,
    ['peer.service', 'db.system.name', 'db.system'] AS peer_keys,
    slice AS (
        SELECT
            trace_id,
            span_id,
            service,
            kind,
            status_code,
            start,
            greatest(duration_ns, 0) AS duration_ns,
            adjusted_count,
            has(attributes.key, 'zipkin.shared') AS shared,
            if(shared, span_id, parent_span_id) AS caller_id
        FROM trace_spans
        WHERE trace_id > toFixedString(unhex({after:String}), 16)
          AND trace_id <= toFixedString(unhex({until:String}), 16)
          AND start >= begins - toIntervalMinute(30)
          AND start < ends + toIntervalMinute(1)
    ),
    shared_ids AS (SELECT trace_id, span_id FROM slice WHERE shared),
    clients AS (
        SELECT
            trace_id,
            span_id,
            service,
            arrayFirst(v -> v != '', arrayMap(k -> attributes.value[indexOf(attributes.key, k)], peer_keys)) AS peer,
            status_code,
            greatest(duration_ns, 0) AS duration_ns,
            adjusted_count
        FROM trace_spans
        PREWHERE kind IN ('client', 'producer') AND hasAny(attributes.key, peer_keys)
        WHERE trace_id > toFixedString(unhex({after:String}), 16)
          AND trace_id <= toFixedString(unhex({until:String}), 16)
          AND start >= begins AND start < ends
    ),
    answered AS (
        SELECT trace_id, caller_id
        FROM slice
        WHERE start >= begins - toIntervalMinute(1) AND (trace_id, caller_id) IN (SELECT trace_id, span_id FROM clients)
    )
SELECT
    parent,
    child,
    connection,
    sum(weight) AS weighted_calls,
    sumIf(weight, failed) AS weighted_errors,
    sum(weight * duration_ns) AS weighted_duration_ns,
    count() AS span_count,
    sumMap(map(toInt16(if(duration_ns > 0, floor(4 * log2(duration_ns)), -1)), weight)) AS buckets
FROM (
    SELECT
        any(caller.service) AS parent,
        callee.service AS child,
        if(any(callee.kind) = 'consumer', 'message', 'call') AS connection,
        any(callee.adjusted_count) AS weight,
        any(callee.status_code) = 'error' AS failed,
        any(callee.duration_ns) AS duration_ns
    FROM (
        SELECT trace_id, span_id, service, NOT shared AND (trace_id, span_id) IN shared_ids AS is_client_half
        FROM slice
        WHERE start >= begins - toIntervalMinute(1) OR kind = 'producer'
    ) AS caller
    INNER JOIN (
        SELECT * FROM slice WHERE start >= begins AND start < ends AND caller_id != toFixedString('', 8)
    ) AS callee
    ON caller.trace_id = callee.trace_id
        AND caller.span_id = callee.caller_id
        AND caller.is_client_half = callee.shared
    WHERE caller.service != callee.service
    GROUP BY callee.trace_id, callee.span_id, callee.service
    UNION ALL
    SELECT
        any(service) AS parent,
        any(peer) AS child,
        'peer' AS connection,
        any(adjusted_count) AS weight,
        any(status_code) = 'error' AS failed,
        any(duration_ns) AS duration_ns
    FROM clients
    WHERE peer != '' AND peer != service AND (trace_id, span_id) NOT IN answered
    GROUP BY trace_id, span_id
)
GROUP BY parent, child, connection
SETTINGS max_threads = 1, join_algorithm = 'grace_hash', max_bytes_in_join = 100000000
