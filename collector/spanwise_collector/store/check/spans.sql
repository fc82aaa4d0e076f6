-- The spans in each table that has every span; after each insert they are the same number, but rates keep those deleted.
SELECT
    (SELECT count() FROM spans) AS spans,
    (SELECT count() FROM trace_spans) AS trace_spans,
    (SELECT sum(span_count) FROM traces) AS traces,
    (SELECT sum(span_count) FROM red_minutes) AS red_minutes,
    (SELECT sum(span_count) FROM service_minutes) AS service_minutes
