-- :stored  where the spans of a trace are
trace_spans
PREWHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
-- :pinned  where they are when it is pinned: its day may have gone, or some of it
(
    SELECT *
    FROM trace_spans
    PREWHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
    UNION ALL
    SELECT *
    FROM pinned_spans
    WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
      AND (span_id, service, kind) NOT IN (
        SELECT span_id, service, kind
        FROM trace_spans
        WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
      )
)
-- :by_start  in the order of their start
ORDER BY start, duration_ns DESC, span_id
-- :at_most  so many of them, in no order
LIMIT {limit:UInt32}
