-- Fills the origins, for each day on which spans of them started.
CREATE MATERIALIZED VIEW IF NOT EXISTS origins_view TO origins AS
SELECT
    arrayJoin(arrayDistinct(arrayMap(
        span -> toDate(fromUnixTimestamp64Nano(toInt64(span.start_time_unix_nano), 'UTC')), spans
    ))) AS day,
    * EXCEPT (spans)
FROM scope_rows
