-- Copies of the spans of pinned traces. They have no age: they stay when their day has gone from `trace_spans`.
CREATE TABLE IF NOT EXISTS pinned_spans AS trace_spans
ENGINE = $merge
ORDER BY trace_id
SETTINGS index_granularity = 1024, $durable
