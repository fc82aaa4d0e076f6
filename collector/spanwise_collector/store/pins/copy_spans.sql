-- Copies the spans of a trace that are not copied yet.
INSERT INTO pinned_spans
SELECT *
FROM trace_spans
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
  AND (span_id, service, kind) NOT IN (
        SELECT span_id, service, kind
        FROM pinned_spans
        WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
      )
