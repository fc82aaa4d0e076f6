-- Adds spans up to trace summaries.
CREATE MATERIALIZED VIEW IF NOT EXISTS traces_view TO traces AS
SELECT
    toStartOfMinute(start) AS minute,
    trace_id,
    min(start) AS first_start,
    max(addNanoseconds(start, greatest(duration_ns, 0))) AS last_end,
    count() AS span_count,
    countIf(status_code = 'error') AS error_count
FROM span_rows
GROUP BY minute, trace_id
