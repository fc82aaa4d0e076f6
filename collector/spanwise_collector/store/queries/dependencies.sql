-- Which service called which, from the spans of a window: a span and its parent in another service, the two halves of a
-- span that client and server share (Zipkin), and clients of a peer that sent no spans of its own.
WITH
    toFixedString('', 8) AS none,
    fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') AS window_start,
    fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC') AS window_end,
    callers AS (
        SELECT
            trace_id,
            span_id,
            argMin(service, kind = 'client') AS server_service,
            argMax(service, kind = 'client') AS client_service
        FROM trace_spans
        WHERE start >= window_start AND start <= window_end
        GROUP BY trace_id, span_id
    ),
    callees AS (
        SELECT
            trace_id,
            service,
            status_code,
            arrayExists(a -> a.key = 'zipkin.shared', attributes) AS shared,
            if(shared, span_id, parent_span_id) AS caller_id
        FROM trace_spans
        WHERE start >= window_start AND start <= window_end AND (shared OR parent_span_id != none)
    )
SELECT parent, child, count() AS calls, countIf(failed) AS errors
FROM (
    SELECT if(c.shared, p.client_service, p.server_service) AS parent, c.service AS child, c.status_code = 'error' AS failed
    FROM callees AS c
    INNER JOIN callers AS p ON p.trace_id = c.trace_id AND p.span_id = c.caller_id
    UNION ALL
    SELECT
        service AS parent,
        arrayFirst(a -> a.key = 'peer.service', attributes).value AS child,
        status_code = 'error' AS failed
    FROM trace_spans
    WHERE start >= window_start AND start <= window_end AND kind IN ('client', 'producer')
      AND (trace_id, span_id) NOT IN (SELECT trace_id, caller_id FROM callees)
)
WHERE parent != child AND child != ''
GROUP BY parent, child
ORDER BY parent, child
LIMIT 10000
