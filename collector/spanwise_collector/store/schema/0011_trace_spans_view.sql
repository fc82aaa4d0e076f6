-- Fills the spans by trace id.
CREATE MATERIALIZED VIEW IF NOT EXISTS trace_spans_view TO trace_spans AS
SELECT * FROM span_rows
