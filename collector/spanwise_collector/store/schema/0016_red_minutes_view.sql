-- Adds spans up to rate, errors and duration a minute. A span kept for another reason than its probability weighs 0.
CREATE MATERIALIZED VIEW IF NOT EXISTS red_minutes_view TO red_minutes AS
SELECT
    toStartOfMinute(start) AS minute,
    service,
    name,
    kind,
    status_code = 'error' AS failed,
    if(duration_ns > 0, floor(4 * log2(duration_ns)), -1) AS bucket,
    sum(adjusted_count) AS weighted_count,
    sum(adjusted_count * greatest(duration_ns, 0)) AS weighted_duration_ns,
    count() AS span_count
FROM span_rows
GROUP BY minute, service, name, kind, failed, bucket
