-- Copies the resources and scopes of a trace.
INSERT INTO pinned_origins
SELECT *
FROM origins
WHERE origin IN (SELECT origin FROM trace_spans WHERE trace_id = toFixedString(unhex({trace_id:String}), 16))
LIMIT 1 BY origin
