-- How many spans of a trace are not copied, how many are, and how many of all traces.
SELECT
    (
        SELECT count()
        FROM trace_spans
        WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
          AND (span_id, service, kind) NOT IN (
            SELECT span_id, service, kind
            FROM pinned_spans
            WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
          )
    ) AS missing,
    (SELECT count() FROM pinned_spans WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)) AS copied,
    (SELECT count() FROM pinned_spans) AS all_copied
