-- Fills the spans for search.
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_view TO spans AS
SELECT service, name, start, duration_ns, kind, status_code, trace_id, span_id, attributes, adjusted_count, origin
FROM span_rows
