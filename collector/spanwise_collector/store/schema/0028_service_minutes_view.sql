-- Adds up by service what each insert has added to red_minutes.
CREATE MATERIALIZED VIEW IF NOT EXISTS service_minutes_view TO service_minutes AS
SELECT
    minute,
    service,
    kind,
    failed,
    sum(red_minutes.weighted_count) AS weighted_count,
    sum(red_minutes.span_count) AS span_count,
    sumMap(map(bucket, red_minutes.weighted_count)) AS buckets
FROM red_minutes
GROUP BY minute, service, kind, failed
